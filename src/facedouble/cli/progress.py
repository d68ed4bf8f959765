"""Progress events as bars on a terminal, or as plain lines where there is none. To stderr."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from facedouble.cli.wording import in_words
from facedouble.run.events import (
    Event,
    Metrics,
    Notice,
    Numbers,
    Progress,
    StageFinished,
    StageStarted,
    Subscriber,
    Texts,
)

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

LINE_EVERY = 10.0
"""Seconds between plain lines of a stage, where there is no terminal to draw on."""

_WINDOW = 60.0  # seconds over which speed is measured: long enough to be calm, short enough to be true
_SAMPLE_EVERY = 0.5
_MOST_VALUES = 4
"""Values beside a bar; longer sets of metrics are for files and plots."""

_TIME_UNITS = {"seconds", "minutes", "s", "min"}


@contextmanager
def progress(stream: TextIO | None = None) -> Iterator[Subscriber]:
    """A subscriber that shows events on ``stream`` (stderr unless told): bars if it is a terminal."""
    from rich.console import Console

    stream = stream or sys.stderr
    console = Console(file=stream)
    if not console.is_terminal:
        yield Lines(stream)
        return
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    bars = RichProgress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[text]}", markup=False),
        console=console,
        expand=True,
        refresh_per_second=4,
    )
    with bars:
        yield Bars(bars)


@dataclass(slots=True)
class Pace:
    """Speed and time left of a stage, from the times at which it reported progress. Times are in seconds.

    Speed is that of the last minute, so that a slow start or a change of speed does not keep the time
    left wrong. Work that a resumed stage had done before it started does not count.
    """

    total: float | None
    unit: str
    done: float = 0.0
    metrics: Metrics | None = None
    _samples: deque[tuple[float, float]] = field(default_factory=deque)

    def add(self, now: float, done: float) -> None:
        """At time ``now``, ``done`` units are done."""
        self.done = done
        samples = self._samples
        if not samples or now - samples[-1][0] >= _SAMPLE_EVERY:
            samples.append((now, done))
        while len(samples) > 2 and now - samples[0][0] > _WINDOW:
            samples.popleft()

    def speed(self, now: float) -> float | None:
        """Units a second, or ``None`` while that is not known."""
        if not self._samples:
            return None
        since, before = self._samples[0]
        if now - since < _SAMPLE_EVERY or self.done <= before:
            return None
        return (self.done - before) / (now - since)

    def left(self, now: float) -> float | None:
        """Seconds to go, or ``None`` while that is not known."""
        speed = self.speed(now)
        if speed is None or self.total is None:
            return None
        return max(0.0, self.total - self.done) / speed

    def describe(self, now: float) -> str:
        """One line: done of total, speed, time left, and the last metrics."""
        amount = _number(self.done)
        if self.total is not None:
            amount += f"/{_number(self.total)}"
        parts = [f"{amount} {self.unit}"]
        speed, left = self.speed(now), self.left(now)
        if speed is not None and self.unit not in _TIME_UNITS:
            parts.append(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each")
        if left is not None:
            parts.append(f"{clock(left)} left")
        if self.metrics is not None:
            if self.unit in _TIME_UNITS:
                parts.append(f"step {self.metrics.step}")
            parts.extend(named_values(self.metrics.values, self.metrics.units))
        return ", ".join(parts)


class Lines:
    """Subscriber that writes a line when a stage begins and ends, and every ten seconds between."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._paces: dict[str, Pace] = {}
        self._last_line: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        now = self._now()
        match event:
            case StageStarted():
                self._paces[event.stage] = Pace(event.total, event.unit)
                self._last_line[event.stage] = now
                self._print(f"{event.stage} ...")
            case Metrics():
                if event.stage in self._paces and len(event.values) <= _MOST_VALUES:
                    self._paces[event.stage].metrics = event
            case Progress():
                pace = self._paces.setdefault(event.stage, Pace(event.total, event.unit))
                pace.add(now, event.done)
                if now - self._last_line.setdefault(event.stage, now) >= LINE_EVERY:
                    self._last_line[event.stage] = now
                    self._print(f"{event.stage}: {pace.describe(now)}")
            case StageFinished() | Notice():
                self._print(sentence(event))
            case _:
                pass

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Bars:
    """Subscriber that draws one bar for each stage under way, and a line for each that has ended."""

    def __init__(self, bars: RichProgress, now: Callable[[], float] = time.monotonic) -> None:
        self._bars = bars
        self._now = now
        self._stages: dict[str, tuple[TaskID, Pace]] = {}

    def __call__(self, event: Event) -> None:
        now = self._now()
        match event:
            case StageStarted():
                self._remove(event.stage)
                self._add(event.stage, event.total, event.unit)
            case Metrics():
                if event.stage in self._stages and len(event.values) <= _MOST_VALUES:
                    task, pace = self._stages[event.stage]
                    pace.metrics = event
                    self._bars.update(task, text=pace.describe(now))
            case Progress():
                if event.stage not in self._stages:
                    self._add(event.stage, event.total, event.unit)
                task, pace = self._stages[event.stage]
                pace.add(now, event.done)
                self._bars.update(task, completed=event.done, text=pace.describe(now))
            case StageFinished() | Notice():
                if isinstance(event, StageFinished):
                    self._remove(event.stage)
                warns = isinstance(event, Notice) and event.severity == "warning"
                self._bars.console.print(
                    sentence(event), style="yellow" if warns else None, markup=False, highlight=False
                )
            case _:
                pass

    def _add(self, stage: str, total: float | None, unit: str) -> None:
        self._stages[stage] = (self._bars.add_task(stage, total=total, text=""), Pace(total, unit))

    def _remove(self, stage: str) -> None:
        if stage in self._stages:
            self._bars.remove_task(self._stages.pop(stage)[0])


def sentence(event: StageFinished | Notice) -> str:
    """The line for a stage that has ended, or for a notice."""
    if isinstance(event, Notice):
        text = in_words(event.text)
        return f"warning: {text}" if event.severity == "warning" else text
    values = ", ".join(
        f"{_number(value)} {event.units.get(name, name.replace('_', ' '))}"
        for name, value in event.values.items()
    )
    return f"{event.stage}: {values}{' ' if values else ''}in {clock(event.seconds)}"


def named_values(values: Numbers, units: Texts) -> list[str]:
    """Metrics for a person: ``loss a 0.0123``, ``speed 240 faces/s``."""
    return [
        f"{name.replace('/', ' ').replace('_', ' ')} {_number(value)}"
        + (f" {units[name]}" if name in units else "")
        for name, value in values.items()
    ]


def clock(seconds: float) -> str:
    """A duration as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _number(value: float) -> str:
    """Whole numbers as they are, others with as many digits as matter; ``nan`` and ``inf`` as such."""
    if not math.isfinite(value) or value == int(value):
        return f"{value:.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.4f}"
