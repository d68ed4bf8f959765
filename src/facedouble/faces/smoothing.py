"""Smoothed landmarks: a face's path through time, without the jitter of per-frame detection.

Two things are known of a face in each frame: its landmarks, which do not drift but jitter by half a percent
of the face, and how its picture moved since the previous frame, which is several times more precise but
whose errors add up. The path that agrees best with both is computed for the whole track at once, so it has
no lag (zero phase). Where the picture says that the face moves evenly, the path is smoothed further; where
it says that the face is shaken, it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from facedouble.faces.align import align, inverse, map_points
from facedouble.faces.landmarks import eye_distance
from facedouble.faces.pose import foreshortening
from facedouble.faces.schemes.scheme import common_scheme
from facedouble.faces.time_filters import gaussian, solve_banded
from facedouble.types import Alignment, Face, Landmarks

_Float = TypeVar("_Float", bound=np.floating[Any])

PosePath = npt.NDArray[np.float64]
"""(N, 4), for each frame: x, y, logarithm of the scale, angle in radians."""

_SIZE = 256  # side of the crop in which shapes are compared; any would do
_MOTION = 30.0  # weight of the picture's motion against landmarks: the ratio of their variances
_EVENNESS = 20.0  # weight of even motion against landmarks, while the face moves evenly
_SHAKEN = 0.01  # acceleration at which evenness counts half: eye distances per frame squared
_TURNING = 2.0  # standard deviation in frames of the Gaussian that smooths the enlargement of turned heads
_LARGEST = 1.8  # enlargement; 1.3 to 1.6 in profile
_AT_ONCE = 512  # faces whose landmarks are worked on in doubles: a long track takes gigabytes
_EXPRESSION = 0.45  # standard deviation in frames of the Gaussian that smooths the shape within the crop


def smooth_track(faces: Sequence[Face], strength: float = 1.0) -> list[Face]:
    """Faces of one track on consecutive frames, with their ``smoothed`` landmarks.

    The pose (position, scale and angle of the alignment) minimises the sum of squares of three terms: its
    distance from the landmarks' own pose, the difference between its change and the picture's motion, and its
    second difference (Whittaker 1923, Eilers 2003, with weights that depend on the motion). The shape within
    the crop is smoothed slightly. ``strength`` 0 changes nothing.
    """
    if strength <= 0 or len(faces) < 3:
        return [face.with_(smoothed=face.landmarks) for face in faces]
    scheme = common_scheme(faces)
    alignments = [align(face.landmarks, _SIZE, scheme) for face in faces]
    unit = float(np.median([eye_distance(face.landmarks, scheme) for face in faces]))
    path = _path(alignments, unit)
    velocity, known = _velocity(faces, alignments, unit)
    trusted = np.array([face.origin != "filled" for face in faces], dtype=np.float64)
    smooth = _fuse(
        path, velocity, trusted, np.where(known, _MOTION, 0.0), _evenness(velocity, known, strength)
    )
    shapes = np.stack(
        [map_points(matrix, face.landmarks) for matrix, face in zip(alignments, faces, strict=True)]
    )
    shapes = smooth_points(shapes, _EXPRESSION * min(strength, 1.0))
    return [
        face.with_(smoothed=_in_frame(shape, pose, unit))
        for face, shape, pose in zip(faces, shapes, smooth, strict=True)
    ]


def crop_enlargements(faces: Sequence[Face]) -> npt.NDArray[np.float64]:
    """By how much the crops of a track's faces (N,) are enlarged so that a turned head keeps its size;
    smoothed in time, and 1 where depth is not known."""
    if any(face.depth is None for face in faces):
        return np.ones(len(faces))
    scheme = common_scheme(faces)
    shares = []
    for first in range(0, len(faces), _AT_ONCE):
        part = faces[first : first + _AT_ONCE]
        points = np.stack([face.smoothed for face in part])
        depth = np.stack([face.depth for face in part if face.depth is not None])
        shares.append(foreshortening(points, depth, scheme))
    found = np.clip(1 / np.concatenate(shares), 1.0, _LARGEST)
    return gaussian(found, _TURNING) if len(faces) > 1 else found


def smooth_points(points: npt.NDArray[_Float], deviation: float) -> npt.NDArray[_Float]:
    """Landmarks (N, P, 2) of N consecutive frames, smoothed in time by a Gaussian with a standard
    ``deviation`` in frames. Missing points (NaN) stay missing and do not affect their neighbours."""
    missing = np.isnan(points)
    if not missing.any():
        return gaussian(points, deviation)
    weights = gaussian((~missing).astype(points.dtype), deviation)
    sums = gaussian(np.nan_to_num(points), deviation)
    return np.asarray(np.where(missing, np.nan, sums / np.maximum(weights, 1e-6)), dtype=points.dtype)


def _path(alignments: Sequence[Alignment], unit: float) -> PosePath:
    """Pose of each crop in the frame (N, 4): its centre in units of ``unit`` pixels, log scale and angle."""
    back = np.stack([inverse(matrix) for matrix in alignments])
    middle = (_SIZE - 1) / 2
    centre = back[:, :, :2] @ (middle, middle) + back[:, :, 2]
    scale = np.log(np.hypot(back[:, 0, 0], back[:, 1, 0]))
    angle = np.unwrap(np.arctan2(back[:, 1, 0], back[:, 0, 0]))
    return np.column_stack([centre / unit, scale, angle])


def _in_frame(shape: Landmarks, pose: PosePath, unit: float) -> Landmarks:
    """Crop points (P, 2) moved into the frame at a pose (4,)."""
    scale, angle = float(np.exp(pose[2])), float(pose[3])
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    middle = (_SIZE - 1) / 2
    return np.asarray((shape - middle) @ linear.T + pose[:2] * unit, dtype=np.float32)


def _velocity(
    faces: Sequence[Face], alignments: Sequence[Alignment], unit: float
) -> tuple[PosePath, npt.NDArray[np.bool_]]:
    """By how much the picture's motion changed each pose since the previous frame (N, 4), and where that is
    known (N,)."""
    velocity = np.zeros((len(faces), 4))
    known = np.zeros(len(faces), dtype=np.bool_)
    place = _path(alignments, 1.0)[:, :2]
    for i in range(1, len(faces)):
        motion = faces[i].motion
        if motion is None:
            continue
        known[i] = True
        velocity[i, :2] = (motion[:, :2] @ place[i - 1] + motion[:, 2] - place[i - 1]) / unit
        velocity[i, 2] = np.log(np.hypot(motion[0, 0], motion[1, 0]))
        velocity[i, 3] = np.arctan2(motion[1, 0], motion[0, 0])
    return velocity, known


def _evenness(velocity: PosePath, known: npt.NDArray[np.bool_], strength: float) -> npt.NDArray[np.float64]:
    """Weight of even motion at each frame (N,), lower where the picture's motion changes fast."""
    change = np.zeros(len(velocity))
    both = known[2:] & known[1:-1]
    change[1:-1] = np.where(both, np.linalg.norm(velocity[2:] - velocity[1:-1], axis=1), 0.0)
    change = np.sqrt(gaussian(change**2, 1.0))
    return np.asarray(strength * _EVENNESS / (1 + (change / _SHAKEN) ** 2), dtype=np.float64)


def _fuse(
    path: PosePath,
    velocity: PosePath,
    trusted: npt.NDArray[np.float64],
    moving: npt.NDArray[np.float64],
    even: npt.NDArray[np.float64],
) -> PosePath:
    """The path s that minimises, over frames t, the sum of
    trusted (s - path)² + moving (s[t] - s[t-1] - velocity)² + even (s[t+1] - 2 s[t] + s[t-1])².

    All arrays have one entry per frame. The normal equations have five diagonals.
    """
    band = np.zeros((3, len(path)))
    right = trusted[:, None] * path
    band[0] = trusted
    step = moving[1:]
    band[0, 1:] += step
    band[0, :-1] += step
    band[1, :-1] -= step
    pull = step[:, None] * velocity[1:]
    right[1:] += pull
    right[:-1] -= pull
    bend = even[1:-1]
    band[0, :-2] += bend
    band[0, 1:-1] += 4 * bend
    band[0, 2:] += bend
    band[1, :-2] -= 2 * bend
    band[1, 1:-1] -= 2 * bend
    band[2, :-2] += bend
    return solve_banded(band, right)
