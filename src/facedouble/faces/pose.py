"""Head pose from landmarks.

A face is seen from far away (scaled orthographic projection). Where the depth of the landmarks is known, the
head's rotation is the one that best takes the mean face to them (Kabsch 1976). Where it is not, each image
coordinate of a landmark is a linear function of its position in space: the POS step of DeMenthon and Davis
(1995). Both functions are found by least squares; the rotation is the one nearest to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from facedouble.faces.registry import LANDMARK_SCHEMES
from facedouble.faces.schemes.scheme import LandmarkScheme, group_by_scheme
from facedouble.types import Face, FloatArray, Landmarks

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


def head_pose(landmarks: Landmarks, scheme: LandmarkScheme, depth: FloatArray | None = None) -> Pose:
    """The pose of a head from its landmarks (P, 2), in a picture at any rotation, and their ``depth`` (P,) in
    the same unit, larger further away.

    Photographs taken from 0, 15 and 45 degrees give 0 to 2, 12 and 42 degrees of yaw, with ``dlib68`` and
    with ``mediapipe478`` alike. A person's own features shift the pitch by some 5 degrees. Without depth,
    poses are good up to some 45 degrees.
    """
    depths = None if depth is None else depth[None]
    yaw, pitch, roll, misfit = head_poses(landmarks[None], scheme, depths)[0].tolist()
    return Pose(yaw, pitch, roll, misfit)


def head_poses(
    landmarks: npt.NDArray[np.floating], scheme: LandmarkScheme, depth: npt.NDArray[np.floating] | None = None
) -> _Array:
    """:func:`head_pose` of many faces: landmarks (N, P, 2) and their depth (N, P) to (N, 4), yaw, pitch, roll
    and misfit. A row of ``depth`` that is NaN throughout is a face whose depth is not known."""
    points = landmarks.astype(np.float64)
    if depth is None:
        return _flat_poses(points, scheme)
    solid = ~np.isnan(depth).all(axis=1)
    result = np.zeros((len(points), 4))
    result[~solid] = _flat_poses(points[~solid], scheme)
    result[solid] = _solid_poses(np.dstack([points[solid], depth[solid]]), scheme)
    return result


def face_poses(faces: Sequence[Face], which: Literal["landmarks", "smoothed"]) -> _Array:
    """Yaw, pitch, roll and misfit (N, 4) of faces, by their measured or their smoothed landmarks and, where
    it is known, their depth. The faces may have different landmark schemes."""
    result = np.zeros((len(faces), 4))
    for name, positions in group_by_scheme(faces).items():
        some, scheme = [faces[position] for position in positions], LANDMARK_SCHEMES[name]
        points = np.stack([getattr(face, which) for face in some])
        unknown = np.full(scheme.count, np.nan)
        depth = np.stack([unknown if face.depth is None else face.depth for face in some])
        result[positions] = head_poses(points, scheme, depth)
    return result


def foreshortening(
    landmarks: npt.NDArray[np.floating], depth: npt.NDArray[np.floating], scheme: LandmarkScheme
) -> _Array:
    """How much too small :func:`facedouble.faces.align.align` makes turned heads (N,), whose landmarks are
    (N, P, 2) with their ``depth`` (N, P): the scale of its fit to that of a fit to the same head from the
    front.

    A least-squares fit in the image takes what turning squeezes for distance. 1 from the front, some 0.7 in
    profile.
    """
    points = np.dstack([landmarks.astype(np.float64), depth])
    rotation, _, _ = _fitted(points, scheme)
    known = np.asarray(~np.isnan(points).any(axis=2))
    weights = scheme.weights.alignment * known
    weights /= weights.sum(axis=1, keepdims=True)
    space = np.where(known[..., None], points, 0.0)
    space -= np.einsum("np,npa->na", weights, space)[:, None]
    seen, ahead = (view[..., 0] + 1j * view[..., 1] for view in (space, space @ rotation))
    place = scheme.mean_shape.astype(np.float64) @ (1, 1j)

    def scale(flat: npt.NDArray[np.complexfloating]) -> _Array:
        fitted = np.abs((weights * (place - (weights @ place)[:, None]) * flat.conj()).sum(axis=1))
        return np.asarray(fitted / (weights * np.abs(flat) ** 2).sum(axis=1))

    return scale(seen) / scale(ahead)


def pose_bins(
    yaw: npt.NDArray[np.floating], pitch: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The bins of :data:`YAW_EDGES` and :data:`PITCH_EDGES` that poses (N,) fall into, from 0."""
    across, up = np.digitize(yaw, YAW_EDGES[1:-1]), np.digitize(pitch, PITCH_EDGES[1:-1])
    return across.astype(np.int64), up.astype(np.int64)


def _solid_poses(points: _Array, scheme: LandmarkScheme) -> _Array:
    """Poses (N, 4) of faces whose points (N, P, 3) are known in space."""
    rotation, scale, misfit = _fitted(points, scheme)
    return _angles(rotation, misfit, scale, scheme)


def _fitted(points: _Array, scheme: LandmarkScheme) -> tuple[_Array, _Array, _Array]:
    """Rotations (N, 3, 3) and scales (N,) that best take the mean face to points (N, P, 3), and the root mean
    square distances (N,) in the image that remain."""
    known = np.asarray(~np.isnan(points).any(axis=2))
    weights = scheme.weights.rigid * known
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    seen = np.where(known[..., None], points, 0.0)
    shape = scheme.shape - np.einsum("np,pk->nk", weights, scheme.shape)[:, None]
    seen = seen - np.einsum("np,npk->nk", weights, seen)[:, None]
    u, scales, v = np.linalg.svd(np.einsum("np,npi,npj->nij", weights, seen, shape))
    handed = np.ones_like(scales)
    handed[:, 2] = np.sign(np.linalg.det(u @ v))  # a rotation, not a reflection
    rotation = (u * handed[:, None]) @ v
    size = np.einsum("np,npk->n", weights, shape**2)
    scale = (scales * handed).sum(axis=1) / np.maximum(size, 1e-12)
    apart = np.einsum("nab,npb->npa", rotation[:, :2], shape) * scale[:, None, None] - seen[..., :2]
    return rotation, scale, np.sqrt(np.einsum("np,npa->n", weights, apart**2))


def _flat_poses(points: _Array, scheme: LandmarkScheme) -> _Array:
    """Poses (N, 4) of faces whose points (N, P, 2) are known in the image."""
    shape, weights = scheme.shape, scheme.weights
    if not scheme.optional:
        return _poses(points, shape, scheme, (weights.rigid, weights.across, weights.down))
    # Which points are known differs from face to face, and with it the least-squares problem.
    result = np.zeros((len(points), 4))
    for number, (own, known) in enumerate(zip(points, scheme.known(points), strict=True)):
        parts = tuple(part[known] for part in (weights.rigid, weights.across, weights.down))
        result[number] = _poses(own[None, known], shape[known], scheme, parts)
    return result


def _angles(rotation: _Array, misfit: _Array, scale: _Array, scheme: LandmarkScheme) -> _Array:
    """Yaw, pitch, roll and misfit (N, 4) of heads with these rotations (N, 3, 3), misfits in pixels and
    scales (N,)."""
    yaw = np.arctan2(rotation[:, 2, 0], np.hypot(rotation[:, 0, 0], rotation[:, 1, 0]))
    pitch = np.arctan2(-rotation[:, 2, 1], rotation[:, 2, 2])
    roll = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    share = misfit / np.maximum(scale * scheme.eye_distance, 1e-12)
    return np.column_stack([*np.degrees([yaw, pitch, roll]), share])


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

    return _angles(rotation, _misfit(points, shape, rigid, rotation, scale), scale, scheme)


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
