"""What landmarks alone say of a face: where it is, how large, and how far eyes and mouth are open."""

from __future__ import annotations

import numpy as np

from facedouble.faces.schemes.scheme import LandmarkScheme, Opening
from facedouble.types import Box, FloatArray, Landmarks


def box_around(landmarks: Landmarks, scheme: LandmarkScheme) -> Box:
    """The box that dlib's frontal detector would put around a face with these landmarks (P, 2)."""
    (x, y), size = inner_face(landmarks, scheme)
    below, side = scheme.detector_box
    half = side * size / 2
    y += below * size
    return Box(round(x - half), round(y - half), round(x + half) + 1, round(y + half) + 1)


def inner_face(landmarks: Landmarks, scheme: LandmarkScheme) -> tuple[tuple[float, float], float]:
    """Centre and size in pixels of the inner face: the mean of its points, which are those without the jaw,
    and twice their root mean square distance from it."""
    points = scheme.points(landmarks, scheme.inner).astype(np.float64)
    centre = points.mean(axis=0)
    size = 2 * float(np.sqrt(((points - centre) ** 2).sum(axis=1).mean()))
    return (float(centre[0]), float(centre[1])), size


def eye_centres(landmarks: Landmarks, scheme: LandmarkScheme) -> tuple[Landmarks, Landmarks]:
    """Centres (2,) of the person's right and left eye, each the mean of its contour."""
    right, left = (landmarks[list(eye.contour)].mean(axis=0) for eye in scheme.regions.eyes)
    return right, left


def eye_distance(landmarks: Landmarks, scheme: LandmarkScheme) -> float:
    """Distance in pixels between the centres of the two eyes."""
    right, left = eye_centres(landmarks, scheme)
    return float(np.linalg.norm(right - left))


def mouth_opening(landmarks: Landmarks, scheme: LandmarkScheme) -> float:
    """Mean height between the lips over the distance of the inner corners of the mouth, no unit; 0 is shut.
    The mouth's counterpart of :func:`eye_opening`. The noise is 0.001 with ``mediapipe478`` and 0.006 with
    ``dlib68``."""
    return _opening(landmarks, scheme.regions.mouth)


def eye_openings(landmarks: Landmarks, scheme: LandmarkScheme) -> tuple[float, float]:
    """Eye aspect ratios (Soukupová and Čech 2016) of the right and the left eye, no unit; about 0.3 is open.

    The noise from frame to frame is 0.003 with ``mediapipe478`` and 0.011 with ``dlib68`` (standard
    deviation on the demonstration's still clips, from second differences).
    """
    right, left = (_opening(landmarks, eye.opening) for eye in scheme.regions.eyes)
    return right, left


def eye_opening(landmarks: Landmarks, scheme: LandmarkScheme) -> float:
    """The mean of :func:`eye_openings`."""
    right, left = eye_openings(landmarks, scheme)
    return (right + left) / 2


def iris_positions(landmarks: Landmarks, scheme: LandmarkScheme) -> FloatArray:
    """Where the irises of the right and the left eye are (2, 2): how far right of the middle between the
    corners of the eye, in the image, and how far above it, in half the distance of the corners; so a
    horizontal position of 1 is a corner. NaN for an eye without iris.

    The mean of both eyes says where a face looks, seen from the face. Its noise from frame to frame is 0.003.
    """
    found = np.full((2, 2), np.nan, dtype=np.float32)
    for number, eye in enumerate(scheme.regions.eyes):
        if not eye.iris:
            continue
        first, second = (complex(*landmarks[corner].tolist()) for corner in eye.opening.corners)
        centre = complex(*landmarks[eye.iris[0]].tolist())
        if first != second:
            place = (centre - (first + second) / 2) / ((second - first) / 2)
            found[number] = place.real, -place.imag
    return found


def _opening(landmarks: Landmarks, opening: Opening) -> float:
    first, second = opening.corners
    heights = [float(np.linalg.norm(landmarks[upper] - landmarks[lower])) for upper, lower in opening.pairs]
    width = float(np.linalg.norm(landmarks[first] - landmarks[second]))
    return sum(heights) / len(heights) / max(width, 1e-6)
