"""How a head turned in space from one frame to the next, by the motion of its picture.

No network places the landmarks of a profile: half of them cannot be seen. But the half that can be seen moves
with the head, and where it was in space is known from the frame before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.align import fast_crop, map_points
from facedouble.faces.motion import track_points
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Alignment, FloatArray, Grey, Landmarks

_Array = npt.NDArray[np.float64]

_TURNED = 50.0  # degrees from the camera; the mesh is exact up to some 65
_PATCH = 224
_FACE = 150.0  # pixels of the patch that the longer side of the face's points has
_POINTS = 200  # about as many are tracked in a frontal face
_FACING = 0.5  # cosine of the angle to the camera up to which a place of the face is tracked
_BEHIND = 0.05  # of the crop's side: how far the middle of a head lies behind the ears
_FEWEST = 12  # points
_TOLERANCE = 0.6  # pixels of the patch beyond which a point counts less than half
_STIFF = 0.0005  # resistance to turning out of the image plane, as a share of what the points weigh
_MIN_TRACKED = 0.4  # share of the points
_MAX_MISFIT = 0.008  # of the patch's side
_MAX_TURN = 0.3  # radians from frame to frame


@dataclass(frozen=True, slots=True)
class SolidHead:
    """A head in space: ``points`` (P, 2) in pixels of a frame and their ``depth`` (P,)."""

    points: Landmarks
    depth: FloatArray

    @property
    def solid(self) -> _Array:
        """(P, 3)"""
        return np.column_stack([self.points, self.depth]).astype(np.float64)

    @classmethod
    def of(cls, solid: _Array) -> SolidHead:
        return cls(solid[:, :2].astype(np.float32), solid[:, 2].astype(np.float32))


def is_turned(head: SolidHead, scheme: LandmarkScheme) -> bool:
    """Whether a head looks away from the camera so far that its landmarks may be wrong."""
    return bool(_rotation(head.solid, scheme)[2, 2] < np.cos(np.deg2rad(_TURNED)))


def carry(before: Grey, after: Grey, head: SolidHead, scheme: LandmarkScheme) -> SolidHead | None:
    """The ``head`` of the frame ``before`` in the frame ``after``; ``None`` where its motion cannot be told.

    Places that face the camera are tracked by optical flow. The rigid motion and growth that explain them
    best under scaled orthographic projection are found by least squares with Cauchy weights, for small
    angles.
    """
    solid = head.solid
    facing = [index for index in _facing(solid, scheme) if np.isfinite(solid[index]).all()]
    if len(facing) < _FEWEST:
        return None
    patch = _patch_around(head.points)
    start = map_points(patch, head.points[facing])
    first, second = (fast_crop(grey, patch, _PATCH) for grey in (before, after))
    moved, good = track_points(first, second, start)
    if good.sum() < _FEWEST or good.mean() < _MIN_TRACKED:
        return None
    scale, middle = float(patch[0, 0]), solid[facing].mean(axis=0)
    motion, misfit = _motion((solid[facing] - middle) * scale, (moved - start).astype(np.float64), good)
    if misfit > _MAX_MISFIT * _PATCH or np.linalg.norm(motion[:3]) > _MAX_TURN:
        return None
    turned = (solid - middle) @ cv2.Rodrigues(motion[:3])[0].T * (1 + motion[3]) + middle
    turned[:, :2] += motion[4:] / scale
    return SolidHead.of(turned)


def moved_alike(head: SolidHead, start: SolidHead, end: SolidHead) -> SolidHead:
    """A ``head`` after the rigid motion and growth that took another from ``start`` to ``end``."""
    before, after = start.solid, end.solid
    known = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
    origin, target = before[known].mean(axis=0), after[known].mean(axis=0)
    first, second = before[known] - origin, after[known] - target
    rotation = _nearest_rotation(second.T @ first)
    growth = float(np.linalg.norm(second)) / max(float(np.linalg.norm(first)), 1e-12)
    return SolidHead.of((head.solid - origin) @ rotation.T * growth + target)


def _motion(points: _Array, change: _Array, good: npt.NDArray[np.bool_]) -> tuple[_Array, float]:
    """Rotation vector, growth and shift (6,) that explain how points (K, 3) moved in the picture, by
    ``change`` (K, 2), and the median distance from that of those that are ``good`` (K,)."""
    x, y, z = points.T
    none, one = np.zeros_like(x), np.ones_like(x)
    # The shift of a point under a small rotation is the cross product of the two.
    across = np.stack([none, z, -y, x, one, none], axis=1)
    down = np.stack([-z, none, x, y, none, one], axis=1)
    rows = np.stack([across, down], axis=1)
    weights = good.astype(np.float64)
    motion, distance = np.zeros(6), np.zeros(len(x))
    for _ in range(6):
        normal = np.einsum("k,kij,kil->jl", weights, rows, rows) + 1e-9 * np.eye(6)
        normal[[0, 1], [0, 1]] += _STIFF * float(weights @ (x**2 + y**2))
        motion = np.linalg.solve(normal, np.einsum("k,kij,ki->j", weights, rows, change))
        distance = np.linalg.norm(change - rows @ motion, axis=1)
        weights = good.astype(np.float64) / (1 + (distance / _TOLERANCE) ** 2)
    return motion, float(np.median(distance[good]))


def _rotation(solid: _Array, scheme: LandmarkScheme) -> _Array:
    """The rotation (3, 3) that best takes the mean face to points (P, 3) (Kabsch 1976)."""
    weights = scheme.weights.rigid * np.isfinite(solid).all(axis=1)
    weights = weights / weights.sum()
    known = np.nan_to_num(solid)
    return _nearest_rotation(
        ((known - weights @ known) * weights[:, None]).T @ (scheme.shape - weights @ scheme.shape)
    )


def _nearest_rotation(matrix: _Array) -> _Array:
    u, _, v = np.linalg.svd(matrix)
    u[:, 2] *= np.sign(np.linalg.det(u @ v))
    return np.asarray(u @ v)


def _facing(solid: _Array, scheme: LandmarkScheme) -> list[int]:
    """The places to track on a head (P, 3): those that face the camera."""
    places, outward = _surface(scheme)
    towards = -outward @ _rotation(solid, scheme)[2]
    return [place for place, cosine in zip(places, towards.tolist(), strict=True) if cosine > _FACING]


@cache
def _surface(scheme: LandmarkScheme) -> tuple[tuple[int, ...], _Array]:
    """Points spread over the face, without lids, irises and lips, which move by themselves, and the
    directions (K, 3) in which the mean face looks there: a head is round, so away from its middle."""
    regions = scheme.regions
    loose = {*regions.lips, *(i for eye in regions.eyes for i in (*eye.contour, *eye.iris)), *scheme.optional}
    rest = [index for index in range(scheme.count) if index not in loose]
    places = tuple(rest[:: max(1, len(rest) // _POINTS)])
    outward = scheme.shape[list(places)] - (0.5, 0.5, _BEHIND)
    return places, outward / np.linalg.norm(outward, axis=1, keepdims=True)


def _patch_around(points: Landmarks) -> Alignment:
    """The matrix (2, 3) that brings what surrounds points (P, 2) to the patch."""
    low, high = np.nanmin(points, axis=0).astype(np.float64), np.nanmax(points, axis=0).astype(np.float64)
    scale = _FACE / max(float((high - low).max()), 1.0)
    return np.column_stack([np.eye(2) * scale, (_PATCH - 1) / 2 - (low + high) / 2 * scale])
