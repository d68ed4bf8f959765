"""Face detectors behind one Protocol, in an explicit registry.

All boxes are given where dlib's HOG detector would put them, because dlib's landmark predictor was
trained on its boxes: squares from the forehead to the chin, about as wide as the face.
Below, a face of n pixels is one whose box has that side.
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

_CHEAP = (640,)  # long side in pixels of the copy that a cheap look looks at
_PATCH = 256  # long side in pixels up to which an image is a patch around one face
_SAME_FACE = 0.4  # boxes that overlap by more (intersection over union) are of one face


class Detector(Protocol):
    """Finds faces in one image. Its constructor takes the device to run on. The only state is the loaded
    network; calls do not affect each other."""

    colour: bool
    """Whether it needs RGB. One that does not looks at grey images, (H, W), just as well."""

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        """Faces in ``image`` ((H, W, 3) uint8 RGB): largest first, each once, boxes inside the image.

        A look that is not ``thorough`` is cheap: at the image reduced to 640 pixels on its long side,
        or as it is if it is smaller. It does for a frame whose neighbours are known, and for a patch
        around one face. A thorough look finds small faces too; how small, each detector says.
        """
        ...


class HogDetector:
    """dlib's frontal face detector: histograms of oriented gradients and a linear classifier
    (Dalal and Triggs 2005, trained as in King 2015, "Max-Margin Object Detection").

    Of 47 faces from clips and photographs it saw 47 when they were reduced to 70 pixels, 43 at 60 and
    none at 40; none is too large. A cheap look so finds faces of a ninth of the image's long side. A
    thorough one looks at 1280 pixels, where a face is half as large, and only if nothing is there at
    2560, which takes four times as long. Images are enlarged twice at most, so the smallest face is
    one of 35 pixels.
    """

    colour = False  # on grey images it finds the same faces in three quarters of the time

    def __init__(self, device: str = "cpu") -> None:
        """``device`` makes no difference: the detector runs on the CPU."""
        self._detector = dlib.get_frontal_face_detector()

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        if thorough:
            return _climb(self._look, image, (1280, 2560), enlarge=2)
        return _climb(self._look, image, _CHEAP)

    def _look(self, image: Image | Grey) -> list[_Seen]:
        rectangles, scores, _ = self._detector.run(image, 0, 0.0)
        return [
            _Seen(*_middle_and_height(rectangle), score)
            for rectangle, score in zip(rectangles, scores, strict=True)
        ]


class CnnDetector:
    """dlib's convolutional detector: King's max-margin training with a network for the histograms.

    Of 28 faces it saw 28 when they were reduced to 80 pixels, 26 at 70, 9 at 60; so it sees no smaller
    ones than HOG, but faces turned, tilted or blurred that HOG misses. It is a hundred times slower:
    seconds at 640 pixels, four times that and 1.5 GB of memory at 1280. A thorough look therefore goes
    on to 1280, where faces of a sixteenth of the image's long side are found, only if 640 show nothing.
    """

    colour = True

    # From its box to HOG's: how far right and down the middle, and how long the side, in units of its
    # side. Medians over 327 looks (83 frames of eight clips and six photographs, at 320 to 1280 pixels),
    # the HOG box being the mean over several scales. Standard deviations 0.05, 0.05 and 0.09: its boxes
    # come in coarse steps. Mirrored frames are off to the same side, so that is its way, not the faces'.
    _RIGHT, _DOWN, _SIDE = 0.04, 0.09, 1.07

    _NARROWEST = 40  # pixels; narrower images hold no face it would see, and below 10 it fails

    def __init__(self, device: str = "cpu") -> None:
        """``device`` makes no difference: dlib's wheels run on the CPU."""
        self._network = dlib.cnn_face_detection_model_v1(str(weights_file(CNN_DETECTOR)))

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        if thorough:
            return _climb(self._look, image, (640, 1280), enlarge=2)
        return _climb(self._look, image, _CHEAP)

    def _look(self, image: Image | Grey) -> list[_Seen]:
        if min(image.shape[:2]) < self._NARROWEST:
            return []
        seen = []
        for found in self._network(image, 0):
            x, y, height = _middle_and_height(found.rect)
            x, y = x + self._RIGHT * height, y + self._DOWN * height
            seen.append(_Seen(x, y, self._SIDE * height, found.confidence))
        return seen


class HogThenCnnDetector:
    """HOG, and where a thorough look of HOG's finds nothing a thorough one of the CNN's.

    So faces that HOG misses cost seconds, as do frames without a face. In a patch around one face the
    CNN is asked in a cheap look too: what it found must be borne out by it. Confidences are on the scale of
    the one that found the face.
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

    Of the same 47 faces as above it saw 47 at 20 pixels, 43 at 16 and 31 at 14. So even its cheap look
    finds faces of a thirty-second of the image's long side, and a thorough one looks no closer unless
    nothing is there: then at 1280 pixels. Enlarging would show faces too small to use. Nor does it
    look at more than 1280 pixels: from 400 pixels on, it takes parts of a face for faces.
    """

    colour = True

    # From its box to HOG's: how far down the middle and how long the side, in units of its height.
    # Medians over 116 frames of eight clips and six photographs, where the HOG box is the mean over
    # looks at several scales; the standard deviations are 0.02 and 0.03, and sideways nothing is off.
    _DOWN, _SIDE = 0.06, 0.80

    # From 0 to 1. The faces it found in the clips had 0.8 and more, parts of faces up to 0.64.
    _LEAST_CONFIDENCE = 0.7

    def __init__(self, device: str = "cpu") -> None:
        """``device`` makes no difference: OpenCV's wheels run on the CPU."""
        path = yunet_model()
        level = cv2.utils.logging.getLogLevel()
        # Otherwise it warns that targets are not supported, which nobody asked for.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            # Any: OpenCV's types do not know that it may find nothing.
            self._network: Any = cv2.FaceDetectorYN.create(
                str(path), "", (_CHEAP[0], _CHEAP[0]), score_threshold=self._LEAST_CONFIDENCE
            )
        finally:
            cv2.utils.logging.setLogLevel(level)

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        return _climb(self._look, image, (640, 1280) if thorough else _CHEAP)

    def _look(self, image: Image | Grey) -> list[_Seen]:
        self._network.setInputSize((image.shape[1], image.shape[0]))
        _, found = self._network.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        seen = []
        for left, top, width, height, *_, confidence in [] if found is None else found.tolist():
            x, y = left + width / 2, top + height / 2
            seen.append(_Seen(x, y + self._DOWN * height, self._SIDE * height, confidence))
        return seen


class _Seen(NamedTuple):
    """A face in what was looked at: middle and side of its box in pixels, where the image's edge is at
    0 (and the middle of its first pixel at 0.5), and how sure the detector is."""

    x: float
    y: float
    side: float
    confidence: float


def _climb(
    look: Callable[[Image | Grey], list[_Seen]],
    image: Image | Grey,
    sides: Sequence[int],
    enlarge: int = 1,
) -> list[Detection]:
    """What ``look`` sees in the first copy of ``image`` that shows a face. The copies' long sides are
    ``sides`` in pixels, but no copy is larger than ``enlarge`` times the image."""
    long_side = max(image.shape[:2])
    for side in sorted({min(side, enlarge * long_side) for side in sides}):
        scale = side / long_side
        found = _each_once(_in_image(seen, scale, image) for seen in look(_scaled(image, scale)))
        if found:
            return found
    return []


def _scaled(image: Image | Grey, scale: float) -> Image | Grey:
    """A copy ``scale`` times as large, or the image itself."""
    if scale == 1:
        return np.ascontiguousarray(image)  # of a mirrored view dlib sees nothing
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), dtype=np.uint8)


def _middle_and_height(rectangle: Any) -> tuple[float, float, float]:
    """Middle and height of dlib's rectangle, whose right and bottom are inclusive."""
    x = (rectangle.left() + rectangle.right() + 1) / 2
    y = (rectangle.top() + rectangle.bottom() + 1) / 2
    return x, y, rectangle.bottom() + 1 - rectangle.top()


def _in_image(seen: _Seen, scale: float, image: Image | Grey) -> Detection:
    """The detection in ``image`` of what was seen in a copy of it ``scale`` times as large."""
    box = Box(
        left=max(0, round((seen.x - seen.side / 2) / scale)),
        top=max(0, round((seen.y - seen.side / 2) / scale)),
        right=min(image.shape[1], round((seen.x + seen.side / 2) / scale)),
        bottom=min(image.shape[0], round((seen.y + seen.side / 2) / scale)),
    )
    return Detection(box, float(seen.confidence))


def _each_once(found: Iterable[Detection]) -> list[Detection]:
    """Each face once, by its surest box, largest first. A box that lies outside the image is none."""
    kept: list[Detection] = []
    for detection in sorted(found, key=lambda detection: -detection.confidence):
        box = detection.box
        if box.width > 0 and box.height > 0 and all(box.overlap(k.box) <= _SAME_FACE for k in kept):
            kept.append(detection)
    return sorted(kept, key=lambda detection: -detection.box.width * detection.box.height)
