from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress

from facedouble.cli.progress import Bars, Lines, Pace, clock, named_values, progress
from facedouble.run.events import Finished, Metrics, Notice, Progress, StageFinished, StageStarted


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_time_left_is_by_recent_speed() -> None:
    pace = Pace(total=1000, unit="frames")
    now = 0.0
    for second in range(100):  # slow at first
        now = float(second)
        pace.add(now, second * 1.0)
    for second in range(1, 71):  # then ten times faster, for longer than speed is measured over
        now = 99.0 + second
        pace.add(now, 99 + second * 5.0)
    assert pace.speed(now) == pytest.approx(5.0, rel=0.1)
    assert pace.left(now) == pytest.approx((1000 - 449) / 5, rel=0.1)


def test_what_an_earlier_run_did_does_not_count_as_speed() -> None:
    pace = Pace(total=200, unit="frames")
    pace.add(0.0, 100)
    pace.add(10.0, 110)
    assert pace.speed(10.0) == pytest.approx(1.0)
    assert pace.left(10.0) == pytest.approx(90.0)


def test_nothing_is_claimed_before_it_is_known() -> None:
    pace = Pace(total=None, unit="frames")
    assert pace.speed(1.0) is None
    pace.add(0.0, 1)
    assert pace.left(0.1) is None
    assert pace.describe(0.1) == "1 frames"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_shown_as_that(value: float) -> None:
    assert named_values({"loss": value}, {}) == [f"loss {value}"]


def test_memory_does_not_grow_with_the_number_of_events() -> None:
    pace = Pace(total=None, unit="")
    for step in range(100_000):
        pace.add(step / 1000, step)
    assert len(pace._samples) < 300


@pytest.mark.parametrize(
    ("unit", "speed", "expected"),
    [
        ("frames", 2.0, "20/100 frames, 2.0/s, 0:40 left, faces 3"),
        ("frames", 0.5, "5/100 frames, 2.0 s each, 3:10 left, faces 3"),
        ("minutes", 0.5, "5/100 minutes, 3:10 left, step 7, faces 3"),
    ],
)
def test_describe(unit: str, speed: float, expected: str) -> None:
    pace = Pace(total=100, unit=unit)
    pace.add(0.0, 0)
    pace.add(10.0, 10 * speed)
    pace.metrics = Metrics("find", 7, {"faces": 3})
    assert pace.describe(10.0) == expected


def test_plain_lines_come_every_ten_seconds() -> None:
    stream, now = io.StringIO(), Clock()
    show = Lines(stream, now)
    show(StageStarted("find", 100, "frames"))
    for second in range(25):
        now.time = float(second)
        show(Metrics("find", second, {"faces": second}))
        show(Progress("find", second * 2, 100, "frames"))
    show(Notice("a", "a thing", "warning"))
    show(StageFinished("find", 65.0, {"frames": 100, "speed": 1.54}, {"speed": "frames/s"}))
    show(Finished("extract", {}))
    assert stream.getvalue().splitlines() == [
        "find ...",
        "find: 20/100 frames, 2.0/s, 0:40 left, faces 10",
        "find: 40/100 frames, 2.0/s, 0:30 left, faces 20",
        "warning: a thing",
        "find: 100 frames, 1.5 frames/s in 1:05",
    ]


def test_no_terminal_no_bars() -> None:
    stream = io.StringIO()
    with progress(stream) as show:
        show(Notice("a", "[brackets] are text"))
    assert stream.getvalue() == "[brackets] are text\n"


def test_bars_on_a_terminal() -> None:
    stream, now = io.StringIO(), Clock()
    console = Console(file=stream, force_terminal=True, width=120)
    bars = RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        console=console,
        auto_refresh=False,
    )
    with bars:
        show = Bars(bars, now)
        show(StageStarted("find", 100, "frames"))
        show(Progress("find", 0, 100, "frames"))
        now.time = 10.0
        show(Progress("find", 20, 100, "frames"))
        show(Metrics("find", 20, {"[faces]": 7}))
        show(Metrics("find", 20, {f"held_out/{n}": n for n in range(12)}))  # too many for a line
        [task] = bars.tasks
        assert (task.completed, task.total) == (20, 100)
        assert task.fields["text"] == "20/100 frames, 2.0/s, 0:40 left, [faces] 7"
        show(Progress("never started", 1, None, ""))
        show(StageFinished("find", 10.0, {"[frames]": 100}))
        assert [task.description for task in bars.tasks] == ["never started"]
    assert "find: 100 [frames] in 0:10" in stream.getvalue()


def test_clock() -> None:
    assert [clock(s) for s in (0, 59.6, 61, 3600)] == ["0:00", "1:00", "1:01", "1:00:00"]
