"""What a swap should keep of the performance: head pose, expression and gaze.

Pure functions on landmarks and pictures. Angles are those of ``faces/pose.py``: a head in space fitted to the
landmarks by least squares under scaled orthographic projection. A perspective fit (PnP) has two more
unknowns, focal length and distance, which the landmarks of one face cannot determine.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.align import map_points
from facedouble.faces.pose import head_poses
from facedouble.faces.schemes.scheme import Eye, LandmarkScheme
from facedouble.types import Alignment, Image, Landmarks

_Array = npt.NDArray[np.float64]

_EYE_SIZE = 48  # pixels between the corners of the eye in the patch that is examined
_MIN_OPENING = 0.12  # ratio of height to width of an eye below which its iris is hidden


def euler_distance(result: npt.NDArray[np.floating], source: npt.NDArray[np.floating]) -> _Array:
    """Distance (N,) between head poses (N, 3), yaw, pitch and roll in degrees: the Euclidean norm of their
    differences, each wrapped to -180..180."""
    apart = (result.astype(np.float64) - source + 180) % 360 - 180
    return np.asarray(np.linalg.norm(apart, axis=1))


def frontal(landmarks: npt.NDArray[np.floating], scheme: LandmarkScheme) -> _Array:
    """Landmarks (N, P, 2) as an upright face would show them to a camera in front of it.

    The head is fitted as in ``faces/pose.py``. The residual is assumed to lie in the plane of the face, and
    its rotation and scale are undone. Unit: the eye distance; origin: the mean of the rigid points. Good up
    to about 45 degrees of rotation.
    """
    points = landmarks.astype(np.float64)
    yaw, pitch, roll = np.radians(head_poses(points, scheme)[:, :3]).T
    rigid = np.flatnonzero(scheme.weights.rigid)
    head = scheme.shape - scheme.shape[rigid].mean(axis=0)
    seen = points - points[:, rigid].mean(axis=1, keepdims=True)
    result = np.empty_like(points)
    for i, rotation in enumerate(_rotations(yaw, pitch, roll)):
        flat = rotation[:2]
        shown = head @ flat.T
        scale = (shown[rigid] * seen[i, rigid]).sum() / (shown[rigid] ** 2).sum()
        # Subtract what the depth of the head contributes; the rest lies in the plane.
        plane = seen[i] / scale - np.outer(head[:, 2], flat[:, 2])
        result[i] = plane @ np.linalg.inv(flat[:, :2]).T
    return result / scheme.eye_distance


def _rotations(yaw: _Array, pitch: _Array, roll: _Array) -> _Array:
    """Rotations (N, 3, 3) with these angles in radians, in the convention of ``faces/pose.py``."""
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)

    def stacked(*rows: tuple[_Array, _Array, _Array]) -> _Array:
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)

    about_x = stacked(
        (one, zero, zero), (zero, np.cos(pitch), np.sin(pitch)), (zero, -np.sin(pitch), np.cos(pitch))
    )
    about_y = stacked((np.cos(yaw), zero, -np.sin(yaw)), (zero, one, zero), (np.sin(yaw), zero, np.cos(yaw)))
    about_z = stacked(
        (np.cos(roll), -np.sin(roll), zero), (np.sin(roll), np.cos(roll), zero), (zero, zero, one)
    )
    return np.asarray(about_z @ about_y @ about_x)


def expression_distance(
    result: npt.NDArray[np.floating], source: npt.NDArray[np.floating], scheme: LandmarkScheme
) -> _Array:
    """Distance (N,) between the expressions of a result and of its source, in eye distances.

    ``result`` and ``source`` (N, P, 2) are landmarks of the same frames. Both are made :func:`frontal`, and
    the median over the frames, which is the person's own shape, is subtracted from each; what is left is
    expression. The value is the mean distance over the inner points. The outline is left out, because it
    slides over the skin as the head turns.
    """
    moved = [
        points - np.median(points, axis=0) for points in (frontal(result, scheme), frontal(source, scheme))
    ]
    apart = np.linalg.norm(moved[0] - moved[1], axis=2)
    inner = [i for i in scheme.inner if i not in scheme.optional]
    return np.asarray(np.take(apart, inner, axis=1).mean(axis=1))


def gaze(image: Image, landmarks: Landmarks, scheme: LandmarkScheme) -> float:
    """Horizontal gaze, from the irises: about -1 with the irises at the left corners of the eyes, in the
    image, to 1 at the right ones.

    Where the scheme has irises, their positions between the corners are used. Otherwise each open eye is
    cut out with its corners level, and the iris is the centroid of the pixels darker than the median,
    weighted by how much darker they are. Mean of the open eyes; NaN while both are closed.
    """
    found = [_iris(image, landmarks, eye) for eye in scheme.regions.eyes]
    known = [place for place in found if place is not None]
    return float(np.mean(known)) if known else float("nan")


def _iris(image: Image, landmarks: Landmarks, eye: Eye) -> float | None:
    """Position of the iris between the corners of an eye, -1 to 1; ``None`` if it is shut."""
    first, second = (landmarks[corner] for corner in eye.opening.corners)
    upper, lower = (landmarks[list(points)] for points in zip(*eye.opening.pairs, strict=True))
    width = float(np.linalg.norm(second - first))
    height = float(np.linalg.norm(upper.mean(axis=0) - lower.mean(axis=0)))
    if width < 4 or height / width < _MIN_OPENING:
        return None
    if eye.iris and not np.isnan(landmarks[eye.iris[0]]).any():
        aside = landmarks[eye.iris[0]] - (first + second) / 2
        return float(2 * (aside @ (second - first)) / width**2)
    matrix = _level(first, second, width)
    size = 2 * _EYE_SIZE
    patch = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    dark = 255 - cv2.cvtColor(np.asarray(patch, dtype=np.uint8), cv2.COLOR_RGB2GRAY).astype(np.float64)
    area = np.zeros((size, size), dtype=np.uint8)
    cv2.fillConvexPoly(area, np.round(map_points(matrix, landmarks[list(eye.contour)])).astype(np.int32), 1)
    inside = area > 0
    weight = np.where(inside, np.maximum(dark - np.median(dark[inside]), 0), 0) ** 2
    if weight.sum() <= 0:
        return None
    across = (weight.sum(axis=0) * np.arange(size)).sum() / weight.sum()
    return float((across - (size - 1) / 2) / (_EYE_SIZE / 2))


def _level(first: Landmarks, second: Landmarks, width: float) -> Alignment:
    """The alignment to a patch in whose centre the eye lies with level corners."""
    along = (second - first).astype(np.float64) / width
    turn = np.array([along, (-along[1], along[0])]) * (_EYE_SIZE / width)
    middle = (first + second) / 2
    return np.column_stack([turn, np.full(2, _EYE_SIZE - 0.5) - turn @ middle])


def correlation(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Pearson correlation of two series, -1..1; 1 if one follows the other, 0 if one is constant. For the
    mouth opening over time, 0.88 and more reads as the same speech."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if len(x) < 2 or x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])
