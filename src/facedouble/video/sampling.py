"""Sampling frames at a lower rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import floor

from facedouble.errors import InputError
from facedouble.video.frame import Frame
from facedouble.video.index import SourceIndex
from facedouble.video.source import Source

_RESTART = 24  # frames that cost as much to decode as to open a clip and seek in it


def sampled(every: Iterator[Frame], rate: Fraction | None) -> Iterator[tuple[Frame, bool]]:
    """Each frame, and whether it is the first in its slot of ``1/rate`` seconds since the first frame."""
    slots = _Slots(rate)
    for frame in every:
        yield frame, slots.is_first(frame.pts * frame.time_base)


def sampled_numbers(index: SourceIndex, rate: Fraction | None) -> list[int]:
    """The numbers of the frames that :func:`sampled` takes of a source."""
    slots, time_base = _Slots(rate), index.info.time_base
    return [number for number, pts in enumerate(index.times.tolist()) if slots.is_first(pts * time_base)]


def frames_at(source: Source, numbers: Iterable[int]) -> Iterator[Frame]:
    """The frames of a source with these numbers, which rise. What lies between them is decoded only where
    that costs less than starting again at a later seek point. Raises ``InputError`` as the source does."""
    for span in _runs(source, numbers):
        wanted = set(span)
        for frame in source.frames(span[0], span[-1] + 1):
            if frame.index in wanted:
                yield frame


def _runs(source: Source, numbers: Iterable[int]) -> Iterator[list[int]]:
    """Numbers grouped into those that are decoded in one go."""
    run: list[int] = []
    seeks = source.info.kind == "clip"  # an image of a folder costs nothing until it is looked at
    for number in numbers:
        if seeks and run and number > run[-1] + _RESTART:
            try:
                point = source.index.seek_point(number)
            except InputError:  # a damaged clip has no index
                point, seeks = None, False
            if point is not None and point.frame > run[-1] + _RESTART:
                yield run
                run = []
        run.append(number)
    if run:
        yield run


class _Slots:
    """Slots of ``1/rate`` seconds, counted from the first time; without a rate, every time has its own."""

    def __init__(self, rate: Fraction | None) -> None:
        self._rate, self._start, self._last = rate, Fraction(0), -1

    def is_first(self, seconds: Fraction) -> bool:
        """Whether a time is the first in its slot. Times come in order."""
        if self._rate is None:
            return True
        if self._last < 0:
            self._start = seconds
        slot = floor((seconds - self._start) * self._rate)
        first, self._last = slot > self._last, slot
        return first
