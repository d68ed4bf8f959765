"""The frame rate of a clip, where its container says none or one that its times contradict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

_USUAL = tuple(
    Fraction(n, d) for n in (24, 25, 30, 48, 50, 60, 100, 120, 240) for d in (1, Fraction(1001, 1000))
)
_NEAR = Fraction(1, 200)
_PAUSE = 3  # typical durations; a frame that is held for longer does not count
_HIGH = 120  # frames a second; what is higher is checked
_AGREES = Fraction(3, 2)
_DEFAULT = Fraction(25)
_LARGEST = 100_000  # of numerator and denominator; encoders want small numbers


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
