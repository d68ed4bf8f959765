"""Sharpening of the drawn face, at the model's own resolution."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from facedouble.types import FloatArray

_RADIUS = 1 / 96  # of the side of the picture: the scale of fine detail
_CORING = 0.006  # ``unsharp`` halves detail of this amplitude (0..1)


def _gsharpen(picture: FloatArray, amount: float) -> FloatArray:
    return picture + amount * (picture - _gaussian(picture))


def _bsharpen(picture: FloatArray, amount: float) -> FloatArray:
    side = 2 * max(1, round(_RADIUS * picture.shape[0] * 1.5)) + 1
    soft = cv2.blur(picture, (side, side), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(picture + amount * (picture - soft), dtype=np.float32)


def _unsharp(picture: FloatArray, amount: float) -> FloatArray:
    detail = picture - _gaussian(picture)
    energy = np.abs(detail).max(axis=2, keepdims=True) ** 2
    return np.asarray(picture + amount * detail * (energy / (energy + _CORING**2)), dtype=np.float32)


def _none(picture: FloatArray, amount: float) -> FloatArray:
    return picture


def _gaussian(picture: FloatArray) -> FloatArray:
    sigma = max(_RADIUS * picture.shape[0], 0.5)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


SHARPENERS: dict[str, Callable[[FloatArray, float], FloatArray]] = {
    "none": _none,
    "bsharpen": _bsharpen,
    "gsharpen": _gsharpen,
    "unsharp": _unsharp,
}
"""Sharpeners by name; each maps a picture (R, R, 3) float32 and an amount to a picture. All add ``amount``
times the fine detail: the difference from a Gaussian blur of 1/96 of the side (``gsharpen``) or from a box
blur of about three times that (``bsharpen``). ``unsharp`` is ``gsharpen`` with coring: faint detail is not
amplified, so that smooth skin does not turn noisy."""
