"""How the picture of a face moved from one frame to the next.

Landmarks are placed on each frame by itself and tremble. The picture's own motion is known far more
finely, to a few hundredths of a pixel, but says nothing of where the face is. ``steady`` puts the two
together.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.align import MEAN_SHAPE, align, fast_crop, fit_similarity, inverse, map_points
from facedouble.types import Alignment, FloatArray, Grey, Landmarks

PATCH = 192
_WINDOW = (21, 21)
_LEVELS = 3
_ROUND_TRIP = 1.0  # pixels of the patch a point may miss itself by when followed there and back
_TOLERANCE = 0.5  # pixels of the patch beyond which a point counts as one that moves by itself

# The points that are followed: brows, nose and eyes, and six on the cheeks, which speech moves little.
_SHAPE = MEAN_SHAPE * PATCH - 0.5
_POINTS = np.array(
    [
        *_SHAPE[17:48],
        *((_SHAPE[i] + _SHAPE[j]) / 2 for i, j in ((31, 2), (35, 14), (31, 36), (35, 45), (48, 4), (54, 12))),
    ],
    dtype=np.float32,
)


@dataclass(frozen=True, slots=True)
class FaceMotion:
    """The similarity (2, 3) that takes points of the face from one frame to the next, in frame
    pixels, and how it fits: the share of points followed, and their median distance from it as a
    share of the patch's side."""

    matrix: Alignment
    followed: float
    misfit: float


def estimate_motion(before: Grey, after: Grey, landmarks: Landmarks) -> FaceMotion:
    """How the face with ``landmarks`` in ``before`` moved until ``after``.

    Points of an upright patch are followed by the pyramidal Lucas and Kanade method (Bouguet 2001),
    checked by following them back (Kalal et al. 2010), and a similarity is fitted to them by least
    squares with Cauchy weights, so that blinking eyes and points that got lost do not count.
    """
    upright = align(landmarks, PATCH)
    first, second = (fast_crop(grey, upright, PATCH) for grey in (before, after))
    moved, found = _flow(first, second, _POINTS)
    back, found_again = _flow(second, first, moved)
    missed = np.linalg.norm(back - _POINTS, axis=1)
    good = found & found_again & (missed < _ROUND_TRIP)
    if good.sum() < 3:
        return FaceMotion(np.eye(2, 3), 0.0, np.inf)
    source, target = _POINTS.astype(np.float64), moved.astype(np.float64)
    weights = good.astype(np.float64)
    fit = fit_similarity(source, target, weights)
    for _ in range(4):
        distance = np.linalg.norm(map_points(fit, _POINTS) - target, axis=1)
        weights = good / (1 + (distance / _TOLERANCE) ** 2)
        fit = fit_similarity(source, target, weights)
    misfit = float(np.median(np.linalg.norm(map_points(fit, _POINTS) - target, axis=1)[good])) / PATCH
    return FaceMotion(_compose(inverse(upright), fit, upright), float(good.mean()), misfit)


def _flow(before: Grey, after: Grey, points: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Where points (N, 2) went, and which of them were found again."""
    start = np.zeros_like(points)  # not looked at without its flag
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, start, winSize=_WINDOW, maxLevel=_LEVELS
    )
    return np.asarray(moved, dtype=np.float32), np.asarray(found)[:, 0] > 0


def _compose(*matrices: Alignment) -> Alignment:
    """The matrix that does all of these, the last one first."""
    result = np.eye(3)
    for matrix in matrices:
        result = result @ np.vstack([matrix, (0, 0, 1)])
    return result[:2]
