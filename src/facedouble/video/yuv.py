"""From YUV to RGB and back: matrix, range, and the precision of the conversion."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from facedouble.errors import InputError
from facedouble.types import Image

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
_REDUCTION = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class _Reformatters(threading.local):
    """One thread's reformatters: they are not thread-safe."""

    def __init__(self) -> None:
        self.of: dict[tuple[object, ...], VideoReformatter] = {}


_reformatters = _Reformatters()


def reformatter(*key: object) -> VideoReformatter:
    """This thread's reformatter for ``key``, such as a size: setting up its filters costs more than using
    them."""
    return _reformatters.of.setdefault(key, VideoReformatter())


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
    frame: av.VideoFrame,
    colour: YuvColour,
    reformatter: VideoReformatter,
    size: tuple[int, int] | None = None,
    format: str = "rgb24",
) -> Image:
    """The pixels of a decoded frame as stored (not turned), averaged down to ``size`` (width, height) if
    given; uint16 if ``format`` is ``rgb48le``."""
    width, height = size or (frame.width, frame.height)
    conversion = _REDUCTION if size else CONVERSION
    if frame.format.is_rgb:
        rgb = reformatter.reformat(frame, width, height, format, interpolation=conversion)
    else:
        rgb = reformatter.reformat(
            frame,
            width,
            height,
            format,
            src_colorspace=colour.matrix,
            dst_colorspace=colour.matrix,
            src_color_range=ColorRange.JPEG if colour.full_range else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=conversion,
        )
    return np.asarray(rgb.to_ndarray())
