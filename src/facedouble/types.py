"""The values that pass between the parts of the program, and the legend of their shapes and axes.

Legend, valid everywhere unless a docstring says otherwise:

- *image*: ``(H, W, 3)`` uint8, rows then columns, channels R, G, B, full range 0..255.
- *grey*: ``(H, W)`` uint8, luma of full range.
- *batch*: ``(N, 3, H, W)`` float32 in 0..1, channels R, G, B.
- *point*: ``(x, y)``, x to the right, y down, pixel **centres** at whole numbers.
- *landmarks*: ``(68, 2)`` float32 points in the order of Multi-PIE / iBUG 300-W.
- *alignment*: ``(2, 3)`` float64 matrix that takes a frame point to a crop point.
- *box*: left, top, right, bottom in whole pixels, right and bottom exclusive.
- *descriptor*: ``(128,)`` float32 identity vector; Euclidean distance, 0.6 is "the same person".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.uint8]
Landmarks = npt.NDArray[np.float32]
Alignment = npt.NDArray[np.float64]
Descriptor = npt.NDArray[np.float32]
Mask = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float32]

Side = Literal["a", "b"]
SIDES: tuple[Side, Side] = ("a", "b")
OTHER: Mapping[Side, Side] = {"a": "b", "b": "a"}

Origin = Literal["detected", "followed", "filled"]
"""How a face came to be known: found by the detector, followed from a frame next to it, or filled in
between two frames of its track."""

Verdict = Literal["kept", "small", "surplus", "blurry", "stranger", "unwanted"]
"""What extraction decided of a face, and why: narrower than the smallest wanted, beyond the number
wanted of each frame, less sharp than wanted, not the person asked for, or one asked to be left out."""


class Box(NamedTuple):
    """A rectangle in whole pixels; ``right`` and ``bottom`` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the rectangle as a point (pixel centres at whole numbers)."""
        return (self.left + self.right - 1) / 2, (self.top + self.bottom - 1) / 2

    def overlap(self, other: Box) -> float:
        """Intersection over union with ``other``, 0..1."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        if width <= 0 or height <= 0:
            return 0.0
        inner = width * height
        return inner / (self.width * self.height + other.width * other.height - inner)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a clip or folder.

    ``index`` counts from 0 in presentation order. ``pts`` is the presentation time in units of
    ``time_base`` seconds. ``name`` is the file's name where the frame came from a folder.
    """

    index: int
    pts: int
    time_base: Fraction
    image: Image
    name: str | None = None

    @property
    def seconds(self) -> float:
        return float(self.pts * self.time_base)


@dataclass(frozen=True, slots=True)
class Detection:
    """What a detector returns: where a face is and how sure it is (the detector's own scale)."""

    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame.

    ``landmarks`` are as measured on this frame alone, ``steady`` as smoothed over the track (equal
    to ``landmarks`` until the track is known). ``alignment`` takes frame points to points of the
    square crop of side ``crop_size``. ``confidence`` is on the detector's own scale, of the last
    detection that bore the face out. ``descriptor`` is there for some faces of each track only.
    ``sharpness`` is the variance of the Laplacian of the luma of the crop (Pech-Pacheco 2000), so it
    does not depend on the face's size on screen. ``colour`` is (2, 3) float32: mean and standard
    deviation of R, G, B over the face, 0..1. ``wanted`` and ``unwanted`` are the distances to the
    nearest reference picture of each kind, where there are any. ``motion`` (2, 3) takes points of
    this face on the frame before to where the picture of them is now, in frame pixels; ``None`` where
    it was not followed. Faces of one ``chain`` were followed from frame to frame; a ``track`` is made
    of chains. ``rotation`` is by how many degrees,
    counter-clockwise, the frame was turned to find the face. ``cut`` says whether its crop was made,
    ``crop`` where it lies now, from the faceset's folder; ``None`` when it was deleted.
    """

    frame_index: int
    face_index: int
    box: Box
    confidence: float
    landmarks: Landmarks
    steady: Landmarks
    alignment: Alignment
    crop_size: int
    descriptor: Descriptor | None = None
    sharpness: float = 0.0
    colour: FloatArray | None = None
    motion: Alignment | None = None
    chain: int = 0
    track: int = 0
    rotation: int = 0
    origin: Origin = "detected"
    verdict: Verdict = "kept"
    wanted: float | None = None
    unwanted: float | None = None
    cut: bool = False
    crop: str | None = None

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from every other face of its faceset: frame and face number."""
        return self.frame_index, self.face_index

    def with_(self, **changes: object) -> Face:
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]
