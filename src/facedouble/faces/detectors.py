"""Face detectors behind one Protocol; ``registry.DETECTORS`` names them.

All boxes are converted to those of dlib's HOG detector, because dlib's landmark predictor was trained on
them: squares from forehead to chin, about as wide as the face. Below, a face of n pixels is one whose box
has that side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import cv2
import dlib
import numpy as np

from facedouble.assets import yunet_model
from facedouble.networks.dlib_files import CNN_DETECTOR, weights_file
from facedouble.types import Box, Detection, Grey, Image

_FAST_SIDES = (640,)  # long side in pixels of the image that a fast search examines
_PATCH = 256  # longest side in pixels of an image that counts as a patch around one face
_SAME_FACE = 0.4  # boxes that overlap more (intersection over union) belong to one face


class Detector(Protocol):
    """Finds faces in one image. Its constructor takes the device to run on. The only state is the loaded
    network; calls do not affect each other."""

    colour: bool
    """Whether it needs RGB; otherwise it works on grey images (H, W) just as well."""

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        """Faces in ``image``, (H, W, 3) uint8 RGB or (H, W): largest first, each once, boxes inside the
        image.

        A search that is not ``thorough`` is fast: it examines the image reduced to 640 pixels on its long
        side, or as it is if it is smaller. That suffices for a frame whose neighbours are known, and for a
        patch around one face. A thorough search also finds small faces; each detector documents how small.
        """
        ...


class HogDetector:
    """dlib's frontal face detector: histograms of oriented gradients and a linear classifier
    (Dalal and Triggs 2005, trained as in King 2015, "Max-Margin Object Detection").

    Of 47 faces from clips and photographs it found 47 when they were reduced to 70 pixels, 43 at 60 and
    none at 40; no face is too large. A fast search therefore finds faces of a ninth of the image's long
    side. A thorough one examines 1280 pixels, where faces may be half as large, and if it finds none, 2560,
    which takes four times as long. Images are at most doubled in size, so the smallest face has 35 pixels.
    """

    colour = False  # it finds the same faces on grey images, in three quarters of the time

    def __init__(self, device: str = "cpu") -> None:
        """``device`` makes no difference: the detector runs on the CPU."""
        self._detector = dlib.get_frontal_face_detector()

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        if thorough:
            return _search_pyramid(self._search, image, (1280, 2560), enlarge=2)
        return _search_pyramid(self._search, image, _FAST_SIDES)

    def _search(self, image: Image | Grey) -> list[_RawDetection]:
        rectangles, scores, _ = self._detector.run(image, 0, 0.0)
        return [
            _RawDetection(*_centre_and_height(rectangle), score)
            for rectangle, score in zip(rectangles, scores, strict=True)
        ]


class CnnDetector:
    """dlib's convolutional detector: King's max-margin training with a network in place of the histograms.

    Of 28 faces it found 28 when they were reduced to 80 pixels, 26 at 70 and 9 at 60. So it finds no
    smaller faces than HOG, but rotated, tilted and blurred ones that HOG misses. It is a hundred times
    slower: seconds at 640 pixels, four times that and 1.5 GB of memory at 1280. A thorough search therefore
    continues to 1280, where it finds faces of a sixteenth of the image's long side, only if 640 shows none.
    """

    colour = True

    # From its box to HOG's: offset of the centre to the right and down, and ratio of the sides, in units of
    # its side. Medians over 327 searches (83 frames of eight clips and six photographs, at 320 to 1280
    # pixels), with HOG's box averaged over several scales. Standard deviations 0.05, 0.05 and 0.09: its
    # boxes come in coarse steps. Mirrored frames are offset to the same side, so the offset is the
    # detector's, not the faces'.
    _RIGHT, _DOWN, _SIDE = 0.04, 0.09, 1.07

    _NARROWEST = 40  # pixels; in narrower images it finds nothing, and below 10 it fails

    def __init__(self, device: str = "cpu") -> None:
        """``device`` makes no difference: dlib's wheels run on the CPU."""
        self._network = dlib.cnn_face_detection_model_v1(str(weights_file(CNN_DETECTOR)))

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        if thorough:
            return _search_pyramid(self._search, image, (640, 1280), enlarge=2)
        return _search_pyramid(self._search, image, _FAST_SIDES)

    def _search(self, image: Image | Grey) -> list[_RawDetection]:
        if min(image.shape[:2]) < self._NARROWEST:
            return []
        seen = []
        for found in self._network(image, 0):
            x, y, height = _centre_and_height(found.rect)
            x, y = x + self._RIGHT * height, y + self._DOWN * height
            seen.append(_RawDetection(x, y, self._SIDE * height, found.confidence))
        return seen


class HogThenCnnDetector:
    """HOG, followed by the CNN if a thorough search of HOG finds nothing.

    So faces that HOG misses cost seconds, as do frames without a face. In a patch around one face the CNN
    takes part in fast searches as well, because only it can verify what it found. Confidences are on the
    scale of the detector that found the face.
    """

    colour = True  # for the CNN

    def __init__(self, device: str = "cpu") -> None:
        self._hog = HogDetector(device)
        self._cnn = CnnDetector(device)

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        found = self._hog.detect(image, thorough)
        if found or not (thorough or max(image.shape[:2]) <= _PATCH):
            return found
        return self._cnn.detect(image, thorough)


class YunetDetector:
    """YuNet (Wu, Peng and Yu 2023) by OpenCV.

    Of the 47 faces mentioned above it found 47 at 20 pixels, 43 at 16 and 31 at 14. So even its fast search
    finds faces of a thirty-second of the image's long side, and a thorough one examines 1280 pixels only if
    the fast one finds none. Enlarging would reveal faces too small to use. It does not examine more than
    1280 pixels either: in faces of 400 pixels and more it takes parts for faces.
    """

    colour = True

    # From its box to HOG's: offset of the centre downwards and ratio of the sides, in units of its height.
    # Medians over 116 frames of eight clips and six photographs, with HOG's box averaged over several
    # scales; standard deviations 0.02 and 0.03, and no horizontal offset.
    _DOWN, _SIDE = 0.06, 0.80

    # 0 to 1. Faces in the clips had 0.8 and more, parts of faces up to 0.64.
    _MIN_CONFIDENCE = 0.7

    def __init__(self, device: str = "cpu") -> None:
        """``device`` makes no difference: OpenCV's wheels run on the CPU."""
        path = yunet_model()
        level = cv2.utils.logging.getLogLevel()
        # Suppresses a warning about unsupported targets.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            # Any: OpenCV's type stubs do not allow for finding nothing.
            self._network: Any = cv2.FaceDetectorYN.create(
                str(path), "", (_FAST_SIDES[0], _FAST_SIDES[0]), score_threshold=self._MIN_CONFIDENCE
            )
        finally:
            cv2.utils.logging.setLogLevel(level)

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        return _search_pyramid(self._search, image, (640, 1280) if thorough else _FAST_SIDES)

    def _search(self, image: Image | Grey) -> list[_RawDetection]:
        self._network.setInputSize((image.shape[1], image.shape[0]))
        _, found = self._network.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        seen = []
        for left, top, width, height, *_, confidence in [] if found is None else found.tolist():
            x, y = left + width / 2, top + height / 2
            seen.append(_RawDetection(x, y + self._DOWN * height, self._SIDE * height, confidence))
        return seen


class _RawDetection(NamedTuple):
    """A face in the image that was searched: centre and side of its box in pixels, with the image's edge at
    0 (and the centre of its first pixel at 0.5), and the detector's confidence."""

    x: float
    y: float
    side: float
    confidence: float


def _search_pyramid(
    search: Callable[[Image | Grey], list[_RawDetection]],
    image: Image | Grey,
    sides: Sequence[int],
    enlarge: int = 1,
) -> list[Detection]:
    """What ``search`` finds in the first resized copy of ``image`` that shows a face. The copies' long
    sides are ``sides`` in pixels, but at most ``enlarge`` times the image's."""
    long_side = max(image.shape[:2])
    for side in sorted({min(side, enlarge * long_side) for side in sides}):
        scale = side / long_side
        found = _without_duplicates(_in_image(seen, scale, image) for seen in search(_scaled(image, scale)))
        if found:
            return found
    return []


def _scaled(image: Image | Grey, scale: float) -> Image | Grey:
    """A copy ``scale`` times as large, or the image itself."""
    if scale == 1:
        return np.ascontiguousarray(image)  # dlib finds nothing in a view with negative strides
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), dtype=np.uint8)


def _centre_and_height(rectangle: Any) -> tuple[float, float, float]:
    """Centre and height of dlib's rectangle, whose right and bottom are inclusive."""
    x = (rectangle.left() + rectangle.right() + 1) / 2
    y = (rectangle.top() + rectangle.bottom() + 1) / 2
    return x, y, rectangle.bottom() + 1 - rectangle.top()


def _in_image(seen: _RawDetection, scale: float, image: Image | Grey) -> Detection:
    """A face found in a copy of ``image`` that is ``scale`` times as large, as a detection in ``image``."""
    box = Box(
        left=max(0, round((seen.x - seen.side / 2) / scale)),
        top=max(0, round((seen.y - seen.side / 2) / scale)),
        right=min(image.shape[1], round((seen.x + seen.side / 2) / scale)),
        bottom=min(image.shape[0], round((seen.y + seen.side / 2) / scale)),
    )
    return Detection(box, float(seen.confidence))


def _without_duplicates(found: Iterable[Detection]) -> list[Detection]:
    """Each face once, with its most confident box, largest first, without boxes that lie outside the
    image."""
    kept: list[Detection] = []
    for detection in sorted(found, key=lambda detection: -detection.confidence):
        box = detection.box
        if box.width > 0 and box.height > 0 and all(box.overlap(k.box) <= _SAME_FACE for k in kept):
            kept.append(detection)
    return sorted(kept, key=lambda detection: -detection.box.width * detection.box.height)
