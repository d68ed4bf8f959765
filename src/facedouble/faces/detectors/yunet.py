"""The detector YuNet."""

from __future__ import annotations

from typing import Any

import cv2

from facedouble.assets import yunet_model
from facedouble.faces.detectors.base import FAST_SIDES, RawDetection, search_pyramid
from facedouble.types import Detection, Grey, Image


class YunetDetector:
    """YuNet (Wu, Peng and Yu 2023) by OpenCV.

    Of the 47 faces mentioned above it found 47 at 20 pixels, 43 at 16 and 31 at 14. So even its fast search
    finds faces of a thirty-second of the image's long side, and a thorough one examines 1280 pixels only if
    the fast one finds none. Enlarging would reveal faces too small to use. It does not examine more than
    1280 pixels either: in faces of 400 pixels and more it takes parts for faces.
    """

    colour = True
    in_threads = True
    profile_confidence = 0.8

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
                str(path), "", (FAST_SIDES[0], FAST_SIDES[0]), score_threshold=self._MIN_CONFIDENCE
            )
        finally:
            cv2.utils.logging.setLogLevel(level)

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        return search_pyramid(self._search, image, (640, 1280) if thorough else FAST_SIDES)

    def _search(self, image: Image | Grey) -> list[RawDetection]:
        self._network.setInputSize((image.shape[1], image.shape[0]))
        _, found = self._network.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        seen = []
        for left, top, width, height, *_, confidence in [] if found is None else found.tolist():
            x, y = left + width / 2, top + height / 2
            seen.append(RawDetection(x, y + self._DOWN * height, self._SIDE * height, confidence))
        return seen
