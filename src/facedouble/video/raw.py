"""Frames as they come, before they are turned into RGB.

Finding faces mostly needs grey, and cutting them out a small part of the frame; the whole frame in
RGB would take longer than all of that. A raw frame gives each on demand, and travels to another
process as the 1.5 bytes a pixel it was decoded to, or as a file's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np

from facedouble.types import Box, Grey, Image
from facedouble.video.images import read_image
from facedouble.video.orientation import Orientation
from facedouble.video.yuv import YuvColour, reformatter, to_rgb

PLANAR_FORMATS = frozenset({"yuv420p", "yuvj420p"})
_MARGIN = 16  # pixels around a part, so that the filters for its colours see what they would see
_STEP = 64  # sizes of parts are whole multiples of this, so that few filters have to be set up


class RawFrame(Protocol):
    """One frame of a source. It can be pickled."""

    @property
    def index(self) -> int: ...

    @property
    def pts(self) -> int: ...

    @property
    def time_base(self) -> Fraction: ...

    @property
    def name(self) -> str | None: ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright frame. Raises ``InputError``."""
        ...

    def grey(self) -> Grey:
        """Luma of the upright frame, (H, W) uint8, full range. Raises ``InputError``."""
        ...

    def rgb(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Image:
        """The upright frame, or the part of it inside a box that lies within the frame.

        Equal, to the bit, to that part of the whole frame; but with a ``size`` (width, height), no
        larger than the part, averaged down to that, which is faster than doing it afterwards.
        Raises ``InputError``.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlanarFrame:
    """A frame of a clip in YUV 4:2:0. ``planes`` is (H * 3 / 2, W) uint8 as PyAV lays it out, not turned."""

    index: int
    pts: int
    time_base: Fraction
    planes: Grey
    colouring: YuvColour
    turn: Orientation
    name: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        lines, columns = self._lines, int(self.planes.shape[1])
        return (lines, columns) if self.turn.transposed else (columns, lines)

    def grey(self) -> Grey:
        luma = self.planes[: self._lines]
        if not self.colouring.full_range:
            luma = np.asarray(cv2.LUT(luma, _FROM_LIMITED), dtype=np.uint8)
        return self.turn.apply(np.ascontiguousarray(luma))

    def rgb(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Image:
        if size is not None:
            return self._reduced(part or Box(0, 0, *self.size), size)
        lines, columns = self._lines, int(self.planes.shape[1])
        box = self.turn.stored(part or Box(0, 0, *self.size), *self.size)
        left, right = _around(box.left, box.right, columns)
        top, bottom = _around(box.top, box.bottom, lines)
        around = Box(left, top, right, bottom)
        rgb = to_rgb(self._stored(around), self.colouring, reformatter(around.width, around.height))
        inner = rgb[box.top - top : box.bottom - top, box.left - left : box.right - left]
        return self.turn.apply(np.ascontiguousarray(inner))

    def _reduced(self, part: Box, size: tuple[int, int]) -> Image:
        """A part averaged down to ``size``."""
        box = self.turn.stored(part, *self.size)
        even = Box(box.left & ~1, box.top & ~1, -(-box.right // 2) * 2, -(-box.bottom // 2) * 2)
        if even != box:
            return np.asarray(cv2.resize(self.rgb(part), size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        stored = size[::-1] if self.turn.transposed else size
        rgb = to_rgb(self._stored(even), self.colouring, reformatter("reducing"), stored)
        return self.turn.apply(rgb)

    def _stored(self, box: Box) -> av.VideoFrame:
        """The part of the stored picture inside a box with even edges."""
        left, top, right, bottom = box
        lines, columns = self._lines, int(self.planes.shape[1])
        flat, size = self.planes.reshape(-1), lines * columns
        half = slice(top // 2, bottom // 2), slice(left // 2, right // 2)
        pixels = [self.planes[top:bottom, left:right].reshape(-1)]
        for chroma in (flat[size : size * 5 // 4], flat[size * 5 // 4 :]):
            pixels.append(chroma.reshape(lines // 2, columns // 2)[half].reshape(-1))
        # A frame made here says nothing of where its chroma samples lie, nor does the one that the sink
        # makes: so colours come back from RGB where they were (error 0.003 levels, else 0.03).
        return av.VideoFrame.from_ndarray(np.concatenate(pixels).reshape(-1, right - left), format="yuv420p")

    @property
    def _lines(self) -> int:
        return int(self.planes.shape[0]) * 2 // 3


@dataclass(frozen=True, slots=True)
class RgbFrame:
    """A frame of a clip whose pixels are in RGB already; ``image`` is upright."""

    index: int
    pts: int
    time_base: Fraction
    image: Image
    name: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.image.shape[:2]
        return width, height

    def grey(self) -> Grey:
        return np.asarray(cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)

    def rgb(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Image:
        return _part(self.image, part, size)


@dataclass(frozen=True, slots=True)
class FileFrame:
    """An image file of a folder, read when it is looked at, in the process that looks."""

    index: int
    pts: int
    time_base: Fraction
    path: Path

    @property
    def name(self) -> str | None:
        return self.path.name

    @property
    def size(self) -> tuple[int, int]:
        height, width = _read(self.path).shape[:2]
        return width, height

    def grey(self) -> Grey:
        return np.asarray(cv2.cvtColor(_read(self.path), cv2.COLOR_RGB2GRAY), dtype=np.uint8)

    def rgb(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Image:
        return _part(_read(self.path), part, size)


@lru_cache(maxsize=2)
def _read(path: Path) -> Image:
    """The image in a file; the last ones are kept, as a frame is looked at more than once."""
    image = read_image(path)
    image.flags.writeable = False
    return image


_FROM_LIMITED = np.clip(np.rint((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)


def _around(start: int, end: int, limit: int) -> tuple[int, int]:
    """An even range around ``start`` to ``end``, with a margin, inside 0 to ``limit``."""
    length = min(-(-(end - start + 2 * _MARGIN + 2) // _STEP) * _STEP, limit)
    first = max(0, min(start - _MARGIN, limit - length)) & ~1
    return first, min(first + length, limit)


def _part(image: Image, part: Box | None, size: tuple[int, int] | None) -> Image:
    if part is not None:
        image = image[part.top : part.bottom, part.left : part.right]
    if size is not None:
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.ascontiguousarray(image)
