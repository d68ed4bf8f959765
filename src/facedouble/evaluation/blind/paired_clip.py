"""Two clips side by side in one, so that a browser can only ever show the same frame of both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.errors import InputError
from facedouble.run.run import Run
from facedouble.settings.reading import Reading
from facedouble.settings.video import ClipEncoding
from facedouble.types import Image
from facedouble.video.sinks import open_sink
from facedouble.video.source import Source, open_source

ENCODING = ClipEncoding(crf=12, preset="fast", streams="none")
"""Near lossless, and the same for both halves: what is compared is the clips, not the encoder."""

_SMOOTH = 0.02  # of the picture's height: a difference smaller than that is no place to look at


@dataclass(frozen=True, slots=True)
class PairedClip:
    """``data`` is an MP4 with the first clip on the left and the second on the right, each ``width`` by
    ``height`` pixels, shown at ``shown``. ``times`` are those of its frames in seconds from the first one,
    with the end of the last. ``focus``, x and y, is the pixel around which the two differ most."""

    data: bytes
    width: int
    height: int
    shown: tuple[int, int]
    times: tuple[float, ...]
    focus: tuple[int, int]


def pair_clips(
    first: Path, second: Path, output: Path, seconds: float, reading: Reading, run: Run
) -> PairedClip:
    """The first ``seconds`` of two clips side by side, written to ``output`` on the way.

    Raises ``InputError`` for clips of different sizes or without a common frame. A difference in their
    number of frames is reported.
    """
    one, other = open_source(first, reading), open_source(second, reading.of_other_clips())
    if one.info.shown_size != other.info.shown_size or _size(one) != _size(other):
        raise InputError(f"{first} and {second} are not of one size: they cannot be compared frame by frame")
    # Browsers play 4:2:0 of even sizes.
    width, height = (side + side % 2 for side in _size(one))
    info = replace(
        one.info,
        width=2 * width,
        height=height,
        pixel_format="yuv420p",
        sample_aspect=Fraction(1),
        has_audio=False,
        field_order="",
        mastering_display="",
        light_level="",
    )
    times: list[float] = []
    start = 0.0
    apart = np.zeros((height, width), dtype=np.float64)
    with open_sink(output, info, ENCODING, audio_from=None, overwrite=True) as sink:
        for a, b in run.each(zip_longest(one.frames(), other.frames())):
            if a is None or b is None:
                run.notice(
                    "evaluate.uneven",
                    f"{first.name} and {second.name} have different numbers of frames; the first "
                    f"{len(times)} are compared",
                    frames=len(times),
                )
                break
            if times and a.seconds - start >= seconds:
                run.notice(
                    "evaluate.shortened",
                    f"only the first {seconds:g} seconds are compared (setting seconds)",
                    seconds=seconds,
                )
                break
            if not times:
                start = a.seconds
            times.append(a.seconds - start)
            left, right = (_even(frame.rgb(), width, height) for frame in (a, b))
            apart += cv2.absdiff(left, right).mean(axis=2)
            sink.write(a.with_pixels(np.hstack([left, right])))
    if not times:
        raise InputError(f"{first} and {second} have no frame in common")
    last = times[-1] - times[-2] if len(times) > 1 else 1 / float(one.info.rate)
    return PairedClip(
        output.read_bytes(), width, height, one.info.shown_size, (*times, times[-1] + last), _focus(apart)
    )


def _size(source: Source) -> tuple[int, int]:
    return source.info.width, source.info.height


def _even(image: Image, width: int, height: int) -> Image:
    room = ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0))
    return np.pad(image, room, mode="edge") if any(after for _, after in room) else image


def _focus(apart: npt.NDArray[np.float64]) -> tuple[int, int]:
    smooth = np.asarray(cv2.GaussianBlur(apart, (0, 0), max(1.0, _SMOOTH * apart.shape[0])))
    weight = np.where(smooth >= smooth.max() / 2, smooth, 0)
    if not weight.any():
        return apart.shape[1] // 2, apart.shape[0] // 2
    rows, columns = np.indices(apart.shape)
    return round(float(np.average(columns, weights=weight))), round(float(np.average(rows, weights=weight)))
