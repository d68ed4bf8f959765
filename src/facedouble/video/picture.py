"""Pictures as they are decoded and encoded: planes of luma and chroma, of which parts are seen and
painted in RGB.

Turning a whole frame into RGB and back takes longer than everything else but the encoder, and rounds
every pixel. So a frame keeps its planes, and only the rectangle around what changes goes through RGB;
of that only what has changed is written back. All other samples are the source's own, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange

from facedouble.types import Box
from facedouble.video.orientation import Orientation
from facedouble.video.yuv import CONVERSION, YuvColour, reformatter

Pixels = npt.NDArray[Any]
"""(H, W, 3) RGB or (H, W, 4) RGBA, not premultiplied; uint8 of 0..255 or uint16 of 0..65535."""

Samples = npt.NDArray[Any]

_MARGIN = 16  # pixels around a part, so that the filters for its colours see what they would see
_STEP = 64  # parts have sides of whole multiples of this, so that few filters have to be set up


class Layout(NamedTuple):
    """How the samples of a planar format lie: by what the chroma planes are smaller (as powers of two),
    and how many bits a sample has."""

    across: int
    down: int
    depth: int


def _layouts() -> dict[str, Layout]:
    found = {}
    for name, across, down in (("420", 1, 1), ("422", 1, 0), ("444", 0, 0)):
        for kind in ("yuv", "yuvj"):
            found[f"{kind}{name}p"] = Layout(across, down, 8)
        for depth in (10, 12):
            found[f"yuv{name}p{depth}le"] = Layout(across, down, depth)
    return found


LAYOUTS = _layouts()


@dataclass(frozen=True, slots=True)
class Planar:
    """An upright picture in luma and chroma.

    ``planes`` are Y, Cb and Cr, (H, W) each, the last two smaller as ``format`` (FFmpeg's name) has it;
    uint8, or uint16 for formats of more bits. They are not to be changed.
    """

    format: str
    planes: tuple[Samples, Samples, Samples]
    colouring: YuvColour

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.planes[0].shape
        return width, height

    @property
    def layout(self) -> Layout:
        return LAYOUTS[self.format]

    def rgb(self, part: Box | None = None) -> Pixels:
        """The picture in RGB, or the part of it inside ``part``, a box as :func:`around` makes it.

        A part is, but for its outermost pixels, equal to that part of the whole. uint8 for formats of
        8 bits, else uint16.
        """
        frame = to_frame(self if part is None else self._cut(part))
        format = "rgb24" if self.layout.depth == 8 else "rgb48le"
        return _pixels(_converted(frame, format, self.colouring, to_rgb=True))

    def painted(self, part: Box, before: Pixels, after: Pixels) -> Planar:
        """The picture with ``after`` in ``part`` where it differs from ``before``, which is what
        :meth:`rgb` gave for the part.

        A chroma sample is written where any pixel that it colours has changed.
        """
        changed = _changed(before, after)
        if not changed.any():
            return self
        new = _planes_of(after, self)
        # In full range swscale moves every value it brings back by up to half a level; what was there
        # before is moved as much, so the difference is free of it.
        old = _planes_of(before, self) if self.colouring.full_range else None
        across, down, depth = self.layout
        planes = []
        for number, plane in enumerate(self.planes):
            dx, dy = (across, down) if number else (0, 0)
            area = slice(part.top >> dy, part.bottom >> dy), slice(part.left >> dx, part.right >> dx)
            where = changed
            if dy:
                where = where[::2] | where[1::2]
            if dx:
                where = where[:, ::2] | where[:, 1::2]
            values = new[number]
            if old is not None:
                moved = plane[area].astype(np.int32) + values - old[number]
                values = np.clip(moved, 0, (1 << depth) - 1).astype(plane.dtype)
            copy = plane.copy()
            np.copyto(copy[area], values, where=where)
            planes.append(copy)
        return Planar(self.format, (planes[0], planes[1], planes[2]), self.colouring)

    def _cut(self, part: Box) -> Planar:
        across, down, _ = self.layout
        y, cb, cr = self.planes
        luma = slice(part.top, part.bottom), slice(part.left, part.right)
        chroma = (
            slice(part.top >> down, part.bottom >> down),
            slice(part.left >> across, part.right >> across),
        )
        return Planar(self.format, (y[luma], cb[chroma], cr[chroma]), self.colouring)


Picture = Planar | Pixels
"""A picture in planes, or in RGB or RGBA."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture and when it is shown: ``index`` from 0 in order, ``pts`` in units of ``time_base``
    seconds, ``name`` of the file where it came from a folder."""

    index: int
    pts: int
    time_base: Fraction
    picture: Picture
    name: str | None = None


def size_of(picture: Picture) -> tuple[int, int]:
    """Width and height."""
    if isinstance(picture, Planar):
        return picture.size
    return int(picture.shape[1]), int(picture.shape[0])


def in_rgb(picture: Picture, part: Box | None = None) -> Pixels:
    """A picture, or a part of it, in RGB."""
    if isinstance(picture, Planar):
        return picture.rgb(part)
    return picture if part is None else picture[part.top : part.bottom, part.left : part.right]


def painted(picture: Picture, part: Box, before: Pixels, after: Pixels) -> Picture:
    """``picture`` with ``after`` in place of ``before``, which :func:`in_rgb` gave for ``part``."""
    if isinstance(picture, Planar):
        return picture.painted(part, before, after)
    result = picture.copy()
    result[part.top : part.bottom, part.left : part.right] = after
    return result


def around(boxes: list[Box], size: tuple[int, int]) -> list[Box]:
    """Boxes around each of ``boxes``, those that touch joined, inside a picture of ``size``.

    They leave a margin where the picture has room for it, and their edges are even.
    """
    width, height = size
    found: list[Box] = []
    for box in boxes:
        left, right = _stretch(box.left, box.right, width)
        top, bottom = _stretch(box.top, box.bottom, height)
        if right <= left or bottom <= top:
            continue
        found.append(Box(left, top, right, bottom))
    merged = True
    while merged:
        merged = False
        for one in found:
            other = next((b for b in found if b is not one and _touch(one, b)), None)
            if other is not None:
                joined = Box(
                    min(one.left, other.left),
                    min(one.top, other.top),
                    max(one.right, other.right),
                    max(one.bottom, other.bottom),
                )
                found = [b for b in found if b is not one and b is not other] + [joined]
                merged = True
                break
    return found


def planar(frame: av.VideoFrame, colouring: YuvColour, turn: Orientation) -> Planar | None:
    """The planes of a decoded frame, upright; ``None`` for a format that does not lie like that, or
    cannot be turned so."""
    layout = LAYOUTS.get(frame.format.name)
    if layout is None or (turn.transposed and layout.across != layout.down):
        return None
    if frame.width % (1 << layout.across) or frame.height % (1 << layout.down):
        return None
    y, cb, cr = (turn.apply(samples) for samples in _views(frame, layout.depth))
    return Planar(frame.format.name, (y, cb, cr), colouring)


def to_frame(picture: Picture) -> av.VideoFrame:
    """A picture as a frame of PyAV's, in a copy of its own."""
    if not isinstance(picture, Planar):
        kind = "rgb" if picture.shape[2] == 3 else "rgba"
        bits = {"rgb": ("rgb24", "rgb48le"), "rgba": ("rgba", "rgba64le")}[kind]
        format = bits[picture.dtype != np.uint8]
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=format)
    width, height = picture.size
    frame = av.VideoFrame(width, height, picture.format)
    for view, plane in zip(_views(frame, picture.layout.depth), picture.planes, strict=True):
        view[:] = plane
    return frame


def to_format(picture: Picture, format: str, colouring: YuvColour) -> av.VideoFrame:
    """A picture as a frame in ``format``, a YUV one of FFmpeg's that has ``colouring``."""
    frame = to_frame(picture)
    # yuvj420p and the like are yuv420p with another range.
    if frame.format.name.replace("yuvj", "yuv") == format and isinstance(picture, Planar):
        if frame.format.name != format:
            frame = to_frame(Planar(format, picture.planes, picture.colouring))
        return frame
    if isinstance(picture, Planar):
        range = _range(colouring)
        return reformatter(frame.width, frame.height).reformat(
            frame,
            format=format,
            src_colorspace=colouring.matrix,
            dst_colorspace=colouring.matrix,
            src_color_range=range,
            dst_color_range=range,
            interpolation=CONVERSION,
        )
    return _converted(frame, format, colouring, to_rgb=False)


def _changed(before: Pixels, after: Pixels) -> npt.NDArray[np.bool_]:
    """Where any channel differs, (H, W): several times faster than ``any`` along the last axis."""
    red, green, blue = ((before[..., channel] != after[..., channel]) for channel in range(3))
    return np.asarray(red | green | blue)


def _planes_of(pixels: Pixels, like: Planar) -> list[Samples]:
    frame = _converted(to_frame(pixels), like.format.replace("yuvj", "yuv"), like.colouring, to_rgb=False)
    return _views(frame, like.layout.depth)


def _range(colouring: YuvColour) -> ColorRange:
    return ColorRange.JPEG if colouring.full_range else ColorRange.MPEG


def _converted(frame: av.VideoFrame, format: str, colouring: YuvColour, *, to_rgb: bool) -> av.VideoFrame:
    yuv = _range(colouring)
    return reformatter(frame.width, frame.height, to_rgb).reformat(
        frame,
        format=format,
        src_colorspace=colouring.matrix,
        dst_colorspace=colouring.matrix,
        src_color_range=yuv if to_rgb else ColorRange.JPEG,
        dst_color_range=ColorRange.JPEG if to_rgb else yuv,
        interpolation=CONVERSION,
    )


def _pixels(frame: av.VideoFrame) -> Pixels:
    return frame.to_ndarray()


def _views(frame: av.VideoFrame, depth: int) -> list[Samples]:
    """The planes of a frame, without a copy."""
    kind = np.uint8 if depth == 8 else np.uint16
    views: list[Samples] = []
    for plane in frame.planes:
        lines = np.frombuffer(plane, dtype=kind).reshape(plane.height, -1)  # type: ignore[call-overload]
        views.append(lines[:, : plane.width])
    return views


def _stretch(start: int, end: int, limit: int) -> tuple[int, int]:
    """An even range around ``start`` to ``end`` with a margin, inside 0 to ``limit``."""
    start, end = max(start, 0), min(end, limit)
    if end <= start:
        return 0, 0
    length = min(-(-(end - start + 2 * _MARGIN + 2) // _STEP) * _STEP, limit)
    first = max(0, min(start - _MARGIN, limit - length)) & ~1
    return first, min(first + length, limit)


def _touch(one: Box, other: Box) -> bool:
    return min(one.right, other.right) > max(one.left, other.left) and min(one.bottom, other.bottom) > max(
        one.top, other.top
    )
