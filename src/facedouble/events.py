"""Typed progress events.

Long operations take a ``listener``: a function called with one event at a time, on the thread that
runs the operation. The command line draws its bars from these; other front ends read the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage began. ``total`` is in ``unit``; ``None`` when it cannot be known beforehand."""

    stage: str
    total: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class Progressed:
    """``done`` of the stage's total. ``figures`` are short texts to show beside the bar."""

    stage: str
    done: float
    figures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage ended after ``seconds``; ``summary`` is one line a person reads."""

    stage: str
    seconds: float
    summary: str


@dataclass(frozen=True, slots=True)
class Noted:
    """Something a person should know now: a choice made for them, a warning."""

    text: str
    warning: bool = False


Event = StageStarted | Progressed | StageFinished | Noted
Listener = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """The listener that hears nothing."""
