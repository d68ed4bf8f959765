"""Which frames of a source are written, and at what time each is shown in the output."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.video.picture import Shown
from facedouble.video.sinks import Span


class Retiming:
    """With ``discard``, only frames in ``ranges`` are written, and the gaps between ranges close up: each
    range starts where the previous one ends. The first starts when the source does."""

    def __init__(self, ranges: FrameRanges, rate: Fraction, *, discard: bool) -> None:
        self._ranges, self._discard = ranges, discard
        self._frame_duration = 1 / rate
        self._spans: list[Span] = []
        self._range_start: tuple[Fraction, Fraction] | None = None  # in the source, in the output
        self._end = Fraction(0)  # of the latest frame in the source, if it is the last
        self._next: Fraction | None = None  # start of the next range in the output

    def retimed(self, shown: Shown) -> Shown | None:
        """The frame with its output time, or ``None`` if it is discarded. Call with frames in order."""
        if not self._discard:
            return shown
        moment = shown.pts * shown.time_base
        self._end = moment + self._frame_duration
        if self._next is None:
            self._next = moment
        if shown.index not in self._ranges:
            self._close(moment)
            return None
        if self._range_start is None:
            self._range_start = moment, self._next
        start, target = self._range_start
        return replace(shown, pts=round((moment - start + target) / shown.time_base))

    def kept_spans(self) -> list[Span] | None:
        """The spans of the source that are kept, once all frames were seen; ``None`` for all of it."""
        if not self._discard:
            return None
        self._close(self._end)
        return self._spans

    def _close(self, end: Fraction) -> None:
        if self._range_start is not None:
            start, target = self._range_start
            self._spans.append(Span(start, end, target))
            self._next, self._range_start = target + end - start, None
