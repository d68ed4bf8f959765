"""What the conversion steps work on: one new face on its way into one frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

from facedouble.conversion.plan import Planned
from facedouble.faces.align import map_points
from facedouble.types import Alignment, FloatArray, Image, Landmarks, Mask


@dataclass(frozen=True, slots=True)
class Patch:
    """A drawn face and all that is needed to put it back. Both arrays show the same square of the frame,
    the model's view, each as finely as it needs.

    ``picture`` (R, R, 3) float32 is at the model's own resolution: first in the standard colouring, then in
    the frame's, 0..1. ``mask`` (S, S) float32 0..1; ``alignment`` takes frame pixels to the mask's.
    ``learned`` (R, R) is the model's own mask where it has one. ``frame`` is the whole frame, not to be
    changed.
    """

    item: Planned
    frame: Image
    picture: FloatArray
    learned: Mask | None
    mask: Mask
    alignment: Alignment

    @property
    def size(self) -> int:
        """Side of the mask."""
        return int(self.mask.shape[0])

    @property
    def landmarks(self) -> Landmarks:
        """The outline that masks are drawn from (68, 2), in the mask's pixels."""
        return map_points(self.alignment, self.item.outline)

    def with_(self, **changes: object) -> Patch:
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]
