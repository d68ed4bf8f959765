"""The times of frames in the output when some of the source's are discarded."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.video.frame import Frame
from facedouble.video.sinks import Span
from facedouble.video.source import Source


class Retiming:
    """Only frames in ``ranges`` are kept, and the gaps between ranges close up: each range starts where the
    previous one ends. The first starts when the source does.

    ``spans`` are the parts of the source that are kept. Raises ``InputError`` for a source whose frames
    cannot be listed.
    """

    def __init__(self, ranges: FrameRanges, source: Source) -> None:
        self._ranges = ranges
        self.spans: list[Span] = []
        index, time_base = source.index, source.info.time_base
        times = index.times
        target = int(times[0]) * time_base
        for first, last in ranges.bounds:
            if first >= len(times):
                break
            last = min(last, len(times) - 1)
            start = int(times[first]) * time_base
            end = (int(times[last]) + index.duration(last)) * time_base
            self.spans.append(Span(start, end, target))
            target += end - start

    def retimed(self, frame: Frame) -> Frame:
        """A kept frame with its time in the output."""
        span = self.spans[self._ranges.position(frame.index)]
        moment: Fraction = frame.pts * frame.time_base
        return replace(frame, pts=round((moment - span.start + span.target) / frame.time_base))
