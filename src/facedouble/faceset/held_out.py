"""Which faces are never trained on, so that it can be measured what was learned and not remembered."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

HELD_OUT_SHARE = 0.1
"""Share of a faceset's faces that is held out: its last."""

GAP_FRAMES = 12
"""Frames between the last face trained on and the first held out. Neighbours in time are all but copies."""

MIN_FACES = 10
"""Faces that training needs; a faceset keeps as many to train on, or all it has."""


def split_held_out(frames: Sequence[int]) -> tuple[int, int]:
    """How many of a faceset's faces are trained on, and which is the first that is held out.

    ``frames`` are the faces' frame numbers in ascending order. The last tenth is held out, and not random
    faces, whose neighbours in time would be trained on. What lies between serves neither. Fewer are
    held out, down to none, where less than ten would be left.
    """
    count = len(frames)
    for first in range(count - round(count * HELD_OUT_SHARE), count):
        trained = bisect_right(frames, frames[first] - GAP_FRAMES)
        if trained >= MIN_FACES:
            return trained, first
    return count, count
