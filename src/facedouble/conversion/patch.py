"""What the conversion steps work on: one new face on its way into one frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

from facedouble.types import Alignment, Face, FloatArray, Landmarks, Mask


@dataclass(frozen=True, slots=True)
class Patch:
    """A decoded face and all that is needed to put it back.

    ``picture`` (S, S, 3) float32 0..1 and ``mask`` (S, S) float32 0..1 are in the pixels of a
    square crop of side S, ``alignment`` takes frame pixels to it, ``landmarks`` (68, 2) are the
    frame's face in it. ``source_colour`` and ``model_colour`` (2, 3) are the colour statistics of
    the frame's face and of the model's person.
    """

    face: Face
    picture: FloatArray
    mask: Mask
    alignment: Alignment
    landmarks: Landmarks
    source_colour: FloatArray
    model_colour: FloatArray

    @property
    def size(self) -> int:
        return int(self.picture.shape[0])

    def with_(self, **changes: object) -> Patch:
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]
