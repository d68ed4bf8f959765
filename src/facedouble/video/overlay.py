"""A new face ready to be laid over a frame."""

from __future__ import annotations

from dataclasses import dataclass

from facedouble.types import FloatArray, Mask


@dataclass(frozen=True, slots=True)
class Overlay:
    """A face in frame pixels, ready to be composited: ``picture`` (h, w, 3) and ``alpha`` (h, w) float32
    0..1, with its upper left corner at the frame's pixel (``left``, ``top``)."""

    left: int
    top: int
    picture: FloatArray
    alpha: Mask
    mask: Mask | None = None
    """Its mask (h, w) with what is in front of the face, where that is left out of ``alpha``."""

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns of the frame that it covers."""
        height, width = self.alpha.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)
