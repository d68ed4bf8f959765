"""Finding the faces of one frame: detector, landmarks and descriptor together."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from facedouble.faces.align import align, fast_crop, inverse, map_points
from facedouble.faces.detectors import Detector, make_detector
from facedouble.faces.identity import DlibDescriptor
from facedouble.faces.landmarks import DlibLandmarks, box_around
from facedouble.types import Alignment, Descriptor, Grey, Image, Landmarks

_PATCH = 200  # side of the upright patch on which a followed face is looked at again
_LEAST_OVERLAP = 0.3


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """A face on a frame: its landmarks, how sure the detector was, by how many degrees
    (counter-clockwise) the frame had to be turned."""

    landmarks: Landmarks
    confidence: float
    rotation: int = 0


class FaceAnalyser:
    """The loaded networks of one process. ``seconds`` adds up where the time goes."""

    def __init__(self, detector: str, angles: Sequence[int] = ()) -> None:
        self.detector: Detector = make_detector(detector)
        self.landmarks = DlibLandmarks()
        self.descriptor = DlibDescriptor()
        self.angles = tuple(angles)
        self.seconds = {"detect": 0.0, "landmarks": 0.0, "describe": 0.0}

    def look(self, image: Image | Grey, grey: Grey, *, thorough: bool) -> list[DetectedFace]:
        """Faces of a frame, largest first. ``image`` is what the detector looks at (grey or RGB, as
        ``detector.colour`` says), ``grey`` the luma of the same frame.

        Where none is found and the look is ``thorough``, the frame is turned by each of the angles
        until one shows faces; landmarks are those of the frame as it stands.
        """
        with self.timed("detect"):
            detections = self.detector.detect(image, thorough)
        if detections:
            with self.timed("landmarks"):
                return [DetectedFace(self.landmarks.predict(grey, d.box), d.confidence) for d in detections]
        for angle in self.angles if thorough else ():
            matrix, size = rotation_matrix(angle, image.shape[1], image.shape[0])
            with self.timed("detect"):
                detections = self.detector.detect(_turn(image, matrix, size), thorough)
            if detections:
                with self.timed("landmarks"):
                    upright, back = _turn(grey, matrix, size), inverse(matrix)
                    found = [self.landmarks.predict(upright, detection.box) for detection in detections]
                return [
                    DetectedFace(map_points(back, points), detection.confidence, angle)
                    for points, detection in zip(found, detections, strict=True)
                ]
        return []

    def refine(self, grey: Grey, landmarks: Landmarks) -> Landmarks:
        """Landmarks of the face that ``landmarks`` nearly lie on."""
        with self.timed("landmarks"):
            return self.landmarks.refine(grey, landmarks)

    def confirm(self, image: Image | Grey, landmarks: Landmarks) -> float | None:
        """The detector's confidence that there is a face under ``landmarks``; ``None`` if it sees
        none. It looks at the face alone, upright, so it costs little and knows no rotation."""
        with self.timed("detect"):
            upright = align(landmarks, _PATCH)
            expected = box_around(map_points(upright, landmarks))
            patch = fast_crop(image, upright, _PATCH)
            return max(
                (
                    detection.confidence
                    for detection in self.detector.detect(patch, False)
                    if detection.box.overlap(expected) >= _LEAST_OVERLAP
                ),
                default=None,
            )

    def describe(self, image: Image, landmarks: Landmarks) -> Descriptor:
        """Who the face with ``landmarks`` in the RGB ``image`` is."""
        with self.timed("describe"):
            return self.descriptor.describe(image, landmarks)

    @contextmanager
    def timed(self, name: str) -> Generator[None]:
        """Adds the time spent inside the ``with`` to ``seconds[name]``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start


def rotation_matrix(angle: int, width: int, height: int) -> tuple[Alignment, tuple[int, int]]:
    """The matrix (2, 3) that turns a picture by ``angle`` degrees counter-clockwise into one that
    holds all of it, and that one's width and height."""
    radians = np.deg2rad(angle)
    cos, sin = float(np.cos(radians)), float(np.sin(radians))
    size = (
        round(abs(cos) * width + abs(sin) * height),
        round(abs(sin) * width + abs(cos) * height),
    )
    linear = np.array([[cos, sin], [-sin, cos]])
    middle = np.array([width - 1, height - 1]) / 2
    new_middle = np.array([size[0] - 1, size[1] - 1]) / 2
    return np.column_stack([linear, new_middle - linear @ middle]), size


def _turn(image: Image | Grey, matrix: Alignment, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR), dtype=np.uint8)
