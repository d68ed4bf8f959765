"""Doing what is missing of a project, in order, on this terminal."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from facedouble.errors import BusyError, InputError
from facedouble.project.commands import call, command, make_room
from facedouble.project.database import open_database
from facedouble.project.ending import STOPPED, succeeded
from facedouble.project.file import state_folder
from facedouble.project.follow import Follower
from facedouble.project.look import Look, look
from facedouble.project.model import STATE
from facedouble.project.plan import Planned, State, inputs_now, recorded
from facedouble.project.records import forget_record, write_record
from facedouble.run import locks

EVENTS = "run.jsonl"
_RUNNER = "runner"
Report = Callable[[str], None]


def to_do(found: Look, *, stale: bool, only: Container[str] | None = None) -> list[Planned]:
    """The steps to do, in order; with ``stale`` those that are outdated too, ``only`` those of these names.

    Raises ``InputError`` when something stands in the way of one, ``BusyError`` when another run is at it.
    """
    steps = [item for item in found.steps if only is None or item.step.name in only]
    for item in steps:
        if item.state in (State.BLOCKED, State.WRITING):
            kind = BusyError if item.state == State.WRITING else InputError
            raise kind(f"{item.step.name}: {'; '.join(item.reasons)}")
    return [item for item in steps if item.to_do or (stale and item.state == State.STALE)]


def run_missing(folder: Path, *, stale: bool = False, report: Report) -> int:
    """Do the steps of :func:`to_do` one after the other, each as a command of its own on this terminal.

    Returns 0 or the exit code of the first step that does not succeed. ``report`` is called with a line
    before each step. Raises what :func:`to_do` does, and ``BusyError`` when a runner is at work here.
    """
    done: set[str] = set()
    with alone(folder):
        while True:
            found = look(folder)
            left = [item for item in to_do(found, stale=stale) if item.step.name not in done]
            if not left:
                return 0
            item = left[0]
            aside = make_room(folder, item)
            if aside is not None:
                with closing(open_database(folder)) as database:
                    forget_record(database, item.step.name)
                report(f"moved aside: {item.step.output} is {aside.name} now")
            report(f"[{len(done) + 1}/{len(done) + len(left)}] {item.step.name}")
            events = state_folder(folder) / EVENTS
            code = call(folder, command(item.step, again=item.state == State.STALE), events)
            follower = Follower(events)
            follower.read()
            if not succeeded(code, follower.ending):
                return code or STOPPED
            done.add(item.step.name)
            with closing(open_database(folder)) as database:
                write_record(database, item.step.name, inputs_now(item.step, found.disk), recorded(item.step))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep every other runner of the project away meanwhile. Raises ``BusyError`` when one is at work."""
    try:
        with locks.hold(state_folder(folder) / _RUNNER):
            yield
    except BusyError as error:
        writer = at_work(folder) or "another process"
        raise BusyError(
            f"{folder}: this project is being worked on ({writer}); see: facedouble jobs"
        ) from error


def at_work(folder: Path) -> locks.Writer | None:
    """Who is doing steps or jobs of the project now, on this machine or another; ``None`` if nobody."""
    return locks.writer_of(folder / STATE / _RUNNER)
