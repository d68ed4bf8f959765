"""Sharpening of the drawn face, at the model's own resolution.

Each sharpener adds ``amount`` times the fine detail to a picture (R, R, 3) float32.
"""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.face_step import FaceStep
from facedouble.conversion.registry import SHARPENERS
from facedouble.conversion.swapper import Swapper
from facedouble.settings.convert import ConvertSettings, RealDetail, Sharpened
from facedouble.types import FloatArray

_RADIUS = 1 / 96  # of the side of the picture: the scale of fine detail
_CORING = 0.006  # ``unsharp`` halves detail of this amplitude (0..1)


class Sharpen(FaceStep):
    """Restore fine detail that the model softens."""

    name = "sharpen"

    def __init__(self, kind: str, amount: float) -> None:
        self._sharpener, self._amount = SHARPENERS[kind], amount

    @classmethod
    def from_settings(cls, settings: ConvertSettings, swapper: Swapper) -> Sharpen | None:
        detail = settings.detail
        if isinstance(detail, RealDetail) and swapper.side not in swapper.references:
            detail = Sharpened()
        if not isinstance(detail, Sharpened) or not detail.amount:
            return None
        return cls(detail.sharpener, detail.amount)

    def __call__(self, layer: FaceLayer) -> FaceLayer:
        sharpened = self._sharpener(layer.picture, self._amount)
        return layer.with_(picture=np.asarray(sharpened, dtype=np.float32))


def gsharpen(picture: FloatArray, amount: float) -> FloatArray:
    """Fine detail is the difference from a Gaussian blur of 1/96 of the side."""
    return picture + amount * (picture - _gaussian(picture))


def bsharpen(picture: FloatArray, amount: float) -> FloatArray:
    """Fine detail is the difference from a box blur of about three times the width of ``gsharpen``."""
    side = 2 * max(1, round(_RADIUS * picture.shape[0] * 1.5)) + 1
    soft = cv2.blur(picture, (side, side), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(picture + amount * (picture - soft), dtype=np.float32)


def unsharp(picture: FloatArray, amount: float) -> FloatArray:
    """``gsharpen`` with coring: faint detail is not amplified, so that smooth skin does not turn noisy."""
    detail = picture - _gaussian(picture)
    energy = np.abs(detail).max(axis=2, keepdims=True) ** 2
    return np.asarray(picture + amount * detail * (energy / (energy + _CORING**2)), dtype=np.float32)


def _gaussian(picture: FloatArray) -> FloatArray:
    sigma = max(_RADIUS * picture.shape[0], 0.5)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))
