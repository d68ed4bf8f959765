"""The frame rate of a clip, where its container says none or one that its times contradict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from facedouble.errors import SettingsError

_USUAL = tuple(
    Fraction(n, d) for n in (24, 25, 30, 48, 50, 60, 100, 120, 240) for d in (1, Fraction(1001, 1000))
)
_NEAR = Fraction(1, 200)
_PAUSE = 3  # typical durations; a frame that is held for longer does not count
_HIGH = 120  # frames a second; what is higher is checked
_AGREES = Fraction(3, 2)
_DEFAULT = Fraction(25)
_NTSC = [Fraction(base * 1000, 1001) for base in (24, 30, 48, 60, 120)]
_LARGEST = 100_000  # of numerator and denominator; encoders want small numbers


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


def frame_rate(
    average: Fraction | None, typical: Fraction | None, read_times: Callable[[], Sequence[Fraction]]
) -> Fraction:
    """The average rate of a clip in frames per second.

    ``average`` and ``typical`` are what FFmpeg makes of its container, or ``None``. Where there is no
    average, or one that is very high or far from the typical rate, the times of some frames decide, which
    ``read_times`` gives in seconds: recordings in the browser say 1000, as they count in milliseconds, and a
    GIF that holds its last picture has a low average.
    """
    if average and average <= _HIGH and (not typical or _agree(average, typical)):
        return average
    measured = measured_rate(read_times())
    if measured is None:
        return average or typical or _DEFAULT
    return average if average and _agree(average, measured) else measured


def measured_rate(times: Sequence[Fraction]) -> Fraction | None:
    """The rate of frames at ``times`` in seconds, in any order, without pauses; ``None`` for fewer than two
    times. A rate within half a percent of a usual one is that."""
    steps = np.diff(np.unique(np.array([float(time) for time in times])))
    if not len(steps):
        return None
    steps = steps[steps <= _PAUSE * np.median(steps)]
    rate = Fraction(1 / float(steps.mean())).limit_denominator(1001)
    nearest = min(_USUAL, key=lambda usual: abs(usual - rate))
    if abs(nearest - rate) <= nearest * _NEAR:
        return nearest
    return max(rate, Fraction(1, _LARGEST))


def _agree(one: Fraction, other: Fraction) -> bool:
    return max(one, other) <= _AGREES * min(one, other)
