"""What detectors and landmark predictors are shown of a frame.

To turn a whole frame into RGB takes longer than to place landmarks. So networks that want colour are shown a
part of it, averaged down to about what they need, which takes a tenth of the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from facedouble.faces.align import inverse, map_points, scale_of
from facedouble.types import Alignment, Box, Detection, Grey, Image, Landmarks, PredictedLandmarks

_ROOM = 1.8  # side of the part, of the longer side of what it is cut around
_SIDE = 320  # pixels that the longer side of the part has at least, if the frame has as many
_WORTH_IT = 0.8  # largest reduction; closer to 1 it takes as long as it saves
_STEP = 32  # sides of parts and of what they are averaged down to: few filters are set up


class Picture(Protocol):
    """A frame to analyse."""

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height."""
        ...

    def grey(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Grey:
        """Luma (H, W) of the frame or a part of it, averaged down to ``size`` (width, height) if that is
        given."""
        ...

    def rgb(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Image:
        """The frame or a part of it in RGB, averaged down to ``size`` (width, height) if that is given."""
        ...


@dataclass(frozen=True, slots=True)
class StillPicture:
    """A picture (H, W, 3) RGB or (H, W) grey in memory."""

    image: Image | Grey

    @property
    def shown_size(self) -> tuple[int, int]:
        return int(self.image.shape[1]), int(self.image.shape[0])

    def grey(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Grey:
        image = self.image
        if part is not None:
            image = image[part.top : part.bottom, part.left : part.right]
        if image.ndim == 3:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        if size is not None:
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return image

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
    if not colour:
        return View(frame.grey(), np.eye(2, 3))
    width, height = frame.shown_size
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
    width, height = frame.shown_size
    half = _ROOM * extent / 2
    left, right = span_around(centre[0] - half, centre[0] + half, width)
    top, bottom = span_around(centre[1] - half, centre[1] + half, height)
    return _view(frame, Box(left, top, right, bottom), _SIDE / max(_ROOM * extent, 1))


def span_around(start: float, end: float, limit: int) -> tuple[int, int]:
    """A range inside 0 to ``limit`` that holds what ``start`` to ``end`` has of it, and begins with an even
    number, so that chroma samples stay whole. Its length is a multiple of 32, or ``limit``: pictures of few
    sizes are averaged down faster."""
    length = min(-(-max(math.ceil(end - start) + 2, 1) // _STEP) * _STEP, limit)
    first = min(max(0, math.floor((start + end - length) / 2)), limit - length) & ~1
    return first, first + length


def reduced_size(part: Box, scale: float) -> tuple[int, int]:
    """Width and height to which a part is averaged down, at about ``scale`` or a little more. The longer one
    is a multiple of 32 if it can be."""
    longer = max(part.width, part.height)
    exact = min(-(-max(1, round(longer * scale)) // _STEP) * _STEP, longer) / longer
    return max(1, round(part.width * exact)), max(1, round(part.height * exact))


def _view(frame: Picture, part: Box, scale: float) -> View:
    """A part of the frame in RGB, averaged down if that is worth it."""
    size = (part.width, part.height)
    if scale <= _WORTH_IT:
        size = reduced_size(part, scale)
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
