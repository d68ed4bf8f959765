"""Handing out parts: what comes late, never, or slowly. Time is made up: nothing here waits."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from facedouble.distributed.dispatch import _Stage, open_executor
from facedouble.distributed.executor import Attempt, Outcome
from facedouble.distributed.plan_folder import PlanFolder
from facedouble.errors import ProcessError, SettingsError
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run


@dataclass
class Workers:
    """Two workers at a time. The attempt at a part that is the ``nth`` ends after ``seconds(part, nth)``; its
    result is in the folder ``late`` seconds after that."""

    folder: PlanFolder
    seconds: Callable[[int, int], float]
    late: float = 0.0
    begun: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    _now: float = 0.0
    _running: dict[Attempt, float] = field(default_factory=dict)
    _results: dict[int, float] = field(default_factory=dict)

    def clock(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds
        for part in [part for part, time in self._results.items() if time <= self._now]:
            del self._results[part]
            self.folder.write_result("detect", part, "{}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def room(self) -> int:
        return 2 - len(self._running)

    def start(self, plan: Path, stage: str, part: int, avoid: Collection[str]) -> Attempt:
        self.begun.append(part)
        attempt = Attempt(len(self.begun), stage, part)
        self._running[attempt] = self._now + self.seconds(part, self.begun.count(part))
        return attempt

    def finished(self, seconds: float) -> Sequence[Outcome]:
        self.sleep(max(0.0, min(seconds, min(self._running.values()) - self._now)))
        ended = [attempt for attempt, end in self._running.items() if end <= self._now]
        for attempt in ended:
            del self._running[attempt]
            self._results[attempt.part] = self._now + self.late
        self.sleep(0.0)
        return [Outcome(attempt, f"node {attempt.number}") for attempt in ended]

    def cancel(self, attempt: Attempt) -> None:
        self.cancelled.append(attempt.part)
        self._running.pop(attempt, None)


def handed_out(workers: Workers, count: int) -> list[str]:
    """Have ``count`` parts done; what was said."""
    said: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Notice):
            said.append(event.text)

    run = Run([hear])
    _Stage(workers.folder, "detect", count, workers, run, clock=workers.clock, sleep=workers.sleep).work()
    return said


def test_a_result_that_a_network_folder_shows_late_counts(tmp_path: Path) -> None:
    workers = Workers(PlanFolder(tmp_path), lambda part, nth: 1.0, late=8.0)
    assert handed_out(workers, 3) == []
    assert sorted(workers.begun) == [0, 1, 2]


def test_a_part_without_a_result_is_tried_three_times(tmp_path: Path) -> None:
    workers = Workers(PlanFolder(tmp_path), lambda part, nth: 1.0, late=math.inf)
    with pytest.raises(ProcessError, match=r"part 0 of stage detect failed 3 times .* see the same folder"):
        handed_out(workers, 1)
    assert workers.begun == [0, 0, 0]


def test_a_part_that_takes_far_longer_is_begun_elsewhere_too(tmp_path: Path) -> None:
    def seconds(part: int, nth: int) -> float:
        return math.inf if (part, nth) == (1, 1) else 1.0

    workers = Workers(PlanFolder(tmp_path), seconds)
    assert handed_out(workers, 8) == []
    assert workers.begun.count(1) == 2
    assert workers.cancelled == [1]
    assert all(workers.begun.count(part) == 1 for part in range(8) if part != 1)


@pytest.mark.parametrize("name", ["farm", "local:0", "local:x", "ray:h:1,cpus=0"])
def test_an_executor_that_is_none(name: str) -> None:
    with pytest.raises(SettingsError):
        open_executor(name)
