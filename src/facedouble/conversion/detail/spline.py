"""Thin plate splines (Bookstein 1989) that bend one face's picture to another's landmarks."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy.linalg import lu_factor, lu_solve

from facedouble.types import FloatArray, Landmarks

_STIFFNESS = 2e-3
_BORDER = np.array(
    [(x, y) for x in (-0.05, 0.5, 1.05) for y in (-0.05, 0.5, 1.05) if (x, y) != (0.5, 0.5)], dtype=np.float32
)
"""Points around the picture that do not move."""


class ThinPlateSpline:
    """Splines that leave from the same points (K, 2), in shares of the picture's side: factorised once, and
    evaluated on a grid of ``side`` x ``side`` for any displacement of the points. The stiffer they are, the
    further they may miss the points: landmarks tremble."""

    def __init__(self, points: Landmarks, side: int, stiffness: float = _STIFFNESS) -> None:
        control = np.vstack([points, _BORDER]).astype(np.float32)
        count = len(control)
        system = np.zeros((count + 3, count + 3))
        system[:count, :count] = _kernel(control, control) + stiffness * np.eye(count)
        system[:count, count:] = affine = np.column_stack([np.ones(count), control])
        system[count:, :count] = affine.T
        self._factors = lu_factor(system, check_finite=False)
        grid = grid_points(side)
        self._basis = np.column_stack([_kernel(grid, control), np.ones(len(grid), np.float32), grid])
        self._side, self._points = side, len(points)

    def displacement(self, moved: Landmarks) -> FloatArray:
        """Displacements (side, side, 2) of the grid, given those of the points (K, 2)."""
        values = np.zeros((self._basis.shape[1], 2))
        values[: self._points] = moved
        weights = lu_solve(self._factors, values, check_finite=False).astype(np.float32)
        return np.asarray(self._basis @ weights, dtype=np.float32).reshape(self._side, self._side, 2)


def bend(picture: FloatArray, displacement: FloatArray, interpolation: int = cv2.INTER_LINEAR) -> FloatArray:
    """A picture (S, S, 3) sampled at displaced points; ``displacement`` (G, G, 2) in shares of the side."""
    side = picture.shape[0]
    fine = cv2.resize(displacement, (side, side), interpolation=cv2.INTER_CUBIC) * np.float32(side)
    return sampled(picture, fine, interpolation)


def sampled(
    picture: FloatArray, motion: FloatArray, how: int, window: tuple[slice, slice] | None = None
) -> FloatArray:
    """A picture (S, S, 3), or a ``window`` (H, W) of it, sampled at points displaced by ``motion`` (H, W, 2)
    in pixels."""
    top, left = (0, 0) if window is None else (window[0].start, window[1].start)
    high, wide = motion.shape[:2]
    rows, columns = np.mgrid[top : top + high, left : left + wide].astype(np.float32)
    bent = cv2.remap(picture, columns + motion[..., 0], rows + motion[..., 1], how,
                     borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(bent)


def grid_points(side: int) -> FloatArray:
    """The centres (side * side, 2) of the cells of a grid over the picture, in shares of its side."""
    places = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)
    return np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)


def _kernel(a: FloatArray, b: FloatArray) -> npt.NDArray[np.float32]:
    x, y = a[:, :1] - b[None, :, 0], a[:, 1:] - b[None, :, 1]
    squares = x * x + y * y
    return np.asarray(squares * cv2.log(np.maximum(squares, np.float32(1e-12))))
