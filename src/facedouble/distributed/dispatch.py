"""Has all parts of a plan worked on, and joins them.

Parts go to whoever has room. Where none is left to hand out, the slowest of those that run is handed out once
more, so that one slow machine does not hold up the rest (backup tasks; Dean and Ghemawat 2004).
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facedouble.distributed.executor import Attempt, Outcome, PartExecutor
from facedouble.distributed.operations import join
from facedouble.distributed.plan_folder import PlanFolder
from facedouble.distributed.registry import OPERATIONS, PART_EXECUTORS
from facedouble.errors import ProcessError, SettingsError
from facedouble.run.run import Run, operation

_FAILURES = 3
"""Failed attempts at one part after which the run ends."""
_LOSSES = 10
"""Machines or processes lost with one part after which it counts as the part's fault."""
_SLOW = 2.0  # times the usual duration, after which a part is handed out again
_KNOWN = 3  # parts whose durations are known, before any counts as slow
_WAIT = 0.5  # seconds
_LATE = 10.0  # seconds after which a network folder shows what another machine wrote


def distribute(path: Path, executor: PartExecutor, *, run: Run | None = None) -> Any:
    """Do all that is left of the plan in the folder ``path``; the operation's result.

    Started again after it was killed, it continues: what is done is in the folder. Raises ``ProcessError``
    for a part that fails three times, with its reason, and what planning and joining raise.
    """
    folder = PlanFolder(path)
    with operation("distribute", run) as run:
        kind = OPERATIONS[folder.read().operation]
        result = None
        for stage in kind.stages:
            count = len(folder.read().parts[stage])
            if folder.missing(stage, count):
                _Stage(folder, stage, count, executor, run, kind.repeatable).work()
            result = join(path, stage, run=run)
        return run.finish(result)


def open_executor(name: str) -> PartExecutor:
    """The executor called ``name``: one of ``PART_EXECUTORS``, with what it needs to know behind a colon.
    Raises ``SettingsError``."""
    kind, _, where = name.partition(":")
    if kind not in PART_EXECUTORS:
        raise SettingsError(f"no executor {kind!r:.40}; choose one of: {', '.join(PART_EXECUTORS)}")
    PART_EXECUTORS.prepare(kind)
    return PART_EXECUTORS[kind](where)


@dataclass(slots=True)
class _Stage:
    """A stage that is being worked on. ``left`` are the parts that are not done."""

    folder: PlanFolder
    stage: str
    count: int
    executor: PartExecutor
    run: Run
    repeatable: bool = True
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    left: set[int] = field(default_factory=set)
    running: dict[Attempt, float] = field(default_factory=dict)
    durations: list[float] = field(default_factory=list)
    failures: dict[int, list[Outcome]] = field(default_factory=dict)

    def work(self) -> None:
        waiting = deque(self.folder.missing(self.stage, self.count))
        self.left = set(waiting)
        stage = self.run.stage(self.stage, self.count, "parts")
        try:
            while self.left:
                self.run.check()
                stage.progress(self.count - len(self.left))
                self._hand_out(waiting)
                for outcome in self.executor.finished(_WAIT):
                    if not self._note(outcome):
                        waiting.append(outcome.attempt.part)
        finally:
            for attempt in self.running:
                self.executor.cancel(attempt)
        stage.finish(parts=self.count)

    def _hand_out(self, waiting: deque[int]) -> None:
        for _ in range(self.executor.room()):
            part = waiting.popleft() if waiting else self._slowest()
            if part is None:
                return
            if self.folder.is_done(self.stage, part):  # by whoever else works on this plan
                self.left.discard(part)
                continue
            avoid = {outcome.node for outcome in self.failures.get(part, ())}
            attempt = self.executor.start(self.folder.path, self.stage, part, avoid)
            self.running[attempt] = self.clock()

    def _slowest(self) -> int | None:
        """The part that runs longest, if that is far longer than usual and nobody else is at it."""
        if not self.repeatable or len(self.durations) < _KNOWN:
            return None
        parts = [attempt.part for attempt in self.running]
        limit = self.clock() - _SLOW * statistics.median(self.durations)
        slow = [
            (start, attempt.part)
            for attempt, start in self.running.items()
            if start < limit and parts.count(attempt.part) == 1
        ]
        return min(slow)[1] if slow else None

    def _is_there(self, part: int, *, wait: bool) -> bool:
        """Whether the result of a part is there. A network folder may show it some seconds late."""
        until = self.clock() + (_LATE if wait else 0)
        while not self.folder.is_done(self.stage, part):
            if self.clock() >= until:
                return False
            self.sleep(_LATE / 50)
        return True

    def _note(self, outcome: Outcome) -> bool:
        """Take note of how an attempt ended; false if its part has to be tried again. Raises
        ``ProcessError``."""
        start = self.running.pop(outcome.attempt, None)
        part = outcome.attempt.part
        if self._is_there(part, wait=not outcome.error):
            self.left.discard(part)
            if start is not None and not outcome.error:
                self.durations.append(self.clock() - start)
            for attempt in [other for other in self.running if other.part == part]:
                del self.running[attempt]
                self.executor.cancel(attempt)
            return True
        error = outcome.error or "it ended without a result (does it see the same folder?)"
        self.failures.setdefault(part, []).append(outcome)
        known = self.failures[part]
        if sum(not one.lost for one in known) >= _FAILURES or len(known) >= _LOSSES:
            nodes = ", ".join(sorted({one.node for one in known}))
            raise ProcessError(
                f"part {part} of stage {self.stage} failed {len(known)} times (on {nodes}): {error}"
            )
        self.run.warn(
            "distribute.failed",
            f"part {part} of stage {self.stage} failed on {outcome.node} and is tried again: {error}",
            part=part,
            node=outcome.node,
        )
        return any(attempt.part == part for attempt in self.running)
