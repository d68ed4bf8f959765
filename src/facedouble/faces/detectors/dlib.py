"""dlib's detectors, for those who install ``facedouble[dlib]``."""

from __future__ import annotations

from typing import Any

from facedouble.faces.detectors.base import FAST_SIDES, PATCH, RawDetection, search_pyramid
from facedouble.networks.dlib_extra import CNN_DETECTOR, load_dlib, weights_file
from facedouble.types import Detection, Grey, Image


class HogDetector:
    """dlib's frontal face detector: histograms of oriented gradients and a linear classifier
    (Dalal and Triggs 2005, trained as in King 2015, "Max-Margin Object Detection").

    Of 47 faces from clips and photographs it found 47 when they were reduced to 70 pixels, 43 at 60 and
    none at 40; no face is too large. A fast search therefore finds faces of a ninth of the image's long
    side. A thorough one examines 1280 pixels, where faces may be half as large, and if it finds none, 2560,
    which takes four times as long. Images are at most doubled in size, so the smallest face has 35 pixels.
    """

    colour = False  # it finds the same faces on grey images, in three quarters of the time
    in_threads = True
    profile_confidence = None

    def __init__(self, device: str = "cpu") -> None:
        """``device`` makes no difference: the detector runs on the CPU."""
        self._detector = load_dlib().get_frontal_face_detector()

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        if thorough:
            return search_pyramid(self._search, image, (1280, 2560), enlarge=2)
        return search_pyramid(self._search, image, FAST_SIDES)

    def _search(self, image: Image | Grey) -> list[RawDetection]:
        rectangles, scores, _ = self._detector.run(image, 0, 0.0)
        return [
            RawDetection(*_centre_and_height(rectangle), score)
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
    in_threads = False
    profile_confidence = None

    # From its box to HOG's: offset of the centre to the right and down, and ratio of the sides, in units of
    # its side. Medians over 327 searches (83 frames of eight clips and six photographs, at 320 to 1280
    # pixels), with HOG's box averaged over several scales. Standard deviations 0.05, 0.05 and 0.09: its
    # boxes come in coarse steps. Mirrored frames are offset to the same side, so the offset is the
    # detector's, not the faces'.
    _RIGHT, _DOWN, _SIDE = 0.04, 0.09, 1.07

    _NARROWEST = 40  # pixels; in narrower images it finds nothing, and below 10 it fails

    def __init__(self, device: str = "cpu") -> None:
        """``device`` makes no difference: dlib's wheels run on the CPU."""
        self._network = load_dlib().cnn_face_detection_model_v1(str(weights_file(CNN_DETECTOR)))

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        if thorough:
            return search_pyramid(self._search, image, (640, 1280), enlarge=2)
        return search_pyramid(self._search, image, FAST_SIDES)

    def _search(self, image: Image | Grey) -> list[RawDetection]:
        if min(image.shape[:2]) < self._NARROWEST:
            return []
        seen = []
        for found in self._network(image, 0):
            x, y, height = _centre_and_height(found.rect)
            x, y = x + self._RIGHT * height, y + self._DOWN * height
            seen.append(RawDetection(x, y, self._SIDE * height, found.confidence))
        return seen


class HogThenCnnDetector:
    """HOG, followed by the CNN if a thorough search of HOG finds nothing.

    So faces that HOG misses cost seconds, as do frames without a face. In a patch around one face the CNN
    takes part in fast searches as well, because only it can verify what it found. Confidences are on the
    scale of the detector that found the face.
    """

    colour = True  # for the CNN
    in_threads = False
    profile_confidence = None

    def __init__(self, device: str = "cpu") -> None:
        self._hog = HogDetector(device)
        self._cnn = CnnDetector(device)

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        found = self._hog.detect(image, thorough)
        if found or not (thorough or max(image.shape[:2]) <= PATCH):
            return found
        return self._cnn.detect(image, thorough)


def _centre_and_height(rectangle: Any) -> tuple[float, float, float]:
    """Centre and height of dlib's rectangle, whose right and bottom are inclusive."""
    x = (rectangle.left() + rectangle.right() + 1) / 2
    y = (rectangle.top() + rectangle.bottom() + 1) / 2
    return x, y, rectangle.bottom() + 1 - rectangle.top()
