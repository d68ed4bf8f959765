"""Sampling frames at a lower rate."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import floor

from facedouble.errors import SettingsError
from facedouble.video.frame import Frame

_NTSC = [Fraction(base * 1000, 1001) for base in (24, 30, 48, 60, 120)]


def exact_rate(fps: float) -> Fraction:
    """The exact rate behind a rounded number: 29.97 is 30000/1001, 12.5 is 25/2.

    Raises ``SettingsError`` outside 0.001 to 1000.
    """
    if not 0.001 <= fps <= 1000:
        raise SettingsError(f"frames per second must be between 0.001 and 1000, not {fps}")
    for rate in _NTSC:
        if abs(fps - rate) < 0.005:
            return rate
    return Fraction(fps).limit_denominator(1000)


def sampled(every: Iterator[Frame], rate: Fraction | None) -> Iterator[tuple[Frame, bool]]:
    """Each frame, and whether it is the first in its slot of ``1/rate`` seconds since the first frame."""
    first: Fraction | None = None
    last = -1
    for frame in every:
        if rate is None:
            yield frame, True
            continue
        seconds = frame.pts * frame.time_base
        first = seconds if first is None else first
        slot = floor((seconds - first) * rate)
        yield frame, slot > last
        last = slot
