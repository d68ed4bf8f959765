"""Which frames of a source are written, and when each is shown in the result."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from facedouble.conversion.ranges import Ranges
from facedouble.video.picture import Shown
from facedouble.video.sinks import Span


class Schedule:
    """With ``discard``, only frames in ``ranges`` are written, and what is left moves together: each
    stretch begins where the one before ends. The first begins when the source does."""

    def __init__(self, ranges: Ranges, rate: Fraction, *, discard: bool) -> None:
        self._ranges, self._discard = ranges, discard
        self._frame = 1 / rate
        self._spans: list[Span] = []
        self._from: tuple[Fraction, Fraction] | None = None  # of the stretch: in the source, in the result
        self._end = Fraction(0)  # where the last frame so far ends in the source, if it is the last
        self._next: Fraction | None = None  # where the next stretch begins in the result

    def place(self, shown: Shown) -> Shown | None:
        """The frame as it is in the result; ``None`` when it is left out. Frames come in order."""
        if not self._discard:
            return shown
        moment = shown.pts * shown.time_base
        self._end = moment + self._frame
        if self._next is None:
            self._next = moment
        if not self._ranges.hold(shown.index):
            self._close(moment)
            return None
        if self._from is None:
            self._from = moment, self._next
        start, target = self._from
        return replace(shown, pts=round((moment - start + target) / shown.time_base))

    def spans(self) -> list[Span] | None:
        """After the last frame: the stretches that are kept; ``None`` for all."""
        if not self._discard:
            return None
        self._close(self._end)
        return self._spans

    def _close(self, end: Fraction) -> None:
        if self._from is not None:
            start, target = self._from
            self._spans.append(Span(start, end, target))
            self._next, self._from = target + end - start, None
