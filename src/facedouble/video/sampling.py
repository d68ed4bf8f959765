"""Taking only some frames of each second."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import floor
from typing import TypeVar

from facedouble.errors import SettingsError
from facedouble.types import Frame
from facedouble.video.picture import Shown
from facedouble.video.raw import RawFrame

_NTSC = [Fraction(base * 1000, 1001) for base in (24, 30, 48, 60, 120)]

Timed = TypeVar("Timed", Frame, RawFrame, Shown)


def exact_rate(fps: float) -> Fraction:
    """The rate a person means: 29.97 is 30000/1001, and 12.5 is 25/2.

    Raises ``SettingsError`` outside 0.001 to 1000.
    """
    if not 0.001 <= fps <= 1000:
        raise SettingsError(f"frames per second must be between 0.001 and 1000, not {fps}")
    for rate in _NTSC:
        if abs(fps - rate) < 0.005:
            return rate
    return Fraction(fps).limit_denominator(1000)


def sampled(every: Iterator[Timed], rate: Fraction | None) -> Iterator[tuple[Timed, bool]]:
    """Every frame, and whether it is the first of its ``1/rate`` seconds since the first frame."""
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
