"""Progress events as bars on a terminal, or as plain lines where there is none. To stderr."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from facedouble.events import Event, Listener, Noted, Progressed, StageFinished, StageStarted

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_EVERY = 10.0
"""Seconds between plain lines of a stage, where there is no terminal to draw on."""

_WINDOW = 60.0  # seconds over which speed is measured: long enough to be calm, short enough to be true
_SAMPLE_EVERY = 0.5
_TIME_UNITS = {"seconds", "minutes", "s", "min"}


@contextmanager
def progress(stream: TextIO | None = None) -> Iterator[Listener]:
    """A listener that shows events on ``stream`` (stderr unless told): bars if it is a terminal."""
    from rich.console import Console

    stream = stream or sys.stderr
    console = Console(file=stream)
    if not console.is_terminal:
        yield Lines(stream)
        return
    from rich.progress import BarColumn, Progress, TextColumn

    bars = Progress(
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
    """How a stage is getting on, from the times at which it reported. Times are in seconds.

    Speed is that of the last minute, so that a slow start or a change of speed does not keep the time
    left wrong. What a stage that is taken up again had done before it started does not count.
    """

    total: float | None
    unit: str
    done: float = 0.0
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

    def describe(self, now: float, figures: dict[str, str]) -> str:
        """One line: done of total, speed, time left, and the stage's own figures."""
        amount = _number(self.done)
        if self.total is not None:
            amount += f"/{_number(self.total)}"
        parts = [f"{amount} {self.unit}"]
        speed, left = self.speed(now), self.left(now)
        if speed is not None and self.unit not in _TIME_UNITS:
            parts.append(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each")
        if left is not None:
            parts.append(f"{clock(left)} left")
        parts.extend(f"{name} {value}" for name, value in figures.items())
        return ", ".join(parts)


class Lines:
    """Listener that writes a line when a stage begins and ends, and every ten seconds between."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._paces: dict[str, Pace] = {}
        self._spoke: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        now = self._now()
        match event:
            case StageStarted():
                self._paces[event.stage] = Pace(event.total, event.unit)
                self._spoke[event.stage] = now
                self._say(f"{event.stage} ...")
            case Progressed():
                pace = self._paces.setdefault(event.stage, Pace(None, ""))
                pace.add(now, event.done)
                if now - self._spoke.setdefault(event.stage, now) >= LINE_EVERY:
                    self._spoke[event.stage] = now
                    self._say(f"{event.stage}: {pace.describe(now, event.figures)}")
            case StageFinished() | Noted():
                self._say(sentence(event))

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Bars:
    """Listener that draws one bar for each stage under way, and a line for each that has ended."""

    def __init__(self, bars: Progress, now: Callable[[], float] = time.monotonic) -> None:
        self._bars = bars
        self._now = now
        self._stages: dict[str, tuple[TaskID, Pace]] = {}

    def __call__(self, event: Event) -> None:
        now = self._now()
        match event:
            case StageStarted():
                self._remove(event.stage)
                self._add(event.stage, event.total, event.unit)
            case Progressed():
                if event.stage not in self._stages:
                    self._add(event.stage, None, "")
                task, pace = self._stages[event.stage]
                pace.add(now, event.done)
                self._bars.update(task, completed=event.done, text=pace.describe(now, event.figures))
            case StageFinished() | Noted():
                if isinstance(event, StageFinished):
                    self._remove(event.stage)
                warning = isinstance(event, Noted) and event.warning
                self._bars.console.print(
                    sentence(event), style="yellow" if warning else None, markup=False, highlight=False
                )

    def _add(self, stage: str, total: float | None, unit: str) -> None:
        self._stages[stage] = (self._bars.add_task(stage, total=total, text=""), Pace(total, unit))

    def _remove(self, stage: str) -> None:
        if stage in self._stages:
            self._bars.remove_task(self._stages.pop(stage)[0])


def sentence(event: StageFinished | Noted) -> str:
    """What a person reads when a stage has ended or something is noted."""
    if isinstance(event, StageFinished):
        return f"{event.stage}: {event.summary} in {clock(event.seconds)}"
    return f"warning: {event.text}" if event.warning else event.text


def clock(seconds: float) -> str:
    """A duration as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _number(value: float) -> str:
    """Without decimals when it is whole, else with one."""
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
