from fractions import Fraction

import numpy as np
import pytest

from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.conversion.retiming import Retiming
from facedouble.errors import SettingsError
from facedouble.video.picture import Shown

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
def test_what_a_range_holds(
    texts: tuple[str, ...], inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    ranges = FrameRanges.parse(texts)
    assert all(frame in ranges for frame in inside)
    assert not any(frame in ranges for frame in outside)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (("a-b",), "'a-b' is not a range"),
        (("",), "'' is not a range"),
        (("50-10",), "ends before it starts"),
        (("10-50", "50-60"), "frame 50 is in two"),
        (("-5",), "'-5' is not a range"),
    ],
)
def test_what_is_no_range(texts: tuple[str, ...], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        FrameRanges.parse(texts)


def test_a_range_beyond_the_end() -> None:
    with pytest.raises(SettingsError, match=r"no frame 200; the last frame is 122"):
        FrameRanges.parse(("10-50", "200-")).check(123)
    FrameRanges.parse(("10-500",)).check(123)


def shown(times: list[int]) -> list[Shown]:
    picture = np.zeros((2, 2, 3), np.uint8)
    return [Shown(index, pts, TICK, picture) for index, pts in enumerate(times)]


def test_what_is_left_moves_together_and_keeps_its_own_pace() -> None:
    retiming = Retiming(FrameRanges.parse(("1-2", "5-")), Fraction(25), discard=True)
    placed = [retiming.retimed(one) for one in shown([100, 140, 200, 240, 280, 330, 400])]
    # 140 to 240 is shown from 100 on, where the source begins; 330 follows when the other ends.
    assert [None if one is None else one.pts for one in placed] == [None, 100, 160, None, None, 200, 270]
    spans = retiming.kept_spans()
    assert spans is not None
    assert [(s.start, s.end, s.target) for s in spans] == [
        (Fraction(140, 1000), Fraction(240, 1000), Fraction(100, 1000)),
        (Fraction(330, 1000), Fraction(440, 1000), Fraction(200, 1000)),
    ]


def test_without_leaving_out_nothing_moves() -> None:
    retiming = Retiming(FrameRanges.parse(("1-2",)), Fraction(25), discard=False)
    frames = shown([0, 40, 80, 120])
    assert [retiming.retimed(one) for one in frames] == frames
    assert retiming.kept_spans() is None
