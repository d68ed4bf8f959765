"""Luma and chroma planes as they are decoded: parts of them in RGB, and what is painted into them.

Converting a whole frame to RGB and back costs more than everything else but encoding, and rounds every pixel.
So a frame keeps its planes. Only the rectangle around a change goes through RGB, and of that only the changed
pixels are written back. All other samples stay the source's own, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange

from facedouble.types import Box, Grey, Image
from facedouble.video.frame_extras import has_alpha, without_alpha
from facedouble.video.orientation import UPRIGHT, Orientation
from facedouble.video.pixels import Pixels
from facedouble.video.yuv import CONVERSION, YuvColour, reduced_rgb, reformatter, to_rgb

Samples = npt.NDArray[Any]

_MARGIN = 16  # pixels around a part, so that chroma filters see what they would see in the whole
_LINES = 4  # of the picture that are averaged for one of a much smaller one
_STEP = 64  # the sides of parts are multiples of this, so that few filters are set up


class Layout(NamedTuple):
    """A planar format: by which powers of two its chroma planes are smaller, and its bits per sample."""

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


@dataclass(frozen=True, slots=True, eq=False)
class YuvPlanes:
    """A picture in luma and chroma.

    ``planes`` are Y, Cb and Cr as they are stored, (H, W) each, chroma smaller as ``format`` (FFmpeg's name)
    has it; uint8, or uint16 for formats of more bits. Do not change them. ``turn`` brings them upright; all
    boxes and pixels that go in and out are upright. ``alpha`` is a plane of the size and depth of Y: it is
    kept with the picture, whatever is painted.
    """

    format: str
    planes: tuple[Samples, Samples, Samples]
    colour: YuvColour
    turn: Orientation = UPRIGHT
    alpha: Samples | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture."""
        height, width = self.planes[0].shape
        return (height, width) if self.turn.transposed else (width, height)

    @property
    def layout(self) -> Layout:
        return LAYOUTS[self.format]

    def grey(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Grey:
        """Luma of the upright picture, or a part of it, in full range; see :meth:`.frame.Frame.grey`."""
        table = _luma_table(self.layout.depth, self.colour.full_range)
        luma = self.planes[0]
        if part is not None:
            box = self.turn.stored(part, *self.size)
            luma = luma[box.top : box.bottom, box.left : box.right]
        if size is not None:
            stored = size[::-1] if self.turn.transposed else size
            lines = luma[:: max(1, len(luma) // (_LINES * stored[1]))]
            luma = cv2.resize(lines, stored, interpolation=cv2.INTER_AREA)
        if luma.dtype != np.uint8:
            luma = table[luma]
        elif not self.colour.full_range:
            luma = np.asarray(cv2.LUT(luma, table), dtype=np.uint8)
        return self.turn.apply(np.ascontiguousarray(luma))

    def rgb(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Image:
        """The upright picture, or a part of it, as 8-bit RGB; see :meth:`.frame.Frame.rgb`."""
        part = part or Box(0, 0, *self.size)
        if size is not None:
            return self._reduced(part, size)
        lines, columns = self.planes[0].shape
        box = self.turn.stored(part, *self.size)
        left, right = _around(box.left, box.right, columns)
        top, bottom = _around(box.top, box.bottom, lines)
        cut = self._cut(Box(left, top, right, bottom))
        rgb = to_rgb(cut.to_av(), self.colour, reformatter(right - left, bottom - top))
        inner = rgb[box.top - top : box.bottom - top, box.left - left : box.right - left]
        return self.turn.apply(np.ascontiguousarray(inner))

    def deep_rgb(self, part: Box | None = None) -> npt.NDArray[np.uint16]:
        """The upright picture, or a part of it, as 16-bit RGB."""
        part = part or Box(0, 0, *self.size)
        lines, columns = self.planes[0].shape
        box = self.turn.stored(part, *self.size)
        left, right = _around(box.left, box.right, columns)
        top, bottom = _around(box.top, box.bottom, lines)
        cut = self._cut(Box(left, top, right, bottom))
        rgb = _converted(cut.to_av(), "rgb48le", self.colour, to_rgb=True).to_ndarray()
        inner = rgb[box.top - top : box.bottom - top, box.left - left : box.right - left]
        return self.turn.apply(np.ascontiguousarray(inner))

    def pixels(self, part: Box | None = None) -> Pixels:
        """The upright picture in RGB, or the part inside a box that :func:`.regions.padded_regions` made.

        uint8 for formats of 8 bits, else uint16. A part equals that part of the whole but for its outermost
        pixels.
        """
        cut = self if part is None else self._cut(self.turn.stored(part, *self.size))
        format = "rgb24" if self.layout.depth == 8 else "rgb48le"
        return self.turn.apply(_converted(cut.to_av(), format, self.colour, to_rgb=True).to_ndarray())

    def painted(self, part: Box, before: Pixels, after: Pixels) -> YuvPlanes:
        """The picture with ``after`` in ``part`` where it differs from ``before``, which is what
        :meth:`pixels` gave for the part.

        A chroma sample is written if any pixel that it colours has changed.
        """
        before, after = self.turn.undo(before), self.turn.undo(after)
        changed = _changed(before, after)
        if not changed.any():
            return self
        box = self.turn.stored(part, *self.size)
        new = self._planes_of(after)
        # In full range swscale moves every value that it converts back by up to half a level. It moves the
        # picture from before as much, so the difference is free of that error.
        old = self._planes_of(before) if self.colour.full_range else None
        across, down, depth = self.layout
        planes = []
        for number, plane in enumerate(self.planes):
            dx, dy = (across, down) if number else (0, 0)
            area = slice(box.top >> dy, box.bottom >> dy), slice(box.left >> dx, box.right >> dx)
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
        return replace(self, planes=(planes[0], planes[1], planes[2]))

    def upright(self) -> YuvPlanes | None:
        """The same picture stored upright; ``None`` if the format cannot be turned so (4:2:2)."""
        if self.turn == UPRIGHT:
            return self
        if self.turn.transposed and self.layout.across != self.layout.down:
            return None
        y, cb, cr = (self.turn.apply(plane) for plane in self.planes)
        alpha = None if self.alpha is None else self.turn.apply(self.alpha)
        return YuvPlanes(self.format, (y, cb, cr), self.colour, alpha=alpha)

    def opacity(self) -> Samples | None:
        """The upright alpha in the type and range of :meth:`pixels`; ``None`` where all is opaque."""
        if self.alpha is None:
            return None
        return self.turn.apply(_rescaled(self.alpha, self.layout.depth, 8 if self.layout.depth == 8 else 16))

    def to_av(self) -> av.VideoFrame:
        """The stored planes as a frame of PyAV's, copied.

        It does not say where its chroma samples lie, nor does a frame made of RGB: so colours come back from
        RGB where they were (error 0.003 levels, else 0.03).
        """
        height, width = self.planes[0].shape
        frame = av.VideoFrame(width, height, self.format)
        for view, plane in zip(_views(frame, self.layout.depth), self.planes, strict=True):
            view[:] = plane
        return frame

    def _reduced(self, part: Box, size: tuple[int, int]) -> Image:
        """A part averaged down to ``size``."""
        box = self.turn.stored(part, *self.size)
        even = Box(box.left & ~1, box.top & ~1, -(-box.right // 2) * 2, -(-box.bottom // 2) * 2)
        if even != box:
            return np.asarray(cv2.resize(self.rgb(part), size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        stored = size[::-1] if self.turn.transposed else size
        return self.turn.apply(reduced_rgb(self._cut(even).to_av(), self.colour, stored))

    def _cut(self, box: Box) -> YuvPlanes:
        """The part of the stored planes inside a box with even edges."""
        across, down, _ = self.layout
        y, cb, cr = self.planes
        luma = slice(box.top, box.bottom), slice(box.left, box.right)
        chroma = (
            slice(box.top >> down, box.bottom >> down),
            slice(box.left >> across, box.right >> across),
        )
        return YuvPlanes(self.format, (y[luma], cb[chroma], cr[chroma]), self.colour)

    def _planes_of(self, pixels: Pixels) -> list[Samples]:
        """Stored RGB pixels in this format."""
        format = self.format.replace("yuvj", "yuv")
        return _views(_converted(pixels_to_av(pixels), format, self.colour, to_rgb=False), self.layout.depth)


def decoded_planes(frame: av.VideoFrame, colour: YuvColour, turn: Orientation) -> YuvPlanes | None:
    """The planes of a decoded frame, without a copy; ``None`` for a format that is not planar YUV, or a size
    that its chroma does not divide."""
    name = without_alpha(frame.format.name)
    layout = LAYOUTS.get(name)
    if layout is None:
        return None
    if frame.width % (1 << layout.across) or frame.height % (1 << layout.down):
        return None
    y, cb, cr, *alpha = _views(frame, layout.depth)
    return YuvPlanes(name, (y, cb, cr), colour, turn, alpha[0] if alpha else None)


def pixels_to_av(pixels: Pixels) -> av.VideoFrame:
    """RGB or RGBA pixels as a frame of PyAV's, copied."""
    formats = ("rgb24", "rgb48le") if pixels.shape[2] == 3 else ("rgba", "rgba64le")
    format = formats[pixels.dtype != np.uint8]
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=format)


def to_format(content: YuvPlanes | Pixels, format: str, colour: YuvColour) -> av.VideoFrame:
    """An upright picture as a frame in ``format``, a YUV format of FFmpeg's, with the coding ``colour``."""
    if isinstance(content, YuvPlanes) and has_alpha(format):
        return _with_alpha(to_format(content, without_alpha(format), colour), format, content.opacity())
    planes = content.upright() if isinstance(content, YuvPlanes) else None
    if planes is None:
        pixels = content.pixels() if isinstance(content, YuvPlanes) else content
        return _converted(pixels_to_av(pixels), format, colour, to_rgb=False)
    # yuvj420p and the like are yuv420p of full range.
    if planes.format.replace("yuvj", "yuv") == format:
        return replace(planes, format=format).to_av()
    coded = _range(colour)
    return reformatter(*planes.size).reformat(
        planes.to_av(),
        format=format,
        src_colorspace=colour.matrix,
        dst_colorspace=colour.matrix,
        src_color_range=coded,
        dst_color_range=coded,
        interpolation=CONVERSION,
    )


def _with_alpha(frame: av.VideoFrame, format: str, opacity: Samples | None) -> av.VideoFrame:
    """A frame of a YUV format as one with alpha, opaque where no ``opacity`` is given."""
    depth = LAYOUTS[without_alpha(format)].depth
    result = av.VideoFrame(frame.width, frame.height, format)
    *colours, alpha = _views(result, depth)
    for target, plane in zip(colours, _views(frame, depth), strict=True):
        target[:] = plane
    given = (1 << depth) - 1 if opacity is None else _rescaled(opacity, 8 * opacity.dtype.itemsize, depth)
    alpha[:] = given
    return result


def _rescaled(values: Samples, depth: int, wanted: int) -> Samples:
    """Samples of full range in another number of bits."""
    if depth == wanted:
        return values
    scaled = values.astype(np.float64) * (((1 << wanted) - 1) / ((1 << depth) - 1))
    return np.asarray(np.rint(scaled), dtype=np.uint8 if wanted == 8 else np.uint16)


@lru_cache(maxsize=8)
def _luma_table(depth: int, full_range: bool) -> npt.NDArray[np.uint8]:
    """Full-range 8-bit luma for every value of a luma sample."""
    values = np.arange(1 << depth) / (1 << (depth - 8))
    if full_range:
        values = np.arange(1 << depth) * 255 / ((1 << depth) - 1)
    else:
        values = (values - 16) * 255 / 219
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _changed(before: Pixels, after: Pixels) -> npt.NDArray[np.bool_]:
    """Where any channel differs, (H, W): several times faster than ``any`` along the last axis."""
    red, green, blue = ((before[..., channel] != after[..., channel]) for channel in range(3))
    return np.asarray(red | green | blue)


def _range(colour: YuvColour) -> ColorRange:
    return ColorRange.JPEG if colour.full_range else ColorRange.MPEG


def _converted(frame: av.VideoFrame, format: str, colour: YuvColour, *, to_rgb: bool) -> av.VideoFrame:
    coded = _range(colour)
    return reformatter(frame.width, frame.height, to_rgb).reformat(
        frame,
        format=format,
        src_colorspace=colour.matrix,
        dst_colorspace=colour.matrix,
        src_color_range=coded if to_rgb else ColorRange.JPEG,
        dst_color_range=ColorRange.JPEG if to_rgb else coded,
        interpolation=CONVERSION,
    )


def _views(frame: av.VideoFrame, depth: int) -> list[Samples]:
    """The planes of a frame, without a copy."""
    kind = np.uint8 if depth == 8 else np.uint16
    views: list[Samples] = []
    for plane in frame.planes:
        lines = np.frombuffer(plane, dtype=kind).reshape(plane.height, -1)  # type: ignore[call-overload]
        views.append(lines[:, : plane.width])
    return views


def _around(start: int, end: int, limit: int) -> tuple[int, int]:
    """An even range around ``start`` to ``end``, with a margin, inside 0 to ``limit``."""
    length = min(-(-(end - start + 2 * _MARGIN + 2) // _STEP) * _STEP, limit)
    first = max(0, min(start - _MARGIN, limit - length)) & ~1
    return first, min(first + length, limit)
