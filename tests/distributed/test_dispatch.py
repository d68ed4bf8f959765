"""Handing out parts: what comes late, never, or slowly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Self

import pytest

from facedouble.distributed import dispatch
from facedouble.distributed.dispatch import _Stage, open_executor
from facedouble.distributed.executor import Attempt, Outcome
from facedouble.distributed.plan_folder import PlanFolder
from facedouble.errors import ProcessError, SettingsError
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run


class Workers:
    """Workers that do ``work`` (its attempt: how often this part was begun) in threads, two at a time."""

    def __init__(self, work: Callable[[int, int], Outcome | None]) -> None:
        self.begun: list[int] = []
        self._work, self._ended, self._running = work, [], 0  # type: ignore[var-annotated]
        self.cancelled: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def room(self) -> int:
        return 2 - self._running

    def start(self, plan: Path, stage: str, part: int, avoid: Collection[str]) -> Attempt:
        self.begun.append(part)
        attempt = Attempt(len(self.begun), stage, part)
        self._running += 1

        def run() -> None:
            found = self._work(part, self.begun.count(part))
            self._ended.append(found or Outcome(attempt, f"node {attempt.number}"))

        threading.Thread(target=run, daemon=True).start()
        return attempt

    def finished(self, seconds: float) -> Sequence[Outcome]:
        until = time.monotonic() + seconds
        while not self._ended and time.monotonic() < until:
            time.sleep(0.005)
        found, self._ended = self._ended, []
        self._running -= len(found)
        return found

    def cancel(self, attempt: Attempt) -> None:
        self.cancelled.append(attempt.part)
        self._running -= 1


def handed_out(folder: PlanFolder, workers: Workers, count: int) -> list[str]:
    """Have ``count`` parts done; what was said."""
    said: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Notice):
            said.append(event.text)

    _Stage(folder, "detect", count, workers, Run([hear])).work()
    return said


def test_a_result_that_a_network_folder_shows_late_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_LATE", 5.0)
    folder = PlanFolder(tmp_path)

    def late(part: int, _: int) -> None:
        threading.Timer(0.3, folder.write_result, ("detect", part, "{}")).start()

    workers = Workers(late)
    assert handed_out(folder, workers, 3) == []
    assert sorted(workers.begun) == [0, 1, 2]


def test_a_part_without_a_result_is_tried_three_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_LATE", 0.05)
    workers = Workers(lambda part, attempt: None)
    with pytest.raises(ProcessError, match=r"part 0 of stage detect failed 3 times .* see the same folder"):
        handed_out(PlanFolder(tmp_path), workers, 1)
    assert workers.begun == [0, 0, 0]


def test_a_part_that_takes_far_longer_is_begun_elsewhere_too(tmp_path: Path) -> None:
    folder, free = PlanFolder(tmp_path), threading.Event()

    def work(part: int, attempt: int) -> None:
        if part == 1 and attempt == 1:
            free.wait(60)
            return
        time.sleep(0.02)
        folder.write_result("detect", part, "{}")

    workers = Workers(work)
    try:
        handed_out(folder, workers, 8)
    finally:
        free.set()
    assert workers.begun.count(1) == 2
    assert workers.cancelled == [1]
    assert all(workers.begun.count(part) == 1 for part in range(8) if part != 1)


@pytest.mark.parametrize("name", ["farm", "local:0", "local:x", "ray:h:1,cpus=0"])
def test_an_executor_that_is_none(name: str) -> None:
    with pytest.raises(SettingsError):
        open_executor(name)
