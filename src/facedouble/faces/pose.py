"""Head pose from landmarks alone.

A face is seen from far away (scaled orthographic projection), so each image coordinate of a landmark is a
linear function of its position in space: the POS step of DeMenthon and Davis (1995). Both functions are found
by least squares; the head's rotation is the one nearest to them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Landmarks

_Array = npt.NDArray[np.float64]

YAW_EDGES: _Array = np.arange(-75.0, 76.0, 10.0)
PITCH_EDGES: _Array = np.arange(-45.0, 46.0, 10.0)
"""Edges in degrees of the bins in which poses are counted; anything beyond counts in the outermost bin."""


class Pose(NamedTuple):
    """Orientation of a head in degrees, and how well the landmarks fit it.

    ``yaw`` > 0: the face looks to the right of the image; ``pitch`` > 0: it looks up; ``roll`` > 0: the
    head is tilted clockwise on screen. All are 0 for an upright face that looks into the camera. Roll is
    applied last, so rotating the picture changes ``roll`` alone. ``misfit`` is the root mean square
    distance of the rigid landmarks from those of the fitted head, as a share of the eye distance seen from
    the front: 0.02 to 0.06 on real faces.
    """

    yaw: float
    pitch: float
    roll: float
    misfit: float


def head_pose(landmarks: Landmarks, scheme: LandmarkScheme) -> Pose:
    """The pose of a head from its landmarks (P, 2), in a picture at any rotation.

    With ``dlib68``, photographs taken from 0, 15 and 45 degrees give 0 to 2, 12 and 42 degrees of yaw. A
    person's own features shift the pitch by some 5 degrees.
    """
    yaw, pitch, roll, misfit = head_poses(landmarks[None], scheme)[0].tolist()
    return Pose(yaw, pitch, roll, misfit)


def head_poses(landmarks: npt.NDArray[np.floating], scheme: LandmarkScheme) -> _Array:
    """:func:`head_pose` of many faces: (N, P, 2) to (N, 4), yaw, pitch, roll and misfit."""
    points = landmarks.astype(np.float64)
    shape, weights = scheme.shape, scheme.weights
    if not scheme.optional:
        return _poses(points, shape, scheme, (weights.rigid, weights.across, weights.down))
    # Which points are known differs from face to face, and with it the least-squares problem.
    result = np.zeros((len(points), 4))
    for number, (own, known) in enumerate(zip(points, scheme.known(points), strict=True)):
        parts = tuple(part[known] for part in (weights.rigid, weights.across, weights.down))
        result[number] = _poses(own[None, known], shape[known], scheme, parts)
    return result


def pose_bins(
    yaw: npt.NDArray[np.floating], pitch: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The bins of :data:`YAW_EDGES` and :data:`PITCH_EDGES` that poses (N,) fall into, from 0."""
    across, up = np.digitize(yaw, YAW_EDGES[1:-1]), np.digitize(pitch, PITCH_EDGES[1:-1])
    return across.astype(np.int64), up.astype(np.int64)


def _poses(points: _Array, shape: _Array, scheme: LandmarkScheme, weights: tuple[_Array, ...]) -> _Array:
    """Poses (N, 4) of faces (N, K, 2) whose points are ``shape`` (K, 3) in space; ``weights`` are three (K,):
    for the first fit, for the horizontal and for the vertical coordinate."""
    rigid, across, down = weights
    # Horizontal and vertical are meant for the face, so it is first rotated upright.
    first, _ = _rotation(points, shape, rigid, rigid)
    turn = first[:, :2, 0] / np.maximum(np.linalg.norm(first[:, :2, 0], axis=1, keepdims=True), 1e-12)
    cosine, sine = turn[:, 0], turn[:, 1]
    upright = np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], axis=1)
    rotation, scale = _rotation(np.einsum("nab,njb->nja", upright, points), shape, across, down)
    rotation[:, :2] = np.einsum("nba,nbk->nak", upright, rotation[:, :2])

    yaw = np.arctan2(rotation[:, 2, 0], np.hypot(rotation[:, 0, 0], rotation[:, 1, 0]))
    pitch = np.arctan2(-rotation[:, 2, 1], rotation[:, 2, 2])
    roll = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    misfit = _misfit(points, shape, rigid, rotation, scale) / np.maximum(scale * scheme.eye_distance, 1e-12)
    return np.column_stack([*np.degrees([yaw, pitch, roll]), misfit])


def _rotation(points: _Array, shape: _Array, across: _Array, down: _Array) -> tuple[_Array, _Array]:
    """Rotations (N, 3, 3) and scales (N,) of heads with landmarks (N, K, 2), x weighted by ``across`` and y
    by ``down`` (K,)."""
    rows = np.stack([_linear(points[..., 0], shape, across), _linear(points[..., 1], shape, down)], axis=1)
    # The nearest two rows that are perpendicular and of length 1.
    u, scales, v = np.linalg.svd(rows, full_matrices=False)
    two = u @ v
    third = np.cross(two[:, 0], two[:, 1])
    return np.concatenate([two, third[:, None]], axis=1), scales.mean(axis=1)


def _linear(values: _Array, shape: _Array, weights: _Array) -> _Array:
    """Least-squares fit of coordinates (N, K) as linear functions (N, 3) of ``shape`` plus a constant."""
    weights = weights / weights.sum()
    root = np.sqrt(weights)
    centred = shape - weights @ shape
    solver = np.linalg.pinv(root[:, None] * centred) * root
    result: _Array = (values - (values @ weights)[:, None]) @ solver.T
    return result


def _misfit(points: _Array, shape: _Array, rigid: _Array, rotation: _Array, scale: _Array) -> _Array:
    """Root mean square distance (N,) in pixels of the rigid points from those of the fitted heads."""
    weights = rigid / rigid.sum()
    head = np.einsum("jk,nak->nja", shape - weights @ shape, rotation[:, :2]) * scale[:, None, None]
    seen = points - np.einsum("j,nja->na", weights, points)[:, None]
    squares = ((head - seen) ** 2).sum(axis=2) @ weights
    result: _Array = np.sqrt(squares)
    return result
