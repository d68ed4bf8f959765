"""What detectors and landmark predictors are shown of a frame.

To turn a whole frame into RGB takes longer than to place landmarks. So networks that want colour are shown a
part of it, averaged down to about what they need, which takes a tenth of the time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from facedouble.faces.align import inverse, map_points, scale_of
from facedouble.types import Alignment, Box, Detection, Grey, Image, Landmarks, PredictedLandmarks

_ROOM = 1.8  # side of the part, of the longer side of what it is cut around
_SIDE = 320  # pixels that the longer side of the part has at least, if the frame has as many
_WORTH_IT = 0.8  # largest reduction; closer to 1 it takes as long as it saves


class Picture(Protocol):
    """A frame to analyse. Its luma is requested several times."""

    def grey(self) -> Grey:
        """Luma (H, W)."""
        ...

    def rgb(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Image:
        """The frame or a part of it in RGB, averaged down to ``size`` (width, height) if that is given."""
        ...


@dataclass(frozen=True, slots=True)
class StillPicture:
    """A picture (H, W, 3) RGB or (H, W) grey in memory."""

    image: Image | Grey

    def grey(self) -> Grey:
        if self.image.ndim == 2:
            return self.image
        return np.asarray(cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)

    def rgb(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Image:
        image = self.image if self.image.ndim == 3 else np.repeat(self.image[..., None], 3, axis=2)
        if part is not None:
            image = image[part.top : part.bottom, part.left : part.right]
        if size is not None:
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return image


@dataclass(frozen=True, slots=True)
class View:
    """A part of a frame, perhaps averaged down. ``matrix`` (2, 3) takes points of the frame to the view."""

    image: Image | Grey
    matrix: Alignment

    def to_view(self, landmarks: Landmarks) -> Landmarks:
        return map_points(self.matrix, landmarks)

    def detection_in_view(self, detection: Detection) -> Detection:
        return replace(detection, box=_mapped(self.matrix, detection.box))

    def detection_in_frame(self, detection: Detection) -> Detection:
        return replace(detection, box=_mapped(inverse(self.matrix), detection.box))

    def in_frame(self, found: PredictedLandmarks) -> PredictedLandmarks:
        """What was found in the view, in pixels of the frame."""
        depth = None if found.depth is None else found.depth / np.float32(scale_of(self.matrix))
        return replace(found, points=map_points(inverse(self.matrix), found.points), depth=depth)


def whole_frame(frame: Picture, *, colour: bool, side: int | None = None) -> View:
    """The whole frame, in RGB or grey. In RGB it is averaged down to ``side`` pixels on its long side, if it
    has more."""
    grey = frame.grey()
    if not colour:
        return View(grey, np.eye(2, 3))
    height, width = grey.shape
    return _view(frame, Box(0, 0, width, height), 1.0 if side is None else side / max(width, height))


def around_points(frame: Picture, points: Landmarks, *, colour: bool) -> View:
    """What surrounds points (P, 2) in RGB, averaged down to what a landmark predictor needs; without
    ``colour`` the whole frame, grey."""
    if not colour:
        return View(frame.grey(), np.eye(2, 3))
    low, high = np.nanmin(points, axis=0).tolist(), np.nanmax(points, axis=0).tolist()
    return _around(
        frame, ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2), max(high[0] - low[0], high[1] - low[1])
    )


def around_box(frame: Picture, box: Box, *, colour: bool) -> View:
    """:func:`around_points` for a detector's box, which leaves out part of the face."""
    if not colour:
        return View(frame.grey(), np.eye(2, 3))
    return _around(frame, box.centre, 1.4 * max(box.width, box.height))


def _around(frame: Picture, centre: tuple[float, float], extent: float) -> View:
    height, width = frame.grey().shape
    half = _ROOM * extent / 2
    # Even edges, so that chroma samples stay whole.
    left, right = _even(centre[0] - half, centre[0] + half, width)
    top, bottom = _even(centre[1] - half, centre[1] + half, height)
    part = Box(left, top, right, bottom)
    return _view(frame, part, _SIDE / max(_ROOM * extent, 1))


def _even(start: float, end: float, limit: int) -> tuple[int, int]:
    """An even range of at least two pixels around ``start`` to ``end``, inside 0 to ``limit``."""
    first = int(min(max(start, 0), max(limit - 2, 0))) & ~1
    last = -(-int(np.ceil(max(end, first + 1))) // 2) * 2
    return first, min(max(last, first + 2), limit)


def _view(frame: Picture, part: Box, scale: float) -> View:
    """A part of the frame in RGB, averaged down if that is worth it."""
    size = (part.width, part.height)
    if scale <= _WORTH_IT:
        size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
    image = frame.rgb(part, None if size == (part.width, part.height) else size)
    step = np.array((size[0] / part.width, size[1] / part.height))
    offset = (0.5 - np.array((part.left, part.top))) * step - 0.5
    return View(image, np.column_stack([np.diag(step), offset]))


def _mapped(matrix: Alignment, box: Box) -> Box:
    """A box whose edges are taken along, in whole pixels."""
    corners = np.array([(box.left, box.top), (box.right, box.bottom)], dtype=np.float64) - 0.5
    (left, top), (right, bottom) = corners @ matrix[:, :2].T + matrix[:, 2] + 0.5
    return Box(
        round(left), round(top), max(round(right), round(left) + 1), max(round(bottom), round(top) + 1)
    )
