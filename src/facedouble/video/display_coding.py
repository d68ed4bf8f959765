"""Where faces are found and drawn: display values of any footage, and the way back.

Networks know pictures in sRGB. Scene-linear plates, HDR and camera footage are brought there by way of linear
light with the primaries of Rec. 709, in which diffuse white is 1: up to a knee by the curve of sRGB (IEC
61966-2-1), above it by a logarithm that meets the curve with the same slope, and reaches the display's white
at :data:`LARGEST`. So highlights keep their order, and every display value has one light to go back to.

A ``Coding`` says how the values that a file holds stand to that light. Only pixels of a new face go back
through it; all others are left as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.types import FloatArray, Mask
from facedouble.video.overlay import Overlay

LARGEST = 16.0
"""Light that is shown as white, as a multiple of diffuse white: four stops above it."""

_KNEE = 0.8  # display value
_PEAK = 65535
_SMOOTH = 0.012  # of a face: pores, but no highlight


class Coding(Protocol):
    """How the values of a file stand to light. Colours are (..., 3) float32; light is linear, with the
    primaries of Rec. 709 and diffuse white at 1, and may be negative or above 1."""

    def to_light(self, coded: FloatArray) -> FloatArray:
        """Values of the file as light."""
        ...

    def from_light(self, light: FloatArray) -> FloatArray:
        """The inverse."""
        ...


@dataclass(frozen=True, slots=True)
class LinearCoding:
    """Scene-linear values. ``matrix`` (three rows) takes their primaries to Rec. 709; ``None``: they have
    those."""

    matrix: tuple[tuple[float, float, float], ...] | None = None

    def to_light(self, coded: FloatArray) -> FloatArray:
        return coded if self.matrix is None else multiplied(coded, np.array(self.matrix))

    def from_light(self, light: FloatArray) -> FloatArray:
        return light if self.matrix is None else multiplied(light, np.linalg.inv(np.array(self.matrix)))


def to_srgb(light: FloatArray) -> FloatArray:
    """Light as sRGB, clipped to 0..1."""
    values = np.clip(np.nan_to_num(light, nan=0.0), 0, 1)
    low = values <= 0.0031308
    return np.where(low, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055).astype(np.float32)


def from_srgb(shown: FloatArray) -> FloatArray:
    """SRGB as light, 0..1."""
    values = np.clip(shown, 0, 1).astype(np.float32)
    low = values <= 0.04045
    return np.where(low, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_display(light: FloatArray) -> FloatArray:
    """Light (..., 3) as display values 0..1. Highlights are compressed by their brightest channel, so that
    they keep their hue. What is no number becomes black."""
    values = np.maximum(np.nan_to_num(light, nan=0.0, posinf=LARGEST, neginf=0.0), 0)
    brightest = values.max(axis=-1, keepdims=True)
    bright = brightest > _shoulder()[0]
    gain = np.where(bright, _shown_light(brightest) / np.maximum(brightest, 1e-6), 1)
    return to_srgb((values * gain).astype(np.float32))


def from_display(shown: FloatArray, *, smooth: float = 0.0) -> FloatArray:
    """The inverse of :func:`to_display`, for values (..., 3) within 0..1.

    With ``smooth``, of a picture (H, W, 3), highlights get the light of their surroundings, Gaussian of this
    deviation in pixels: the shoulder compresses what a camera saw, pores and grain with it, but what is
    drawn has these as a display shows them, and would sparkle.
    """
    values = from_srgb(shown)
    brightest = values.max(axis=-1, keepdims=True)
    if smooth:
        brightest = cv2.GaussianBlur(brightest, (0, 0), smooth, borderType=cv2.BORDER_REPLICATE)[..., None]
    knee, slope, scale = _shoulder()
    above = np.maximum(to_srgb(brightest) - _KNEE, 0)
    light = knee + np.expm1(above / scale) * (scale / slope)
    gain = np.where(brightest > knee, light / np.maximum(brightest, 1e-6), 1)
    return (values * gain).astype(np.float32)


def _shown_light(light: FloatArray) -> FloatArray:
    """Light above the knee as the light that a display gives for it."""
    knee, slope, scale = _shoulder()
    shown = _KNEE + scale * np.log1p(np.maximum(light - knee, 0) * (slope / scale))
    return from_srgb(np.minimum(shown, 1).astype(np.float32))


def display_pixels(coded: FloatArray, coding: Coding) -> npt.NDArray[np.uint16]:
    """Coded colours (H, W, 3) as display values of 16 bits."""
    return np.rint(to_display(coding.to_light(coded)) * _PEAK).astype(np.uint16)


def coded_pixels(shown: npt.NDArray[Any], coding: Coding) -> FloatArray:
    """Display values (H, W, 3) uint8 or uint16 as the coded colours that they stand for."""
    values = shown.astype(np.float32) / np.float32(np.iinfo(shown.dtype).max)
    return coding.from_light(from_display(values))


class Blended(NamedTuple):
    """What laying faces over coded colours gives: the ``colours`` (H, W, 3), the ``faces`` alone (H, W, 3),
    coded, premultiplied with their ``alpha`` (H, W), which is 0 where the colours are what they were."""

    colours: FloatArray
    faces: FloatArray
    alpha: Mask


def blended(coded: FloatArray, overlays: Sequence[Overlay], coding: Coding) -> Blended:
    """Lay faces over coded colours (H, W, 3) in linear light, as compositors do. What is under a face and no
    number takes the face's light."""
    light = coding.to_light(coded).astype(np.float32, copy=True)
    faces = np.zeros_like(light)
    alphas = np.zeros(light.shape[:2], dtype=np.float32)
    for overlay in overlays:
        alpha = np.clip(overlay.alpha, 0, 1)[..., None]
        face = from_display(overlay.picture, smooth=_SMOOTH * max(alpha.shape))
        below = light[overlay.area]
        below = np.where(np.isfinite(below), below, face)
        light[overlay.area] = np.where(alpha > 0, below + alpha * (face - below), light[overlay.area])
        faces[overlay.area] += alpha * (face - faces[overlay.area])
        own = alphas[overlay.area]
        alphas[overlay.area] = own + alpha[..., 0] * (1 - own)
    changed = alphas > 0
    result = coded.copy()
    result[changed] = coding.from_light(light[changed])
    return Blended(result, coding.from_light(faces), alphas)


def multiplied(colours: FloatArray, matrix: npt.NDArray[np.float64]) -> FloatArray:
    """Colours (..., 3) by a matrix (3, 3)."""
    return np.asarray(colours @ matrix.T.astype(np.float32), dtype=np.float32)


@lru_cache(maxsize=1)
def _shoulder() -> tuple[float, float, float]:
    """The light at the knee, the curve's slope there, and the scale of the logarithm above it."""
    knee = ((_KNEE + 0.055) / 1.055) ** 2.4
    slope = 1.055 / 2.4 * knee ** (1 / 2.4 - 1)
    low, high = 1e-4, 1.0
    for _ in range(100):  # the larger the scale, the higher the curve ends
        scale = (low + high) / 2
        ends = scale * math.log1p((LARGEST - knee) * slope / scale)
        low, high = (scale, high) if ends < 1 - _KNEE else (low, scale)
    return knee, slope, (low + high) / 2
