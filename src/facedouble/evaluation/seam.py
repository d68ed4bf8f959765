"""The seam between the new face and the frame: brightness steps across it, and colours on both sides.

A result does not tell how far its mask reached. So the outline of the face is examined at many distances,
inside and outside the hull of the landmarks, and the worst one counts.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.hull import FOREHEAD, face_hull
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import FloatArray, Image, Landmarks

_Array = npt.NDArray[np.float64]

SECTORS = 12
"""Number of sectors of the outline, whose colours are compared separately."""

# Bands along the outline: distances as shares of the crop's side, negative inside.
_FIRST, _LAST, _BAND = -0.075, 0.07, 0.01
_RING = 0.05  # width of a ring of colour
_INNER, _OUTER = -0.06, 0.01  # where the inner ring ends and the outer one begins
_MIN_PIXELS = 20


def outline_distance(landmarks: Landmarks, size: int, scheme: LandmarkScheme) -> FloatArray:
    """Distance of each pixel of a crop (size, size) from the outline of the face, as a share of the
    crop's side; negative inside. The outline is the landmarks' hull with some forehead."""
    inside = (face_hull(landmarks, size, scheme, forehead=FOREHEAD) > 0.5).astype(np.uint8)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    beyond = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    return np.asarray((beyond - within) / size, dtype=np.float32)


def gradient_step(
    result: Image, source: Image, distance: FloatArray, seen: npt.NDArray[np.bool_] | None = None
) -> float:
    """How steeply brightness changes across the edge of the face where it does not in the source.

    For the difference of result and source, both crops (S, S, 3), the derivative of luma along the normal
    of the outline is computed, in levels (0..255) per pixel, and averaged over bands of equal ``distance``
    (S, S, see :func:`outline_distance`) within each of :data:`SECTORS` sectors. The value is the median of
    its absolute value over the sectors, for the band where that is largest: a seam runs along most of the
    outline, whereas differing features occur only here and there. 0 is none, lower is better. Of a face
    that is partly covered only what is ``seen`` (S, S) counts, and only the sectors that show some of it.
    """
    inside = (distance >= _FIRST) & (distance < _LAST)
    if seen is not None:
        inside &= seen
    part = _sector(distance, inside)
    half = np.floor((distance[inside] - _FIRST) / (_BAND / 2)).astype(np.int64)
    number = half * SECTORS + part
    length = (int(half.max(initial=1)) + 1) * SECTORS
    steps = _across(result, source, distance)[inside]
    counts = np.bincount(number, minlength=length).reshape(-1, SECTORS)
    sums = np.bincount(number, weights=steps, minlength=length).reshape(-1, SECTORS)
    # Bands overlap by half, so that any edge lies within one of them.
    counts, sums = counts[:-1] + counts[1:], sums[:-1] + sums[1:]
    means = np.where(counts >= _MIN_PIXELS, np.abs(sums) / np.maximum(counts, 1), 0)
    if seen is not None:
        shown = (counts >= _MIN_PIXELS).any(axis=0)
        if not shown.any():
            return 0.0
        means = means[:, shown]
    return float(np.median(means, axis=1).max())


def _sector(distance: FloatArray, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The sector, 0 to SECTORS - 1, of each pixel of ``inside``, flat."""
    rows, columns = np.nonzero(inside)
    middle = np.nonzero(distance < 0)
    angle = np.arctan2(rows - middle[0].mean(), columns - middle[1].mean()) / (2 * np.pi) + 0.5
    return np.asarray(np.floor(angle * SECTORS).astype(np.int64) % SECTORS, dtype=np.int64)


def _across(result: Image, source: Image, distance: FloatArray) -> FloatArray:
    """Derivative of the luma of result minus source across the outline at each pixel, in levels per pixel."""
    lumas = [cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32) for crop in (result, source)]
    x, y = _slope(np.asarray(cv2.GaussianBlur(distance, (0, 0), 2.0), dtype=np.float32))
    across, down = _slope(np.asarray(lumas[0] - lumas[1], dtype=np.float32))
    return np.asarray((across * x + down * y) / np.maximum(np.hypot(x, y), 1e-6), dtype=np.float32)


def _slope(picture: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Horizontal and vertical derivatives (H, W) by Sobel filters, per pixel."""
    across, down = (cv2.Sobel(picture, cv2.CV_32F, *axes, scale=1 / 8) for axes in ((1, 0), (0, 1)))
    return np.asarray(across, dtype=np.float32), np.asarray(down, dtype=np.float32)


def ring_step(
    result: Image, source: Image, distance: FloatArray, seen: npt.NDArray[np.bool_] | None = None
) -> float:
    """How much more the colours just inside and just outside the edge of the face differ than in the source.

    For each of :data:`SECTORS` sectors the CIEDE2000 difference between the mean colours of a ring inside
    and one outside is computed, in the result and in the source. The value is the mean over the sectors of
    how much larger it is in the result; 0 is none, lower is better, 2 is visible. Of a face that is partly
    covered only what is ``seen`` (S, S) counts.
    """
    inner = (distance >= _INNER - _RING) & (distance < _INNER)
    outer = (distance >= _OUTER) & (distance < _OUTER + _RING)
    both = inner | outer
    if seen is not None:
        both &= seen
    part = 2 * _sector(distance, both) + outer[both]
    counts = np.bincount(part, minlength=2 * SECTORS)
    known = counts.reshape(SECTORS, 2).min(axis=1) >= _MIN_PIXELS
    if not known.any():
        return 0.0
    differences = []
    for crop in (result, source):
        lab = cv2.cvtColor(crop.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab)[both]
        sums = [np.bincount(part, weights=channel, minlength=2 * SECTORS) for channel in lab.T]
        means = (np.array(sums) / np.maximum(counts, 1)).T.reshape(SECTORS, 2, 3)[known]
        differences.append(ciede2000(means[:, 0], means[:, 1]))
    return float(np.maximum(differences[0] - differences[1], 0).mean())


def ciede2000(one: npt.ArrayLike, other: npt.ArrayLike) -> _Array:
    """Difference of colours (..., 3) in CIELAB by CIEDE2000 (Luo, Cui and Rigg 2001), with all weights 1;
    verified with the pairs of Sharma, Wu and Dalal 2005. 1 is about a just noticeable difference."""
    first, second = (np.asarray(value, dtype=np.float64) for value in (one, other))
    chroma = (np.hypot(first[..., 1], first[..., 2]) + np.hypot(second[..., 1], second[..., 2])) / 2
    grey = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))  # factor of a, larger near grey
    c1, h1 = _polar(first, grey)
    c2, h2 = _polar(second, grey)
    lightness, chroma = (first[..., 0] + second[..., 0]) / 2, (c1 + c2) / 2
    coloured = c1 * c2 > 0
    turn = np.where(coloured, (h2 - h1 + 180) % 360 - 180, 0.0)
    apart = np.abs(h1 - h2) > 180
    hue = np.where(coloured, (h1 + h2 + np.where(apart, np.where(h1 + h2 < 360, 360, -360), 0)) / 2, h1 + h2)

    def cosine(factor: float, shift: float) -> _Array:
        return np.asarray(np.cos(np.radians(factor * hue + shift)))

    weight = 1 - 0.17 * cosine(1, -30) + 0.24 * cosine(2, 0) + 0.32 * cosine(3, 6) - 0.20 * cosine(4, -63)
    dl = (second[..., 0] - first[..., 0]) / (
        1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    )
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * weight)
    blue = np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2)))
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(blue)
    return np.asarray(np.sqrt(np.maximum(dl**2 + dc**2 + dh**2 + rotation * dc * dh, 0)))


def _polar(lab: _Array, grey: _Array) -> tuple[_Array, _Array]:
    """Chroma and hue (degrees 0..360) with a multiplied by ``grey``."""
    a, b = lab[..., 1] * grey, lab[..., 2]
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
