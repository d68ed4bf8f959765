"""68 landmarks for a face box, and what can be read from landmarks alone."""

from __future__ import annotations

from typing import Protocol

import dlib
import numpy as np

from facedouble.faces.weights import LANDMARKS_68, weights_file
from facedouble.types import Box, Image, Landmarks

JAW = slice(0, 17)
RIGHT_BROW = slice(17, 22)
LEFT_BROW = slice(22, 27)
NOSE = slice(27, 36)
RIGHT_EYE = slice(36, 42)
LEFT_EYE = slice(42, 48)
MOUTH = slice(48, 68)
INNER_MOUTH = slice(60, 68)


class LandmarkPredictor(Protocol):
    """Finds the 68 landmarks of the face inside a box."""

    def predict(self, image: Image, box: Box) -> Landmarks:
        """Landmarks as (68, 2) float32 points of ``image``."""
        ...


class DlibLandmarks:
    """dlib's ensemble of regression trees (Kazemi and Sullivan 2014), trained on iBUG 300-W.

    The trees look at the box they are given, and a detector's box moves in steps of several
    pixels. So the landmarks of the detector's box only place a second box, which follows the face
    smoothly, and the landmarks of that one are returned.
    """

    # The detector's box in units of the landmarks' own size: offset of the centre, and the side.
    # Medians over the boxes that dlib's HOG detector gives on the demonstration clips.
    _CENTRE = (0.03, 0.02)
    _SIDE = 1.68

    def __init__(self) -> None:
        self._predictor = dlib.shape_predictor(str(weights_file(LANDMARKS_68)))

    def predict(self, image: Image, box: Box) -> Landmarks:
        first = self._run(image, box)
        return self._run(image, self._box_around(first))

    def _run(self, image: Image, box: Box) -> Landmarks:
        shape = self._predictor(image, dlib.rectangle(box.left, box.top, box.right - 1, box.bottom - 1))
        return np.array([(part.x, part.y) for part in shape.parts()], dtype=np.float32)

    def _box_around(self, landmarks: Landmarks) -> Box:
        centre, size = inner_face(landmarks)
        x = centre[0] + self._CENTRE[0] * size
        y = centre[1] + self._CENTRE[1] * size
        half = self._SIDE * size / 2
        return Box(round(x - half), round(y - half), round(x + half) + 1, round(y + half) + 1)


def inner_face(landmarks: Landmarks) -> tuple[tuple[float, float], float]:
    """Centre and size of the inner face: the mean of the 51 points without the jaw, and twice
    their root mean square distance from it, in pixels."""
    points = landmarks[17:].astype(np.float64)
    centre = points.mean(axis=0)
    size = 2 * float(np.sqrt(((points - centre) ** 2).sum(axis=1).mean()))
    return (float(centre[0]), float(centre[1])), size


def eye_distance(landmarks: Landmarks) -> float:
    """Distance in pixels between the centres of the two eyes (each the mean of its six points)."""
    return float(np.linalg.norm(landmarks[RIGHT_EYE].mean(axis=0) - landmarks[LEFT_EYE].mean(axis=0)))


def mouth_opening(landmarks: Landmarks) -> float:
    """Height of the inner mouth (mean of its three vertical pairs) over the distance of its
    corners, no unit; 0 is shut. The mouth's counterpart of :func:`eye_opening`."""
    height = sum(
        float(np.linalg.norm(landmarks[upper] - landmarks[lower]))
        for upper, lower in ((61, 67), (62, 66), (63, 65))
    )
    return height / 3 / max(float(np.linalg.norm(landmarks[60] - landmarks[64])), 1e-6)


def eye_opening(landmarks: Landmarks) -> float:
    """Eye aspect ratio (Soukupová and Čech 2016), mean of both eyes, no unit; about 0.3 open."""
    ratios = []
    for eye in (landmarks[RIGHT_EYE], landmarks[LEFT_EYE]):
        height = np.linalg.norm(eye[1] - eye[5]) + np.linalg.norm(eye[2] - eye[4])
        ratios.append(float(height) / 2 / max(float(np.linalg.norm(eye[0] - eye[3])), 1e-6))
    return sum(ratios) / 2
