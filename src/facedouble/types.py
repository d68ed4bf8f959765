"""The values that pass between the parts of the program, and the conventions for their shapes and axes.

These hold everywhere unless a docstring says otherwise:

- *image*: ``(H, W, 3)`` uint8, rows then columns, channels R, G, B, full range 0..255.
- *grey*: ``(H, W)`` uint8, full-range luma.
- *batch*: ``(N, 3, H, W)`` float32 in 0..1, channels R, G, B.
- *point*: ``(x, y)``, x to the right, y down, pixel **centres** at whole numbers.
- *landmarks*: ``(P, 2)`` float32 points; how many, and what each of them is, says the landmark scheme
  (``faces.schemes``). A point that the predictor could not place is NaN, where the scheme allows it.
- *alignment*: ``(2, 3)`` float64 matrix that takes a frame point to a crop point.
- *frame pixels* of points, boxes and alignments are square: those of the frame as it is shown
  (:mod:`.video.pixel_aspect`).
- *box*: left, top, right, bottom in whole pixels, right and bottom exclusive.
- *descriptor*: ``(128,)`` float32 identity vector. Euclidean distance; below 0.6 is the same person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
OTHER_SIDE: Mapping[Side, Side] = {"a": "b", "b": "a"}

Origin = Literal["detected", "followed", "carried", "filled"]
"""How a face was found: by the detector; tracked from a neighbouring frame; carried from there by the motion
of the picture alone, where the head is turned so far that no network places its landmarks; or interpolated
between two frames of its track."""

FaceStatus = Literal["kept", "small", "surplus", "blurry", "stranger", "unwanted"]
"""Whether extraction kept a face, or why it did not: narrower than the minimum, beyond the number wanted
of each frame, not sharp enough, not a person asked for, or a person asked to be left out."""


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
        """The centre as a point (pixel centres at whole numbers)."""
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
class Detection:
    """A detector's result: where a face is, and its confidence on the detector's own scale.

    ``roll`` is the tilt of the head in degrees, clockwise on screen, as in ``faces.pose.Pose``; 0 where the
    detector does not know it.
    """

    box: Box
    confidence: float
    roll: float = 0.0


@dataclass(frozen=True, slots=True)
class PredictedLandmarks:
    """What a landmark predictor finds of one face.

    ``points`` (P, 2) float32, in pixels of the picture it was given. ``depth`` (P,) float32, in the same
    pixels, larger further away from the camera; only differences have a meaning. ``None`` where the predictor
    knows no depth. ``presence`` is the probability, 0..1, that there is a face under the points; ``None``
    where the predictor does not know it.
    """

    points: Landmarks
    depth: FloatArray | None = None
    presence: float | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame.

    Each face has exactly one place in its faceset, its :attr:`key`.
    """

    frame_index: int
    face_index: int
    box: Box
    confidence: float
    """On the detector's own scale, from the last detection that confirmed the face."""
    landmarks: Landmarks
    """As measured on this frame alone."""
    smoothed: Landmarks
    """Smoothed along the track; equal to ``landmarks`` until the track is known."""
    alignment: Alignment
    crop_size: int
    """Side of the square crop in pixels."""
    scheme: str
    """Name of the landmark scheme that ``landmarks`` and ``smoothed`` follow, see ``faces.schemes``."""
    depth: FloatArray | None = None
    """(P,) float32: how far each of the ``landmarks`` lies away from the camera, in frame pixels; only
    differences have a meaning. ``None`` where the scheme's predictor knows no depth."""
    descriptor: Descriptor | None = None
    """Computed for some faces of each track only."""
    sharpness: float = 0.0
    """Variance of the Laplacian of the crop's luma (Pech-Pacheco et al. 2000). Measured on the crop, so
    it does not depend on the face's size on screen."""
    colour: FloatArray | None = None
    """(2, 3): mean and standard deviation of R, G, B over the face, 0..1."""
    motion: Alignment | None = None
    """(2, 3): takes points of this face in the previous frame to this frame, in frame pixels; ``None``
    where it was not tracked from there."""
    tracklet: int = 0
    """Faces of one tracklet were followed from frame to frame."""
    track: int = 0
    """Tracklets that belong to one person, joined."""
    rotation: int = 0
    """Degrees, counter-clockwise, by which the frame was turned to find the face."""
    origin: Origin = "detected"
    status: FaceStatus = "kept"
    wanted_distance: float | None = None
    """Descriptor distance to the nearest picture of a person wanted; ``None`` without such pictures."""
    unwanted_distance: float | None = None
    """Descriptor distance to the nearest picture of a person not wanted."""
    cropped: bool = False
    """Whether its crop was ever written."""
    crop: str | None = None
    """Path of its crop, relative to the faceset's folder; ``None`` once it was deleted."""
    expression: FloatArray | None = None
    """(K,): expression values, such as blendshapes, as the landmark scheme orders them."""
    person: str | None = None
    """Who somebody said it is."""
    edited: bool = False
    """Whether a person set the landmarks. Then no run changes them, nor the alignment."""

    @property
    def key(self) -> tuple[int, int]:
        """Frame and face number: unique within a faceset."""
        return self.frame_index, self.face_index

    def with_(self, **changes: object) -> Face:
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]
