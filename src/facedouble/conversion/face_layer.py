"""What the steps of the face pipeline work on: one new face on its way into one frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

from facedouble.conversion.plan import PlannedFace
from facedouble.faces.align import map_points
from facedouble.faces.schemes.scheme import LandmarkScheme, scheme_of
from facedouble.types import Alignment, FloatArray, Image, Landmarks, Mask


@dataclass(frozen=True, slots=True)
class FaceLayer:
    """A drawn face and everything needed to put it back. Picture and mask show the same square of the frame,
    the model's view, each at the resolution it needs.

    ``picture`` (R, R, 3) float32 at the model's resolution: at first in the standard colouring, later in the
    frame's, 0..1. ``mask`` (S, S) float32 0..1. ``alignment`` maps frame pixels to mask pixels.
    ``learned_mask`` (R, R) is the model's own mask, if it has one. ``frame`` is the frame, read-only.
    """

    planned: PlannedFace
    frame: Image
    picture: FloatArray
    learned_mask: Mask | None
    mask: Mask
    alignment: Alignment

    @property
    def mask_size(self) -> int:
        """Side of the mask in pixels."""
        return int(self.mask.shape[0])

    @property
    def scheme(self) -> LandmarkScheme:
        """The scheme of the landmarks."""
        return scheme_of(self.planned.face)

    @property
    def landmarks(self) -> Landmarks:
        """The outline that masks are drawn from (P, 2), in mask pixels."""
        return map_points(self.alignment, self.planned.outline)

    def with_(self, **changes: object) -> FaceLayer:
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]
