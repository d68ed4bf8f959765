"""Face detectors behind one Protocol, in an explicit registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import cv2
import dlib
import numpy as np

from facedouble.errors import SettingsError
from facedouble.types import Box, Detection, Image


class Detector(Protocol):
    """Finds faces in one image. State is the loaded network only; calls do not affect each other."""

    def detect(self, image: Image) -> list[Detection]:
        """Faces in ``image`` ((H, W, 3) uint8 RGB), largest first, boxes inside the image."""
        ...


class HogDetector:
    """dlib's frontal face detector: histograms of oriented gradients and a linear classifier
    (Dalal and Triggs 2005, trained as in King 2015, "Max-Margin Object Detection").

    It sees faces of 80 pixels or more at the scale it looks at. The image is first looked at
    reduced to ``long_side`` pixels, which is where the time goes; only when nothing is found
    there, at its full size.
    """

    def __init__(self, long_side: int = 640) -> None:
        self.long_side = long_side
        self._detector = dlib.get_frontal_face_detector()

    def detect(self, image: Image) -> list[Detection]:
        scale = self.long_side / max(image.shape[:2])
        if scale < 1:
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            found = self._run(np.asarray(small, dtype=np.uint8), scale, image.shape)
            if found:
                return found
        return self._run(image, 1.0, image.shape)

    def _run(self, image: Image, scale: float, shape: tuple[int, ...]) -> list[Detection]:
        rectangles, scores, _ = self._detector.run(image, 0, 0.0)
        found = []
        for rectangle, score in zip(rectangles, scores, strict=True):
            box = Box(
                left=max(0, round(rectangle.left() / scale)),
                top=max(0, round(rectangle.top() / scale)),
                right=min(shape[1], round((rectangle.right() + 1) / scale)),
                bottom=min(shape[0], round((rectangle.bottom() + 1) / scale)),
            )
            if box.width > 0 and box.height > 0:
                found.append(Detection(box, float(score)))
        return sorted(found, key=lambda detection: -detection.box.width)


DETECTORS: dict[str, Callable[[], Detector]] = {"hog": HogDetector}


def make_detector(name: str) -> Detector:
    """The detector called ``name``. Raises ``SettingsError`` for an unknown name."""
    if name not in DETECTORS:
        raise SettingsError(f"no detector {name!r}; there are: {', '.join(DETECTORS)}")
    return DETECTORS[name]()
