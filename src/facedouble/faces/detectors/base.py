"""What a detector does, and what detectors share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from facedouble.types import Box, Detection, Grey, Image

FAST_SIDES = (640,)
"""Long sides in pixels of the images that a fast search examines."""
PATCH = 256
"""Longest side in pixels of an image that counts as a patch around one face."""
_SAME_FACE = 0.4  # boxes that overlap more (intersection over union) belong to one face


class Detector(Protocol):
    """Finds faces in one image. Its constructor takes the device to run on. The only state is the loaded
    network; calls do not affect each other."""

    colour: bool
    """Whether it needs RGB; otherwise it works on grey images (H, W) just as well."""

    in_threads: bool
    """Whether threads that each have their own can run it at once, because it works outside Python's lock."""

    profile_confidence: float | None
    """From this confidence a turned head is believed to be one although the landmark predictor sees no face;
    ``None`` for a detector that does not find profiles."""

    def detect(self, image: Image | Grey, thorough: bool = True) -> list[Detection]:
        """Faces in ``image``, (H, W, 3) uint8 RGB or (H, W): largest first, each once, boxes inside the
        image.

        A search that is not ``thorough`` is fast: it examines the image reduced to 640 pixels on its long
        side, or as it is if it is smaller. That suffices for a frame whose neighbours are known, and for a
        patch around one face. A thorough search also finds small faces; each detector documents how small.
        """
        ...


class RawDetection(NamedTuple):
    """A face in the image that was searched: centre and side of its box in pixels, with the image's edge at
    0 (and the centre of its first pixel at 0.5), the detector's confidence, and the face's roll in degrees,
    clockwise."""

    x: float
    y: float
    side: float
    confidence: float
    roll: float = 0.0


def search_pyramid(
    search: Callable[[Image | Grey], list[RawDetection]],
    image: Image | Grey,
    sides: Sequence[int],
    enlarge: int = 1,
) -> list[Detection]:
    """What ``search`` finds in the first resized copy of ``image`` that shows a face. The copies' long
    sides are ``sides`` in pixels, but at most ``enlarge`` times the image's."""
    long_side = max(image.shape[:2])
    for side in sorted({min(side, enlarge * long_side) for side in sides}):
        scale = side / long_side
        found = without_duplicates(detection_in(image, seen, scale) for seen in search(_scaled(image, scale)))
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


def detection_in(image: Image | Grey, seen: RawDetection, scale: float = 1.0) -> Detection:
    """A face found in a copy of ``image`` that is ``scale`` times as large, as a detection in ``image``."""
    box = Box(
        left=max(0, round((seen.x - seen.side / 2) / scale)),
        top=max(0, round((seen.y - seen.side / 2) / scale)),
        right=min(image.shape[1], round((seen.x + seen.side / 2) / scale)),
        bottom=min(image.shape[0], round((seen.y + seen.side / 2) / scale)),
    )
    return Detection(box, float(seen.confidence), float(seen.roll))


def without_duplicates(found: Iterable[Detection]) -> list[Detection]:
    """Each face once, with its most confident box, largest first, without boxes that lie outside the
    image."""
    kept: list[Detection] = []
    for detection in sorted(found, key=lambda detection: -detection.confidence):
        box = detection.box
        if box.width > 0 and box.height > 0 and all(box.overlap(k.box) <= _SAME_FACE for k in kept):
            kept.append(detection)
    return sorted(kept, key=lambda detection: -detection.box.width * detection.box.height)
