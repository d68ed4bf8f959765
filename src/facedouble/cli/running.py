"""The run of a command: shown on the terminal, cancelled by signals, written to a file on request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from facedouble.cli.paths import some_path
from facedouble.cli.progress import progress
from facedouble.run.cancel import cancelled_by, stop_signals
from facedouble.run.control import Control
from facedouble.run.events import Event, Notice, Subscriber
from facedouble.run.jsonl import EventLog
from facedouble.run.run import Run

EventsOption = Annotated[
    Path | None,
    typer.Option(
        "--events", metavar="FILE", help="add what happens to this file, as JSON lines", parser=some_path
    ),
]


ControlOption = Annotated[
    Path | None,
    typer.Option(
        "--control",
        metavar="FILE",
        help="pause or save when this file says so, as the studio writes it",
        parser=some_path,
    ),
]


@contextmanager
def running(events: Path | None = None, *, stages: bool = True, control: Path | None = None) -> Iterator[Run]:
    """A run whose events are shown on stderr, and added to the file ``events`` if one is given.

    Without ``stages`` only notices are shown, for work that is done in a moment.
    ``control``: a file that may ask it to pause or save. Ctrl-C, SIGTERM and SIGHUP cancel it at its next
    safe point; a second one ends the program at once.
    """
    asked = None if control is None else Control(control)
    with Run(control=asked) as run, progress() as shown, cancelled_by(run.token, stop_signals()):
        if events is not None:
            run.subscribe(EventLog(events, run.id))
        run.subscribe(shown if stages else _only_notices(shown))
        yield run


def _only_notices(subscriber: Subscriber) -> Subscriber:
    def show(event: Event) -> None:
        if isinstance(event, Notice):
            subscriber(event)

    return show
