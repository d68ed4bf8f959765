"""Filters along time. SciPy has them too, but importing it takes as long as finding a face on ten frames."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

_Float = TypeVar("_Float", bound=np.floating[Any])

_REACH = 4.0  # standard deviations on either side
_DENSE = 256  # unknowns up to which a full matrix is solved faster than SciPy is imported


def gaussian(series: npt.NDArray[_Float], deviation: float) -> npt.NDArray[_Float]:
    """``series`` (N, ...) of N consecutive frames, smoothed in time by a Gaussian with a standard
    ``deviation`` in frames. Beyond its ends the first and the last value go on."""
    radius = int(_REACH * deviation + 0.5)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / deviation) ** 2)
    weights /= weights.sum()
    places = np.clip(np.arange(len(series))[:, None] + offsets, 0, len(series) - 1)
    flat = series.reshape(len(series), -1).astype(np.float64)
    smooth = np.zeros_like(flat)
    for weight, place in zip(weights.tolist(), places.T, strict=True):
        smooth += weight * flat[place]
    return smooth.reshape(series.shape).astype(series.dtype)


def solve_banded(band: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The solution (N, K) of a symmetric positive definite system, whose matrix is given by its diagonals:
    ``band[d, i]`` is the element in row ``i + d`` and column ``i``. ``right`` is (N, K)."""
    count = len(right)
    if count > _DENSE:
        from scipy.linalg import solveh_banded

        return np.asarray(solveh_banded(band, right, lower=True))
    matrix = np.zeros((count, count))
    for distance, diagonal in enumerate(band):
        positions = np.arange(count - distance)
        matrix[positions + distance, positions] = diagonal[: count - distance]
        matrix[positions, positions + distance] = diagonal[: count - distance]
    return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
