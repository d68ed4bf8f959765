"""How the picture of a face moved from one frame to the next.

Landmarks are placed on each frame independently and jitter. The motion of the picture is known far more
precisely, to a few hundredths of a pixel, but does not say where the face is. ``smoothing`` combines the
two.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.align import align, alignment_in_region, averaging, crop_bounds, inverse
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.faces.views import Picture
from facedouble.types import Alignment, Box, FloatArray, Grey, Landmarks

_Complex = npt.NDArray[np.complex128]

PATCH = 192
_WINDOW = (21, 21)
_LEVELS = 3
_ROUND_TRIP = 1.0  # pixels of the patch by which a point may miss itself when tracked forth and back
_ROUNDS = 5  # of weighting the points anew
_TOLERANCE = 0.5  # pixels of the patch from the common motion beyond which a point counts less than half


@dataclass(frozen=True, slots=True)
class FaceMotion:
    """How a face moved: ``matrix`` (2, 3) is the similarity that takes its points from one frame to the
    next, in frame pixels. ``tracked`` is the share of points that were tracked, 0..1, and ``misfit`` their
    median distance from the similarity, as a share of the patch's side."""

    matrix: Alignment
    tracked: float
    misfit: float


def estimate_motion(
    before: Picture, after: Picture, landmarks: Landmarks, scheme: LandmarkScheme
) -> FaceMotion:
    """How the face with ``landmarks`` (P, 2) in ``before`` moved until ``after``.

    Points of an upright patch are tracked by the pyramidal Lucas-Kanade method (Bouguet 2001) and verified
    by tracking them back (Kalal et al. 2010). A similarity is fitted to them by least squares with Cauchy
    weights, so that blinking eyes and lost points hardly count.
    """
    upright = align(landmarks, PATCH, scheme)
    start = _tracking_points(scheme)
    first, second = (patch_of(frame, upright, PATCH) for frame in (before, after))
    moved, good = track_points(first, second, start)
    if good.sum() < 3:
        return FaceMotion(np.eye(2, 3), 0.0, np.inf)
    fit, distance = _common_motion(_complex(start[good]), _complex(moved[good]))
    misfit = float(np.median(distance)) / PATCH
    return FaceMotion(compose(inverse(upright), fit, upright), float(good.mean()), misfit)


def track_points(before: Grey, after: Grey, points: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Where points (N, 2) of one patch are in another (N, 2), and which of them come back to where they began
    when they are tracked back."""
    moved, found = _flow(before, after, points)
    back, found_again = _flow(after, before, moved)
    missed = np.linalg.norm(back - points, axis=1)
    return moved, found & found_again & (missed < _ROUND_TRIP)


def patch_of(frame: Picture, upright: Alignment, side: int) -> Grey:
    """The patch (side, side) that an alignment of the frame describes. Only the luma around it is worked
    out."""
    factor = averaging(upright)
    width, height = frame.shown_size
    left, top, right, bottom = crop_bounds(upright, side, width, height, margin=2 * factor)
    wide, high = max(1, (right - left) // factor), max(1, (bottom - top) // factor)
    part = Box(left, top, min(left + wide * factor, width), min(top + high * factor, height))
    luma = frame.grey(part, (wide, high) if factor > 1 else None)
    within = alignment_in_region(upright, part, (luma.shape[1], luma.shape[0]))
    return np.asarray(cv2.warpAffine(luma, within, (side, side), flags=cv2.INTER_LINEAR), dtype=np.uint8)


def _complex(points: FloatArray) -> _Complex:
    return np.asarray(points @ (1, 1j), dtype=np.complex128)


def _common_motion(start: _Complex, end: _Complex) -> tuple[Alignment, npt.NDArray[np.float64]]:
    """The similarity (2, 3) that takes points to where they went, both (N,) as complex numbers, and how far
    each is from it, in pixels."""
    weights = np.ones(len(start))
    for _ in range(_ROUNDS):
        share = weights / weights.sum()
        middle, target = share @ start, share @ end
        own = start - middle
        weighted = share * own.conj()
        turn = (weighted @ (end - target)) / (weighted @ own).real
        distance = np.abs(turn * own + target - end)
        weights = 1 / (1 + (distance / _TOLERANCE) ** 2)
    shift = target - turn * middle
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return matrix, distance


@cache
def _tracking_points(scheme: LandmarkScheme) -> FloatArray:
    """The scheme's tracking points (K, 2) in the patch."""
    shape = scheme.mean_shape * PATCH - 0.5
    return np.array(
        [sum(shape[i] for i in group) / len(group) for group in scheme.tracking], dtype=np.float32
    )


def _flow(before: Grey, after: Grey, points: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Where points (N, 2) moved to, and which of them were found."""
    start = np.zeros_like(points)  # required by OpenCV, ignored without the flag that uses it
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, start, winSize=_WINDOW, maxLevel=_LEVELS
    )
    return np.asarray(moved, dtype=np.float32), np.asarray(found)[:, 0] > 0


def compose(*matrices: Alignment) -> Alignment:
    """The matrix product of (2, 3) transforms: the last one is applied first."""
    result = np.eye(3)
    for matrix in matrices:
        result = result @ np.vstack([matrix, (0, 0, 1)])
    return result[:2]
