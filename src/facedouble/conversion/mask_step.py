"""The steps that decide where the new face is painted: its mask, and what is in front of the face."""

from __future__ import annotations

import numpy as np

from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.face_step import FaceStep
from facedouble.conversion.masks import erode, feather, learned, whole_square
from facedouble.conversion.registry import MASKS
from facedouble.conversion.swapper import Swapper
from facedouble.faces.align import scale_of
from facedouble.settings.convert import Adjust, ConvertSettings

_INSET = 0.02  # of the square: landmarks of the jaw lie on the edge of the face, and sometimes beside it
_SQUARE_FEATHER = 0.2  # of the square: soft edge of the whole square
_FEATHER_PIXELS = 12.0  # mask pixels across the soft edge; more would not be visible in the frame


class FaceMask(FaceStep):
    """Draw the mask, erode it and feather its edge.

    ``kind`` is one of ``MASKS``, or ``None`` for the whole square. It is eroded by ``erosion`` pixels of the
    frame, by the error of the landmarks, and by a quarter of ``feather_width`` (a fraction of the square),
    half of which would otherwise reach over the outline of the face. A whole square without feathering is
    not eroded.
    """

    name = "mask"

    def __init__(self, kind: str | None, erosion: float, feather_width: float) -> None:
        self._kind, self._erosion, self._feather_width = kind, erosion, feather_width
        self.needs_mask = "converter.mask.kind" if kind == "learned" else ""
        self._draw = whole_square if kind is None else MASKS[kind]
        self.min_mask_size = _FEATHER_PIXELS / feather_width if feather_width else np.inf

    @classmethod
    def from_settings(cls, settings: ConvertSettings, swapper: Swapper) -> FaceMask:
        converter = settings.converter
        if isinstance(converter, Adjust):
            return cls(None, 0.0, _SQUARE_FEATHER if converter.smooth_mask else 0.0)
        mask = converter.mask
        return cls(mask.kind, mask.erosion, mask.blur_size)

    def __call__(self, layer: FaceLayer) -> FaceLayer:
        mask, size, width = self._draw(layer), layer.mask_size, self._feather_width
        if self._kind is not None or width:
            radius = self._erosion * scale_of(layer.alignment) + (_INSET + width / 4) * size
            mask = erode(mask, radius)
        return layer.with_(mask=feather(mask, width * size))


class LearnedOcclusion(FaceStep):
    """Leave what the model's own mask leaves out to the source: models learn it from patches pasted in front
    of training faces."""

    name = "learned_occlusion"
    hides = True
    needs_mask = "occlusion.kind"

    def __init__(self, resolution: int) -> None:
        self.min_mask_size = 2 * resolution  # what is in front of the face has sharp edges of its own

    @classmethod
    def from_settings(cls, settings: ConvertSettings, swapper: Swapper) -> LearnedOcclusion | None:
        return cls(swapper.view.resolution) if settings.occlusion.kind == "learned" else None

    def __call__(self, layer: FaceLayer) -> FaceLayer:
        return layer.with_(mask=layer.mask * learned(layer, "occlusion.kind"))
