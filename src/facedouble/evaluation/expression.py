"""What a swap should keep of the person seen: where the head looks, what the face does, where the eyes look.

Pure functions on landmarks and pictures. Angles are those of ``faces/pose.py``: a head in space fitted to the
landmarks by least squares under scaled orthographic projection. A perspective fit (PnP) has two more
unknowns, focal length and distance, that landmarks of one face do not settle.
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

_EYE_SIZE = 48  # pixels between the corners of the eye, in the patch it is looked at in
_LEAST_OPEN = 0.12  # height of an eye over its width under which nothing is to be seen of its iris


def euler_distance(result: npt.NDArray[np.floating], source: npt.NDArray[np.floating]) -> _Array:
    """Distance of head poses (N, 3), yaw, pitch and roll in degrees: the Euclidean norm of their
    differences, each taken the short way round (N,)."""
    apart = (result.astype(np.float64) - source + 180) % 360 - 180
    return np.asarray(np.linalg.norm(apart, axis=1))


def frontal(landmarks: npt.NDArray[np.floating], scheme: LandmarkScheme) -> _Array:
    """Landmarks (N, P, 2) as the face would show them to a camera in front of it, upright.

    The head is fitted as in ``faces/pose.py``; what is left is taken to lie in the plane of the face,
    and its turning and scale are undone. Unit: the distance of the eyes, origin between the rigid points.
    Good up to some 45 degrees of turning.
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
        # What the depth of the head adds goes off first; the rest is of the plane.
        plane = seen[i] / scale - np.outer(head[:, 2], flat[:, 2])
        result[i] = plane @ np.linalg.inv(flat[:, :2]).T
    return result / scheme.eye_distance


def _rotations(yaw: _Array, pitch: _Array, roll: _Array) -> _Array:
    """Rotations (N, 3, 3) with these angles in radians, as ``faces/pose.py`` counts them."""
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
    """How far the expressions of a result are from those of its source (N,), in eye distances.

    ``result`` and ``source`` (N, P, 2) are landmarks of the same frames. Both are made :func:`frontal`, and
    of each its own median over the frames, the person's shape, is taken off; what is left is expression.
    The value is the mean distance over the inner points, without the outline, which slides over the skin as
    the head turns.
    """
    moved = [
        points - np.median(points, axis=0) for points in (frontal(result, scheme), frontal(source, scheme))
    ]
    apart = np.linalg.norm(moved[0] - moved[1], axis=2)
    inner = [i for i in scheme.inner if i not in scheme.optional]
    return np.asarray(np.take(apart, inner, axis=1).mean(axis=1))


def gaze(image: Image, landmarks: Landmarks, scheme: LandmarkScheme) -> float:
    """Where the eyes look across, from their irises: about -1 at one corner of the eyes to 1 at the other.

    Each open eye is cut out with its corners level; the iris is the centre of gravity of what is darker
    there than the median, the more the darker; its place is measured from the middle between the corners
    in half widths. Mean of the open eyes, NaN while both are shut.
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
    if width < 4 or height / width < _LEAST_OPEN:
        return None
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
