"""Which way a head is turned, from its landmarks alone.

A face in space is seen from far away (scaled orthographic projection), so each image coordinate of a
landmark is a linear function of its place in space: the POS step of DeMenthon and Davis (1995). The two
functions are found by least squares, and the rotation nearest to them is the head's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from facedouble.faces.align import MEAN_SHAPE
from facedouble.types import Landmarks

_Array = npt.NDArray[np.float64]


YAW_EDGES: _Array = np.arange(-75.0, 76.0, 10.0)
PITCH_EDGES: _Array = np.arange(-45.0, 46.0, 10.0)
"""Edges in degrees of the bins in which poses are counted; what lies outside counts in the outermost."""


class Pose(NamedTuple):
    """Where a head looks, in degrees, and how badly the landmarks fit one.

    ``yaw`` > 0: the face looks to the right of the image; ``pitch`` > 0: it looks up; ``roll`` > 0: the
    head is tilted clockwise on screen. All are 0 for a face that looks upright into the camera.
    Rolling is applied last, so turning the picture changes ``roll`` alone. ``misfit`` is the root mean
    square distance of the inner landmarks from those of the fitted head, as a share of the distance of
    the eyes seen from the front: 0.02 to 0.06 on real faces.
    """

    yaw: float
    pitch: float
    roll: float
    misfit: float


# Depth of the 68 landmarks: millimetres in front of the ears' openings, for an average adult, rounded
# to what faces have in common. The outline begins at the ears and comes forward to the chin. The tip of
# the nose is the foremost point, two centimetres before the lips; the bridge of the nose lies above the
# eyes' inner corners by one centimetre; the skull curves back, so outer corners of eyes and brows and
# the corners of the mouth lie one to two centimetres behind the inner ones. A reconstruction of the
# points from clips with much head motion (Tomasi and Kanade 1992) shows the same profile: on one clip
# it is the same within 3 mm (root mean square), on others flatter, as landmark predictors are timid.
# fmt: off
_OUTLINE = (6, 8, 11, 15, 22, 38, 60, 80, 88)  # ear to chin
_BROW = (76, 87, 93, 96, 97)                   # outer end to inner end
_NOSE = (95, 102, 111, 121)                    # bridge to tip
_NOSTRILS = (98, 103, 106, 103, 98)
_EYE = (74, 82, 84, 82, 83, 81)                # outer corner, upper lid, inner corner, lower lid
_OUTER_MOUTH = (90, 102, 107, 107, 107, 102, 90, 99, 104, 105, 104, 99)
_INNER_MOUTH = (91, 103, 104, 103, 91, 101, 102, 101)
# fmt: on
_EYES_APART = 63.0  # millimetres between the centres of an adult's eyes (Dodgson 2004)


def _shape() -> _Array:
    left_eye = [_EYE[i] for i in (3, 2, 1, 0, 5, 4)]
    depth = [*_OUTLINE, *_OUTLINE[-2::-1], *_BROW, *_BROW[::-1], *_NOSE, *_NOSTRILS, *_EYE, *left_eye]
    depth += [*_OUTER_MOUTH, *_INNER_MOUTH]
    flat = MEAN_SHAPE.astype(np.float64)
    unit = (flat[42:48].mean(axis=0) - flat[36:42].mean(axis=0))[0] / _EYES_APART
    return np.column_stack([flat, -unit * np.array(depth, dtype=np.float64)])


SHAPE: _Array = _shape()
"""The 68 landmarks in space (68, 3): x and y as in ``MEAN_SHAPE``, z away from the camera, same unit."""

_EYE_DISTANCE = float(np.linalg.norm(SHAPE[36:42].mean(axis=0) - SHAPE[42:48].mean(axis=0)))

# What expression moves little: nose and corners of the eyes.
_INNER = np.zeros(68)
_INNER[27:36] = 1.0
_INNER[[36, 39, 42, 45]] = 1.0
# For the horizontal coordinate also the corners of the mouth, which mostly move alike on both sides.
_ACROSS = _INNER.copy()
_ACROSS[[48, 54]] = 0.5
# For the vertical one also the outline beside the ears. It is far behind everything else, and steadies
# pitch (its spread over 17 clips and photographs falls from 7 to 5 degrees). Horizontally it is of no use: in
# a turned head the outline is another line of the skin, and would halve the yaw.
_DOWN = _INNER.copy()
_DOWN[[0, 1, 2, 3, 13, 14, 15, 16]] = 0.5


def head_pose(landmarks: Landmarks) -> Pose:
    """The pose of a head from its 68 landmarks (68, 2), in any upright or turned picture.

    On photographs taken from 0, 15 and 45 degrees it says 0 to 2, 12 and 42. A person's own features
    shift pitch by some 5 degrees.
    """
    yaw, pitch, roll, misfit = head_poses(landmarks[None])[0].tolist()
    return Pose(yaw, pitch, roll, misfit)


def head_poses(landmarks: npt.NDArray[np.floating]) -> _Array:
    """:func:`head_pose` of many faces: (N, 68, 2) to (N, 4), yaw, pitch, roll and misfit."""
    points = landmarks.astype(np.float64)
    # Across and down are those of the face, so it is turned upright first.
    first, _ = _rotation(points, _INNER, _INNER)
    turn = first[:, :2, 0] / np.maximum(np.linalg.norm(first[:, :2, 0], axis=1, keepdims=True), 1e-12)
    cosine, sine = turn[:, 0], turn[:, 1]
    upright = np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], axis=1)
    rotation, scale = _rotation(np.einsum("nab,njb->nja", upright, points), _ACROSS, _DOWN)
    rotation[:, :2] = np.einsum("nba,nbk->nak", upright, rotation[:, :2])

    yaw = np.arctan2(rotation[:, 2, 0], np.hypot(rotation[:, 0, 0], rotation[:, 1, 0]))
    pitch = np.arctan2(-rotation[:, 2, 1], rotation[:, 2, 2])
    roll = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    return np.column_stack([*np.degrees([yaw, pitch, roll]), _misfit(points, rotation, scale)])


def pose_bins(
    yaw: npt.NDArray[np.floating], pitch: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The bins of :data:`YAW_EDGES` and :data:`PITCH_EDGES` that poses (N,) fall into, from 0."""
    across, up = np.digitize(yaw, YAW_EDGES[1:-1]), np.digitize(pitch, PITCH_EDGES[1:-1])
    return across.astype(np.int64), up.astype(np.int64)


def _rotation(points: _Array, across: _Array, down: _Array) -> tuple[_Array, _Array]:
    """Rotations (N, 3, 3) and scales (N,) of heads with landmarks (N, 68, 2), x weighted by ``across``
    and y by ``down`` (68,)."""
    rows = np.stack([_linear(points[..., 0], across), _linear(points[..., 1], down)], axis=1)
    # The two rows nearest to them that are at right angles and of length 1.
    u, scales, v = np.linalg.svd(rows, full_matrices=False)
    two = u @ v
    third = np.cross(two[:, 0], two[:, 1])
    return np.concatenate([two, third[:, None]], axis=1), scales.mean(axis=1)


def _linear(values: _Array, weights: _Array) -> _Array:
    """Least squares of coordinates (N, 68) as linear functions (N, 3) of :data:`SHAPE`, and a constant."""
    weights = weights / weights.sum()
    root = np.sqrt(weights)
    centred = SHAPE - weights @ SHAPE
    solver = np.linalg.pinv(root[:, None] * centred) * root
    result: _Array = (values - (values @ weights)[:, None]) @ solver.T
    return result


def _misfit(points: _Array, rotation: _Array, scale: _Array) -> _Array:
    weights = _INNER / _INNER.sum()
    head = np.einsum("jk,nak->nja", SHAPE - weights @ SHAPE, rotation[:, :2]) * scale[:, None, None]
    seen = points - np.einsum("j,nja->na", weights, points)[:, None]
    squares = ((head - seen) ** 2).sum(axis=2) @ weights
    result: _Array = np.sqrt(squares) / np.maximum(scale * _EYE_DISTANCE, 1e-12)
    return result
