"""Colour statistics of faces, and the conversion to standard colours and back.

Networks see every face with the same mean and standard deviation of each channel over the face. What is
left for the encoder is shape and shading, alike for both people. A decoded face then takes on the
statistics of the frame it goes into: the transfer of Reinhard et al. (2001), per RGB channel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facedouble.faces.time_filters import gaussian
from facedouble.types import Face, FloatArray, Image, Mask

STANDARD_MEAN = 0.5
STANDARD_DEVIATION = 0.18
SMALLEST_DEVIATION = 0.02
"""That colours are divided by."""
_SMOOTHING_FRAMES = 8.0


def to_float(image: Image) -> FloatArray:
    """An image (H, W, 3) or grey (H, W) as float32 0..1: uint8 of 0..255, or uint16 of 0..65535."""
    return np.asarray(image, dtype=np.float32) / np.float32(np.iinfo(image.dtype).max)


def colour_statistics(image: Image, mask: Mask) -> FloatArray:
    """Mean and standard deviation (2, 3) of R, G, B, 0..1, weighted by ``mask`` (H, W)."""
    pixels = to_float(image).reshape(-1, 3)
    weights = mask.reshape(-1)
    total = max(float(weights.sum()), 1e-6)
    mean = weights @ pixels / total
    deviation = np.sqrt(np.maximum(weights @ np.square(pixels) / total - mean**2, 0))
    return np.stack([mean, deviation]).astype(np.float32)


def smooth_statistics(faces: Sequence[Face]) -> FloatArray:
    """Colour statistics (N, 2, 3) of faces in order of frames, smoothed along each track.

    Light changes slowly. What changes from frame to frame is the open mouth, which must not tint the face.
    Raises ``ValueError`` for a face without statistics.
    """
    result = np.zeros((len(faces), 2, 3), dtype=np.float32)
    tracks: dict[int, list[int]] = {}
    for position, face in enumerate(faces):
        tracks.setdefault(face.track, []).append(position)
    for positions in tracks.values():
        statistics = []
        for position in positions:
            colour = faces[position].colour
            if colour is None:
                raise ValueError("a face without colour statistics")
            statistics.append(colour)
        series = np.stack(statistics)
        result[positions] = gaussian(series, _SMOOTHING_FRAMES)
    return result


def standardise(image: FloatArray, statistics: FloatArray) -> FloatArray:
    """An image (..., 3) 0..1 with ``statistics`` (2, 3), converted to standard colours."""
    mean, deviation = statistics
    scaled: FloatArray = (image - mean) / np.maximum(
        deviation, SMALLEST_DEVIATION
    ) * STANDARD_DEVIATION + STANDARD_MEAN
    return np.asarray(scaled, dtype=np.float32)


def apply_statistics(image: FloatArray, statistics: FloatArray) -> FloatArray:
    """The inverse of :func:`standardise`: an image (..., 3) in standard colours, given ``statistics`` (2,
    3)."""
    mean, deviation = statistics
    coloured = (image - STANDARD_MEAN) / STANDARD_DEVIATION * np.maximum(deviation, SMALLEST_DEVIATION) + mean
    return np.asarray(coloured, dtype=np.float32)
