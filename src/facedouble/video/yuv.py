"""From YUV to RGB and back: matrix, range, and the precision of the conversion."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from facedouble.errors import InputError
from facedouble.types import FloatArray, Grey, Image

UNSPECIFIED = 2  # H.273's "unspecified" for matrix, primaries and transfer

# Matrix numbers of H.273 that swscale can apply, and its own numbers for them.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}

# Without these, swscale rounds down: each round trip through RGB darkens the picture by a third of a level.
CONVERSION = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_REDUCTION = Interpolation.AREA | Interpolation.ACCURATE_RND
_KEPT = 24  # reformatters of a thread

# Shares of red and of blue in luma (H.273, table 4).
_SHARES = {
    Colorspace.ITU709: (0.2126, 0.0722),
    Colorspace.FCC: (0.30, 0.11),
    Colorspace.ITU601: (0.299, 0.114),
    Colorspace.SMPTE240M: (0.212, 0.087),
    Colorspace.BT2020: (0.2627, 0.0593),
}


class _Reformatters(threading.local):
    """One thread's reformatters: they are not thread-safe."""

    def __init__(self) -> None:
        self.of: OrderedDict[tuple[object, ...], VideoReformatter] = OrderedDict()


_reformatters = _Reformatters()


def reformatter(*key: object) -> VideoReformatter:
    """This thread's reformatter for ``key``, such as a size: setting up its filters costs more than using
    them. Those used last are kept."""
    kept = _reformatters.of
    found = kept.setdefault(key, VideoReformatter())
    kept.move_to_end(key)
    if len(kept) > _KEPT:
        kept.popitem(last=False)
    return found


class YuvColour(NamedTuple):
    """How YUV samples code colours: their matrix, and whether luma is full range (black 0, white 255)."""

    matrix: Colorspace
    full_range: bool


def matrix_of(colour_matrix: int, lines: int, path: Path) -> Colorspace:
    """The matrix between RGB and YUV that a clip of ``lines`` coded lines uses.

    ``colour_matrix`` is its H.273 number; where that says nothing, BT.709 from 720 lines up and BT.601
    below. Raises ``InputError`` for a matrix that cannot be applied (YCgCo, ICtCp and the like).
    """
    if colour_matrix in (0, UNSPECIFIED, 3):  # 0 is RGB: pixels that are not YUV need no matrix
        return Colorspace.ITU709 if lines >= 720 else Colorspace.ITU601
    if colour_matrix not in _MATRICES:
        raise InputError(
            f"{path}: its colour matrix (number {colour_matrix} of ITU-T H.273) is not supported; "
            "convert the clip to BT.709 first"
        )
    return _MATRICES[colour_matrix]


def is_full_range(colour_range: int, pixel_format: str) -> bool:
    """Whether black is 0 and white 255 in a clip's YUV; an unspecified range is limited."""
    return colour_range == int(ColorRange.JPEG) or pixel_format.startswith("yuvj")


def to_rgb(
    frame: av.VideoFrame, colour: YuvColour, reformatter: VideoReformatter, format: str = "rgb24"
) -> Image:
    """The pixels of a decoded frame as stored (not turned); uint16 if ``format`` is ``rgb48le``."""
    if frame.format.is_rgb:
        rgb = reformatter.reformat(frame, format=format, interpolation=CONVERSION)
    else:
        rgb = reformatter.reformat(
            frame,
            format=format,
            src_colorspace=colour.matrix,
            dst_colorspace=colour.matrix,
            src_color_range=ColorRange.JPEG if colour.full_range else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=CONVERSION,
        )
    return np.asarray(rgb.to_ndarray())


def reduced_rgb(frame: av.VideoFrame, colour: YuvColour, size: tuple[int, int]) -> Image:
    """The pixels of a decoded YUV frame as stored (not turned), averaged down to ``size`` (width, height), as
    8-bit RGB.

    swscale averages luma and chroma four times as fast as it turns them into RGB. As they are rounded in
    between, colours are off by a quarter of a level on average.
    """
    width, height = size
    coded = ColorRange.JPEG if colour.full_range else ColorRange.MPEG
    small = reformatter("reducing", frame.format.name, frame.width, frame.height, size).reformat(
        frame,
        width,
        height,
        "yuv444p",
        src_colorspace=colour.matrix,
        dst_colorspace=colour.matrix,
        src_color_range=coded,
        dst_color_range=coded,
        interpolation=_REDUCTION,
    )
    planes = [plane[:, :width] for plane in map(_lines, small.planes)]
    return np.asarray(cv2.transform(cv2.merge(planes), _to_rgb_matrix(colour)), dtype=np.uint8)


def _lines(plane: VideoPlane) -> Grey:
    """The 8-bit lines of a plane, with what fills them up, without a copy."""
    return np.frombuffer(plane, np.uint8).reshape(plane.height, -1)  # type: ignore[call-overload, no-any-return]


@cache
def _to_rgb_matrix(colour: YuvColour) -> FloatArray:
    """The matrix (3, 4) from Y, Cb, Cr and 1 to R, G and B, all of 8 bits (H.273, equations 23 to 40)."""
    red, blue = _SHARES[colour.matrix]
    green = 1 - red - blue
    luma, chroma, black = (1.0, 1.0, 0) if colour.full_range else (255 / 219, 255 / 224, 16)
    linear = np.array(
        [
            (luma, 0, 2 * (1 - red) * chroma),
            (luma, -2 * (1 - blue) * blue / green * chroma, -2 * (1 - red) * red / green * chroma),
            (luma, 2 * (1 - blue) * chroma, 0),
        ]
    )
    return np.column_stack([linear, -linear @ (black, 128, 128)]).astype(np.float32)
