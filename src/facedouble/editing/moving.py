"""Moving points of a face: those that were taken hold of, and a dense mesh's others after them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from facedouble.errors import InputError
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Alignment, Landmarks

_Array = npt.NDArray[np.float64]

_STIFFNESS = 1e-4  # keeps points of the mean face that nearly coincide, such as shut lips, from tearing it
_FAR = 1e6  # pixels
_SCALES = (0.01, 100.0)


def check_similarity(matrix: Sequence[Sequence[float]]) -> Alignment:
    """``matrix`` (2, 3) as an array, if it moves, turns and scales and does nothing else.

    Raises ``InputError``.
    """
    found = np.asarray(matrix, dtype=np.float64)
    if found.shape != (2, 3) or not np.isfinite(found).all() or np.abs(found).max() > _FAR:
        raise InputError("a move is a matrix of two rows of three numbers")
    scale = float(np.hypot(found[0, 0], found[1, 0]))
    (a, b), (c, d) = found[:, :2].tolist()
    if not _SCALES[0] <= scale <= _SCALES[1] or max(abs(a - d), abs(b + c)) > 1e-6 * scale:
        raise InputError("a move turns, scales and shifts, and does nothing else")
    return found


def moved_points(
    landmarks: Landmarks, chosen: Sequence[int], matrix: Alignment, scheme: LandmarkScheme
) -> Landmarks:
    """Landmarks (P, 2) of which the ``chosen`` ones are moved by a similarity (2, 3).

    The other points of the scheme's regions stay where they are. What lies between them (most points of a
    dense mesh) follows; see :func:`following`. Raises ``InputError`` for a point that is no region's.
    """
    shown = scheme.regions.points
    if not chosen or not set(chosen) <= set(shown):
        raise InputError("there is no such point in this face")
    target = landmarks.astype(np.float64)
    indices = list(dict.fromkeys(chosen))
    target[indices] = target[indices] @ matrix[:, :2].T + matrix[:, 2]
    return following(landmarks, target[list(shown)].astype(np.float32), scheme)


def following(landmarks: Landmarks, shown: Landmarks, scheme: LandmarkScheme) -> Landmarks:
    """Landmarks (P, 2) whose points in the scheme's regions (``scheme.regions.points``, (K, 2)) lie at
    ``shown``, and whose others follow smoothly.

    The displacement of the others is a thin-plate spline (Bookstein 1989) of the displacement of the known
    ones over the mean face: a move, turn or scale of the whole face is carried over exactly, and a change of
    one point stays near it. Missing points stay missing.
    """
    places = np.array(scheme.regions.points)
    result = landmarks.copy()
    result[places] = shown
    known = ~(np.isnan(landmarks[places]).any(axis=1) | np.isnan(shown).any(axis=1))
    rest = np.setdiff1d(np.arange(scheme.count), places)
    if not len(rest) or not known.any():
        return result
    shift = shown[known].astype(np.float64) - landmarks[places[known]]
    if not shift.any():
        return result
    domain = scheme.mean_shape.astype(np.float64)
    result[rest] += _spline(domain[places[known]], shift, domain[rest]).astype(np.float32)
    return result


def _spline(control: _Array, values: _Array, at: _Array) -> _Array:
    """A thin-plate spline through ``values`` (K, D) at ``control`` (K, 2), at the points ``at`` (N, 2)."""
    count = len(control)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(control, control) + _STIFFNESS * np.eye(count)
    system[:count, count:] = np.column_stack([np.ones(count), control])
    system[count:, :count] = system[:count, count:].T
    weights = np.linalg.lstsq(system, np.vstack([values, np.zeros((3, values.shape[1]))]), rcond=None)[0]
    basis = np.column_stack([_kernel(at, control), np.ones(len(at)), at])
    return np.asarray(basis @ weights)


def _kernel(one: _Array, other: _Array) -> _Array:
    square = ((one[:, None] - other[None]) ** 2).sum(axis=2)
    return np.asarray(np.where(square > 0, square * np.log(np.maximum(square, 1e-300)) / 2, 0.0))
