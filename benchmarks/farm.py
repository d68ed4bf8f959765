"""A farm of workers that wait instead of work, for :mod:`benchmarks.machines`.

A part takes as long as a real one took; planning and handing out are the program's own. Waits are skipped on
a clock that runs on by what the coordinator computes, so that an hour passes in seconds; or really waited
for.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmarks.table import Cell, Table
from facedouble.distributed.dispatch import _Stage
from facedouble.distributed.executor import Attempt, Outcome
from facedouble.distributed.plan_folder import Plan, PlanFolder, planned
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractCommand

WORKERS = (1, 2, 4, 8, 16, 32, 64)


@dataclass
class Waits:
    """An executor of ``workers`` workers whose parts take ``cost`` seconds each, a fifth more or less, and
    then have the result ``text``. Unless ``really``, waits are skipped."""

    folder: PlanFolder
    workers: int
    cost: float
    text: str
    really: bool = False
    skipped: float = 0.0
    _running: dict[Attempt, float] = field(default_factory=dict)
    _number: int = 0

    def clock(self) -> float:
        return time.monotonic() + self.skipped

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.clear()

    def room(self) -> int:
        return self.workers - len(self._running)

    def start(self, plan: Path, stage: str, part: int, avoid: Collection[str]) -> Attempt:
        self._number += 1
        attempt = Attempt(self._number, stage, part)
        self._running[attempt] = self.clock() + self.cost * (0.8 + 0.4 * (self._number * 0.618034 % 1.0))
        return attempt

    def finished(self, seconds: float) -> Sequence[Outcome]:
        wait = min(min(self._running.values()) - self.clock(), seconds)
        if wait > 0 and self.really:
            time.sleep(wait)
        elif wait > 0:
            self.skipped += wait
        ended = [attempt for attempt, end in self._running.items() if end <= self.clock()]
        for attempt in ended:
            del self._running[attempt]
            self.folder.write_result(attempt.stage, attempt.part, self.text)
        return [Outcome(attempt, "waits") for attempt in ended]

    def cancel(self, attempt: Attempt) -> None:
        self._running.pop(attempt, None)


def farm_seconds(parts: int, workers: int, cost: float, text: str, *, really: bool = False) -> float:
    """Seconds until ``parts`` parts of ``cost`` seconds are done by ``workers`` workers."""
    with tempfile.TemporaryDirectory() as name:
        folder = PlanFolder(Path(name))
        command = planned(ExtractCommand.read({"source": "clip.mp4", "output": "faces"}))
        folder.write(Plan("extract", command, {"detect": [(number, number + 1) for number in range(parts)]}))
        executor = Waits(folder, workers, cost, text, really=really)
        start = executor.clock()
        _Stage(folder, "detect", parts, executor, Run(), clock=executor.clock).work()
        return executor.clock() - start


@dataclass(frozen=True, slots=True)
class FarmJob:
    """``stages``: parts of each, and seconds a part; ``alone``: seconds of the coordinator, in which no
    worker has anything to do."""

    name: str
    stages: Sequence[tuple[int, float]]
    alone: float

    def parallel(self, workers: int, text: str, *, really: bool = False) -> float:
        """Seconds until all stages are done. Where waits are real they are a thirtieth as long."""
        times = 30 if really else 1
        return times * sum(
            farm_seconds(n, workers, cost / times, text, really=really) for n, cost in self.stages
        )

    @property
    def busy(self) -> float:
        """Seconds that one worker would take for all parts, if handing out took no time."""
        return sum(parts * cost for parts, cost in self.stages)


def farm(jobs: Sequence[FarmJob], text: str) -> Table:
    """Hours, and the share of a linear speed-up, by the number of workers."""
    rows: list[list[Cell]] = []
    for workers in (*WORKERS, -WORKERS[-1]):
        count = abs(workers)
        row: list[Cell] = [str(count) if workers > 0 else f"{count}, waits real and a thirtieth as long"]
        for job in jobs:
            if workers < 0 and job is not jobs[-1]:
                row += [None, None, None]
                continue
            spent = job.parallel(count, text, really=workers < 0)
            whole = spent + job.alone
            one = job.busy + job.alone
            row += [spent / 60, f"{job.busy / count / spent:.1%}", f"{one / count / whole:.0%}"]
        rows.append(row)
    columns = ["workers"]
    for job in jobs:
        columns += [f"{job.name}, minutes", "parts, of linear", "with the coordinator's own work"]
    return Table("machines-farm", columns, rows)
