from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.conversion.retiming import Retiming
from facedouble.errors import SettingsError
from facedouble.video.frame import Frame
from facedouble.video.index import SourceIndex, frozen
from facedouble.video.info import SourceInfo

TICK = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("texts", "inside", "outside"),
    [
        (("10-50", "90-100"), (10, 50, 90, 100), (0, 9, 51, 89, 101)),
        (("90-100,10-50",), (10, 50, 90, 100), (9, 51, 101)),
        (("7", " 20 - "), (7, 20, 10**9), (6, 8, 19)),
        ((), (0, 10**9), ()),
    ],
)
def test_which_frames_a_range_contains(
    texts: tuple[str, ...], inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    ranges = FrameRanges.parse(texts)
    assert all(frame in ranges for frame in inside)
    assert not any(frame in ranges for frame in outside)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (("a-b",), r"`frames.ranges=a-b`: is not a range"),
        (("",), r"=`: is not a range"),
        (("50-10",), "ends before it starts"),
        (("10-50", "50-60"), "frame 50 is in two"),
        (("-5",), r"=-5`: is not a range"),
    ],
)
def test_malformed_ranges_are_refused(texts: tuple[str, ...], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        FrameRanges.parse(texts)


def test_a_range_beyond_the_end() -> None:
    with pytest.raises(SettingsError, match=r"no frame 200; the last is 122"):
        FrameRanges.parse(("10-50", "200-")).check(123)
    FrameRanges.parse(("10-500",)).check(123)


@dataclass
class Listed:
    """A source of which only the times are known."""

    info: SourceInfo
    index: SourceIndex


def source(times: list[int]) -> Any:
    info = SourceInfo(Path("clip.mp4"), "clip", 2, 2, len(times), Fraction(25), TICK)
    return Listed(info, SourceIndex(info, "0" * 64, frozen(times), None, times[-1] + 40))


def test_the_gaps_close_up_and_each_range_keeps_its_own_pace() -> None:
    times = [100, 140, 200, 240, 280, 330, 400]
    retiming = Retiming(FrameRanges.parse(("1-2", "5-")), source(times))
    picture = np.zeros((2, 2, 3), np.uint8)
    kept = [Frame(index, times[index], TICK, picture) for index in (1, 2, 5, 6)]
    # 140 to 240 is shown from 100 on, where the source begins; 330 follows when the other ends.
    assert [retiming.retimed(one).pts for one in kept] == [100, 160, 200, 270]
    assert retiming.retimed(kept[2]).pts == 200, "in any order"
    assert [(s.start, s.end, s.target) for s in retiming.spans] == [
        (Fraction(140, 1000), Fraction(240, 1000), Fraction(100, 1000)),
        (Fraction(330, 1000), Fraction(440, 1000), Fraction(200, 1000)),
    ]


def test_adjacent_ranges_are_one() -> None:
    assert FrameRanges.parse(("4-6", "1-2,7", "3")).bounds == ((1, 7),)


def test_ranges_name_frames_of_a_sequence_by_their_numbers() -> None:
    numbers = [1001, 1002, 1004, 1005, 1009]
    assert FrameRanges.parse(("1002-1004", "1009-")).placed(numbers).bounds == ((1, 2), (4, 1 << 62))
    assert FrameRanges.parse(("990-1003",)).placed(numbers).bounds == ((0, 1),)
    with pytest.raises(SettingsError, match="there is no frame 1006; they are 1001 to 1009"):
        FrameRanges.parse(("1006-1008",)).placed(numbers)
