"""Filters along time. SciPy has them too, but importing it takes as long as finding a face on ten frames."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

_Float = TypeVar("_Float", bound=np.floating[Any])

_REACH = 4.0  # standard deviations on either side
_COLUMNS = (
    64  # smoothed at a time: all landmarks of a long track as doubles, several times, would be gigabytes
)


def gaussian(series: npt.NDArray[_Float], deviation: float) -> npt.NDArray[_Float]:
    """``series`` (N, ...) of N consecutive frames, smoothed in time by a Gaussian with a standard
    ``deviation`` in frames. Beyond its ends the first and the last value go on."""
    radius = int(_REACH * deviation + 0.5)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / deviation) ** 2)
    weights /= weights.sum()
    places = np.clip(np.arange(len(series))[:, None] + offsets, 0, len(series) - 1)
    flat = series.reshape(len(series), -1)
    smooth = np.empty_like(flat)
    for first in range(0, flat.shape[1], _COLUMNS):
        part = flat[:, first : first + _COLUMNS].astype(np.float64)
        total = np.zeros_like(part)
        for weight, place in zip(weights.tolist(), places.T, strict=True):
            total += weight * part[place]
        smooth[:, first : first + _COLUMNS] = total
    return smooth.reshape(series.shape)


def solve_banded(band: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The solution (N, K) of a symmetric positive definite system, whose matrix is given by its diagonals:
    ``band[d, i]`` is the element in row ``i + d`` and column ``i``. ``right`` is (N, K).

    The matrix is factored into L D Lᵀ (Golub and Van Loan 2013, 4.3.6), with plain numbers: NumPy would take
    longer for a handful of them.
    """
    reach, count = len(band) - 1, len(right)
    matrix: list[list[float]] = band.T.tolist()
    pivots: list[float] = []
    below: list[list[float]] = []  # for each column what L has under its diagonal
    solved: list[list[float]] = right.tolist()
    for i, (pivot, *rest) in enumerate(matrix):
        for back in range(1, min(reach, i) + 1):
            column, scaled = below[i - back], below[i - back][back - 1] * pivots[i - back]
            pivot -= scaled * column[back - 1]
            for further in range(reach - back):
                rest[further] -= scaled * column[back + further]
            solved[i] = [x - column[back - 1] * y for x, y in zip(solved[i], solved[i - back], strict=True)]
        pivots.append(pivot)
        below.append([element / pivot for element in rest])
    for i in reversed(range(count)):
        solved[i] = [x / pivots[i] for x in solved[i]]
        for ahead in range(1, min(reach, count - 1 - i) + 1):
            factor = below[i][ahead - 1]
            solved[i] = [x - factor * y for x, y in zip(solved[i], solved[i + ahead], strict=True)]
    return np.array(solved, dtype=np.float64).reshape(right.shape)
