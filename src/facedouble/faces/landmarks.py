"""68 landmarks for a face box, and what can be read from landmarks alone."""

from __future__ import annotations

from typing import Protocol

import dlib
import numpy as np

from facedouble.faces.align import MEAN_SHAPE, align, fast_crop, inverse, map_points
from facedouble.networks.dlib_files import LANDMARKS_68, weights_file
from facedouble.types import Box, Grey, Image, Landmarks

JAW = slice(0, 17)
RIGHT_BROW = slice(17, 22)
LEFT_BROW = slice(22, 27)
NOSE = slice(27, 36)
RIGHT_EYE = slice(36, 42)
LEFT_EYE = slice(42, 48)
MOUTH = slice(48, 68)
INNER_MOUTH = slice(60, 68)


class LandmarkPredictor(Protocol):
    """Finds the 68 landmarks of a face that is known roughly."""

    def predict(self, image: Image | Grey, box: Box) -> Landmarks:
        """Landmarks as (68, 2) float32 points of ``image`` (grey or RGB) of the face in ``box``."""
        ...

    def refine(self, image: Image | Grey, landmarks: Landmarks) -> Landmarks:
        """Landmarks of the face that ``landmarks`` lie on more or less, at any rotation."""
        ...


class DlibLandmarks:
    """dlib's ensemble of regression trees (Kazemi and Sullivan 2014), trained on iBUG 300-W.

    The trees answer in whole pixels and look at the box they are given, which as a detector's comes
    in steps of several pixels and is never turned. So what they say of a detector's box only serves
    to cut the face out upright and of a standard size, larger than it mostly is; what they say of
    that patch counts. It is steadier, does not know rotation, and needs no detector to be repeated
    on the next frame. Measured on the demonstration clips: within 1% of the eye distance of a second
    repetition, whichever face near by it starts from.
    """

    PATCH = 512

    def __init__(self) -> None:
        self._predictor = dlib.shape_predictor(str(weights_file(LANDMARKS_68)))
        box = box_around(MEAN_SHAPE * self.PATCH - 0.5)
        self._box = dlib.rectangle(box.left, box.top, box.right - 1, box.bottom - 1)

    def predict(self, image: Image | Grey, box: Box) -> Landmarks:
        rectangle = dlib.rectangle(box.left, box.top, box.right - 1, box.bottom - 1)
        return self.refine(image, self._run(image, rectangle))

    def refine(self, image: Image | Grey, landmarks: Landmarks) -> Landmarks:
        upright = align(landmarks, self.PATCH)
        found = self._run(fast_crop(image, upright, self.PATCH), self._box)
        return map_points(inverse(upright), found)

    def _run(self, image: Image | Grey, box: dlib.rectangle) -> Landmarks:
        shape = self._predictor(image, box)
        return np.array([(part.x, part.y) for part in shape.parts()], dtype=np.float32)


# dlib's detector boxes in units of the landmarks' own size: how far the centre lies below theirs, and
# the side. Medians over the boxes that dlib's HOG detector gives on the demonstration clips.
_BELOW = 0.02
_SIDE = 1.68


def box_around(landmarks: Landmarks) -> Box:
    """The box that dlib's frontal detector would put around a face with these landmarks."""
    (x, y), size = inner_face(landmarks)
    half = _SIDE * size / 2
    y += _BELOW * size
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
