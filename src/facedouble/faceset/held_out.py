"""Which faces are held out from training, so that generalisation can be measured."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

HELD_OUT_SHARE = 0.1
"""Share of a faceset's faces that is held out: its last ones."""

GAP_FRAMES = 12
"""Frames between the last training face and the first one held out, as neighbours in time are near copies."""

MIN_FACES = 10
"""The fewest faces that training needs; that many are left for training, or all there are."""


def split_held_out(frames: Sequence[int]) -> tuple[int, int]:
    """How many of a faceset's faces are training faces, and the position of the first one held out.

    ``frames`` are the faces' frame numbers in ascending order. The last tenth is held out rather than random
    faces, whose neighbours in time would be trained on. Those in between serve neither. Fewer are held out,
    down to none, if less than :data:`MIN_FACES` would be left.
    """
    count = len(frames)
    for first in range(count - round(count * HELD_OUT_SHARE), count):
        trained = bisect_right(frames, frames[first] - GAP_FRAMES)
        if trained >= MIN_FACES:
            return trained, first
    return count, count
