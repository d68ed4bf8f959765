"""The times of kept frames, and of the sound that is kept with them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.conversion.retiming import Retiming
from facedouble.video.clip_source import ClipSource
from facedouble.video.sinks import Span
from tests.video.test_last_duration import COUNT, HELD, STEP, holding


def test_a_range_that_ends_with_the_clip_has_the_last_frames_own_duration(tmp_path: Path) -> None:
    source = ClipSource(holding(tmp_path / "held.gif"))
    retiming = Retiming(FrameRanges.parse(("2-4", f"{COUNT - 2}-")), source)
    first, second = retiming.spans
    assert first == Span(2 * STEP, 5 * STEP, Fraction(0))
    assert second == Span((COUNT - 2) * STEP, (COUNT - 1) * STEP + HELD, 3 * STEP)
    kept = [retiming.retimed(frame) for frame in source.frames(COUNT - 2)]
    assert [frame.pts * frame.time_base for frame in kept] == [3 * STEP, 4 * STEP]
    assert Fraction(kept[-1].duration or 0) * kept[-1].time_base == HELD
