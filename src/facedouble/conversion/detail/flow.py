"""What a spline through landmarks leaves: small motion between two pictures, by dense optical flow."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.types import FloatArray

SIDE = 96
"""Pixels a side at which motion is estimated."""
GRID = 24
"""Points a side at which it is kept."""

_SMOOTHNESS = 1.5  # pixels
_MAX_MOTION = 3.0  # pixels; more is a wrong match
_STEP = _MAX_MOTION / 127


class FlowEstimator:
    """Dense inverse search (Kroeger et al. 2016). An estimator belongs to one thread."""

    def __init__(self) -> None:
        # Measured on pairs of the demonstration, after the spline: two fifths of the time of the medium
        # preset at twice the side, and one hundredth more of the difference between the pictures is left.
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._flow.setFinestScale(0)
        self._flow.setVariationalRefinementIterations(1)

    def __call__(self, fixed: FloatArray, moving: FloatArray) -> FloatArray:
        """Displacements (SIDE, SIDE, 2) in pixels that take a point of ``fixed`` to the same point of
        ``moving``; both (SIDE, SIDE, 3) 0..1."""
        found = self._flow.calc(_grey(fixed), _grey(moving), np.zeros((SIDE, SIDE, 2), np.float32))
        smooth = np.asarray(cv2.GaussianBlur(found, (0, 0), _SMOOTHNESS))
        length = cv2.magnitude(smooth[..., 0], smooth[..., 1])[..., None]
        return np.asarray(smooth * np.minimum(1, _MAX_MOTION / np.maximum(length, 1e-3)), dtype=np.float32)


def resized(picture: FloatArray) -> FloatArray:
    """A picture at the size at which motion is estimated."""
    how = cv2.INTER_AREA if picture.shape[0] > SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=how))


def to_grid(flow: FloatArray) -> FloatArray:
    """A flow at ``GRID`` points a side."""
    return np.asarray(cv2.resize(flow, (GRID, GRID), interpolation=cv2.INTER_AREA))


def pack(grid: FloatArray) -> npt.NDArray[np.int8]:
    """A flow on the grid in steps of a fortieth of a pixel."""
    return np.clip(np.round(grid / _STEP), -127, 127).astype(np.int8)


def unpack(packed: npt.NDArray[np.int8]) -> FloatArray:
    """The inverse of :func:`pack`: displacements in shares of the picture's side."""
    return packed.astype(np.float32) * np.float32(_STEP / SIDE)


def _grey(picture: FloatArray) -> npt.NDArray[np.uint8]:
    weights = np.array([0.3, 0.59, 0.11], dtype=np.float32)
    return np.asarray(np.clip(picture @ weights * 255, 0, 255), dtype=np.uint8)
