"""One object that finds the faces of a frame, places their landmarks and says who they are.

It is the only place that makes detectors, landmark predictors and descriptors.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from facedouble.faces.align import align, fast_crop, inverse, map_points
from facedouble.faces.detectors.base import FAST_SIDES, Detector
from facedouble.faces.identity import SAME_PERSON, DlibDescriptor, IdentityDescriptor
from facedouble.faces.landmarks import box_around
from facedouble.faces.registry import (
    DEFAULT_DETECTOR,
    DEFAULT_SCHEME,
    DETECTORS,
    LANDMARK_PREDICTORS,
    LANDMARK_SCHEMES,
)
from facedouble.faces.schemes.predictor import LandmarkPredictor
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.faces.turning import SolidHead, is_turned
from facedouble.faces.views import Picture, StillPicture, around_box, around_points, whole_frame
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractSettings
from facedouble.types import (
    Alignment,
    Box,
    Descriptor,
    Detection,
    FloatArray,
    Grey,
    Image,
    Landmarks,
    PredictedLandmarks,
)

_PATCH = 200  # side of the upright patch on which a tracked face is verified
_MIN_OVERLAP = 0.3
_MIN_PRESENCE = 0.5
SAME_FACE = 0.4
"""Boxes that overlap more (intersection over union) belong to one face."""


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """A face on a frame: its landmarks, the detector's confidence, and the degrees (counter-clockwise) by
    which the frame had to be rotated. ``seen``: whether the landmark predictor sees it, too; else it is a
    head turned far, and the landmarks are rough."""

    found: PredictedLandmarks
    confidence: float
    rotation: int = 0
    seen: bool = True

    @property
    def landmarks(self) -> Landmarks:
        """Its landmarks (P, 2), in pixels of the frame."""
        return self.found.points


@dataclass(frozen=True, slots=True)
class Search:
    """What a search of a frame found: for each face known before the detector's confidence, ``None`` where it
    did not see it, and the other faces, largest first."""

    known: Sequence[float | None]
    others: Sequence[DetectedFace]


class FaceAnalyser:
    """Detector, landmark predictor and identity descriptor of one process, each loaded when it is first used.

    ``detector`` and ``landmarks`` are names in ``DETECTORS`` and ``LANDMARK_PREDICTORS``. ``angles`` are
    the rotations in degrees, counter-clockwise, at which frames without a face are searched again. Networks
    run on ``device`` and are given up to ``batch_size`` faces at once. ``seconds`` adds up the time spent
    by kind of work. Raises ``SettingsError`` for names that are not registered; loading raises
    ``AssetError`` if weights are missing.
    """

    def __init__(
        self,
        detector: str = DEFAULT_DETECTOR,
        landmarks: str = DEFAULT_SCHEME,
        *,
        angles: Sequence[int] = (),
        device: str = "cpu",
        batch_size: int = 16,
    ) -> None:
        DETECTORS.check(detector)
        LANDMARK_PREDICTORS.check(landmarks)
        self._names = (detector, landmarks)
        self.scheme: LandmarkScheme = LANDMARK_SCHEMES[landmarks]
        """What the landmarks are that this analyser finds."""
        self.angles, self.device, self.batch_size = tuple(angles), device, batch_size
        self.seconds = {"detect": 0.0, "landmarks": 0.0, "describe": 0.0}

    @classmethod
    def from_settings(cls, settings: ExtractSettings) -> FaceAnalyser:
        """The analyser that an extraction with these settings uses."""
        device = settings.device
        if device != "cpu":
            from facedouble.device import choose_device  # PyTorch takes seconds to import

            device = str(choose_device(device))
        return cls(
            settings.detector, settings.landmarks, angles=parse_angles(settings.rotate_images), device=device
        )

    def prepare(self, run: Run | None = None) -> None:
        """Fetch what detector and predictor need, once, before several processes want it. Raises
        ``AssetError`` if something cannot be had."""
        detector, landmarks = self._names
        DETECTORS.prepare(detector, run)
        LANDMARK_PREDICTORS.prepare(landmarks, run)

    @cached_property
    def detector(self) -> Detector:
        return DETECTORS[self._names[0]](self.device)

    @cached_property
    def predictor(self) -> LandmarkPredictor:
        return LANDMARK_PREDICTORS[self._names[1]](self.device)

    @property
    def in_threads(self) -> bool:
        """Whether threads that each have their own analyser can work at once."""
        return self.detector.in_threads and self.predictor.in_threads

    @property
    def knows_presence(self) -> bool:
        """Whether the landmark predictor tells faces from what is none."""
        return self.predictor.knows_presence

    @cached_property
    def descriptor(self) -> IdentityDescriptor:
        return DlibDescriptor(self.device)

    def search(
        self,
        frame: Picture,
        *,
        thorough: bool = True,
        known: Sequence[Landmarks] = (),
        profiles: bool = False,
    ) -> Search:
        """The faces of a frame. Those that lie where one of ``known`` landmarks (P, 2) is are only confirmed.

        If a ``thorough`` search finds none, the frame is rotated by each of the angles until one shows faces;
        landmarks are always those of the frame as it is. What the landmark predictor does not take for a face
        is left out; with ``profiles`` not if it may be a head that is turned far and the detector is sure.
        """
        with self.timed("detect"):
            detections, angle = self._detect(frame, thorough)
        boxes = [box_around(landmarks, self.scheme) for landmarks in known]
        confidences: list[float | None] = [None] * len(boxes)
        others: list[DetectedFace] = []
        for detection in detections:
            overlaps = [box.overlap(detection.box) for box in boxes]
            best = int(np.argmax(overlaps)) if overlaps else -1
            if overlaps and overlaps[best] >= SAME_FACE:
                confidences[best] = max(detection.confidence, confidences[best] or -np.inf)
                continue
            with self.timed("landmarks"):
                view = around_box(frame, detection.box, colour=self.predictor.colour)
                (found,) = self.predictor.predict(view.image, [view.detection_in_view(detection)])
            seen = is_present(found)
            if seen or (profiles and self._may_be_profile(found, detection.confidence)):
                others.append(DetectedFace(view.in_frame(found), detection.confidence, angle, seen))
        return Search(confidences, others)

    def _may_be_profile(self, found: PredictedLandmarks, confidence: float) -> bool:
        least = self.detector.profile_confidence
        if least is None or confidence < least or found.depth is None:
            return False
        return is_turned(SolidHead(found.points, found.depth), self.scheme)

    def search_image(self, image: Image) -> Sequence[DetectedFace]:
        """Faces of a single RGB picture, largest first."""
        return self.search(StillPicture(image)).others

    def _detect(self, frame: Picture, thorough: bool) -> tuple[list[Detection], int]:
        """What the detector sees in the frame, and by how many degrees it had to be rotated."""
        side = None if thorough else FAST_SIDES[-1]
        view = whole_frame(frame, colour=self.detector.colour, side=side)
        if detections := self.detector.detect(view.image, thorough):
            return [view.detection_in_frame(detection) for detection in detections], 0
        height, width = view.image.shape[:2]
        for angle in self.angles if thorough else ():
            matrix, size = rotation_matrix(angle, width, height)
            detections = self.detector.detect(_rotate(view.image, matrix, size), thorough)
            if detections:
                return [_rotated_back(detection, matrix, angle) for detection in detections], angle
        return [], 0

    def refine(self, frame: Picture, landmarks: Landmarks) -> PredictedLandmarks:
        """The landmarks of the face that ``landmarks`` (P, 2) already lie close to."""
        with self.timed("landmarks"):
            view = around_points(frame, landmarks, colour=self.predictor.colour)
            (found,) = self.predictor.refine([view.image], [view.to_view(landmarks)])
            return view.in_frame(found)

    def refine_all(
        self, images: Sequence[Image | Grey], landmarks: Sequence[Landmarks]
    ) -> list[PredictedLandmarks]:
        """The same for one face in each of several images, which landmarks are in pixels of."""
        found: list[PredictedLandmarks] = []
        with self.timed("landmarks"):
            for part in self._batches(len(images)):
                found += self.predictor.refine(images[part], landmarks[part])
        return found

    def expressions(self, landmarks: Sequence[Landmarks]) -> list[FloatArray | None]:
        """Expression values (K,) of faces with these ``landmarks`` (P, 2), in the order of
        ``scheme.expressions``; ``None`` if it names none."""
        found: list[FloatArray | None] = []
        with self.timed("landmarks"):
            for part in self._batches(len(landmarks)):
                found += self.predictor.expressions(landmarks[part])
        return found

    def verify(self, frame: Picture, landmarks: Landmarks) -> float | None:
        """The detector's confidence that there is a face under ``landmarks``, ``None`` if it sees none. It is
        shown the face alone and upright, which is cheap and works at any rotation."""
        with self.timed("detect"):
            view = around_points(frame, landmarks, colour=self.detector.colour)
            upright = align(view.to_view(landmarks), _PATCH, self.scheme)
            expected = box_around(map_points(upright, view.to_view(landmarks)), self.scheme)
            patch = fast_crop(view.image, upright, _PATCH)
            return max(
                (
                    detection.confidence
                    for detection in self.detector.detect(patch, False)
                    if detection.box.overlap(expected) >= _MIN_OVERLAP
                ),
                default=None,
            )

    def describe(self, image: Image, landmarks: Landmarks) -> Descriptor:
        """The identity descriptor (128,) of the face with ``landmarks`` (P, 2) in the RGB ``image``."""
        return self.describe_all([image], [landmarks])[0]

    def describe_all(self, images: Sequence[Image], landmarks: Sequence[Landmarks]) -> list[Descriptor]:
        """:meth:`describe` for one face in each of several images."""
        found: list[Descriptor] = []
        with self.timed("describe"):
            for part in self._batches(len(images)):
                found += self.descriptor.describe(images[part], landmarks[part], self.scheme)
        return found

    def is_one_person(self, before: Picture, first: Landmarks, after: Picture, second: Landmarks) -> bool:
        """Whether the face with landmarks ``first`` (P, 2) of one frame and that with ``second`` of another
        are of one person."""
        views = [
            around_points(frame, points, colour=True) for frame, points in ((before, first), (after, second))
        ]
        placed = [view.to_view(points) for view, points in zip(views, (first, second), strict=True)]
        one, other = self.describe_all([np.asarray(view.image) for view in views], placed)
        return float(np.linalg.norm(one - other)) < SAME_PERSON

    def _batches(self, count: int) -> Iterator[slice]:
        for start in range(0, count, self.batch_size):
            yield slice(start, start + self.batch_size)

    @contextmanager
    def timed(self, name: str) -> Generator[None]:
        """Add the time spent inside the ``with`` block to ``seconds[name]``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start


def is_present(found: PredictedLandmarks, least: float | None = None) -> bool:
    """Whether the predictor takes what it was shown for a face, with at least this presence; true where it
    cannot tell."""
    return found.presence is None or found.presence >= (_MIN_PRESENCE if least is None else least)


def parse_angles(text: str) -> tuple[int, ...]:
    """Angles in degrees from the setting ``rotate_images``: the multiples of a single number up to a full
    turn, or the numbers of a list."""
    numbers = [int(part) for part in text.split(",") if part.strip()]
    if len(numbers) == 1:
        return tuple(range(numbers[0], 360, numbers[0]))
    return tuple(numbers)


def rotation_matrix(angle: int, width: int, height: int) -> tuple[Alignment, tuple[int, int]]:
    """The matrix (2, 3) that rotates a picture by ``angle`` degrees counter-clockwise into one large enough
    to hold all of it, and the width and height of that."""
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


def _rotate(image: Image | Grey, matrix: Alignment, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR), dtype=np.uint8)


def _rotated_back(detection: Detection, matrix: Alignment, angle: int) -> Detection:
    """A detection in a picture that was rotated, as one in the picture before: a box of the same size around
    the same place."""
    box = detection.box
    centre = np.array([box.centre], dtype=np.float32)
    x, y = map_points(inverse(matrix), centre)[0].tolist()
    left, top = round(x - (box.width - 1) / 2), round(y - (box.height - 1) / 2)
    return replace(
        detection,
        box=Box(left, top, left + box.width, top + box.height),
        roll=(detection.roll + angle + 180) % 360 - 180,
    )
