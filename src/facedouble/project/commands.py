"""The command line of a step, and running it."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath

from facedouble.errors import OutputError
from facedouble.project.ending import STOPPED
from facedouble.project.plan import Planned, State
from facedouble.project.steps import Step
from facedouble.settings.arguments import arguments_of
from facedouble.settings.registry import COMMANDS


def command(step: Step, *, again: bool = False) -> list[str]:
    """The command line of ``step`` after the program's name, for use in the project's folder.

    ``again``: what is there may be replaced.
    """
    values = {**step.values, "overwrite": True} if again and step.kind == "convert" else step.values
    return [step.kind, *arguments_of(COMMANDS[step.kind], values)]


def shown(arguments: Sequence[str]) -> str:
    """A command line as a person types it."""
    return shlex.join(["facedouble", *arguments])


def missing_parents(folder: Path, planned: Iterable[Planned]) -> list[str]:
    """Folders that the results of steps go into and that are not there yet, relative to the project's."""
    parents = dict.fromkeys(
        PurePath(it.step.output).parent for it in planned if it.step.kind in ("convert", "evaluate")
    )
    return [str(parent) for parent in parents if not (folder / parent).is_dir()]


def call(folder: Path, arguments: Sequence[str], events: Path) -> int:
    """Run a command in ``folder`` on this terminal, writing its ``events``; returns its exit code.

    Ctrl-C reaches the command, which ends in its own way; then this returns ``STOPPED``, whatever it said.
    """
    events.unlink(missing_ok=True)
    with _interrupts() as interrupted:
        process = subprocess.Popen([*PROGRAM, *arguments, "--events", str(events)], cwd=folder)
        code = process.wait()
    return STOPPED if interrupted or code == -signal.SIGINT else code


PROGRAM = (sys.executable, "-m", "facedouble")


def make_room(folder: Path, planned: Planned) -> Path | None:
    """Make the folder that the output goes into, and move an outdated faceset or model aside, for it may hold
    work by hand; returns where it is now.

    Results are left in place, as they are replaced only when the new one is whole. Raises ``OutputError``.
    """
    step = planned.step
    parent = (folder / step.output).parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{parent}: cannot be made ({error.strerror})") from error
    if planned.state != State.STALE or step.kind not in ("extract", "train"):
        return None
    old = folder / step.output
    number = 1
    while (aside := old.with_name(f"{old.name}.old-{number}")).exists():
        number += 1
    try:
        old.rename(aside)
    except OSError as error:
        raise OutputError(f"{old}: cannot be moved aside ({error.strerror})") from error
    return aside


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collects Ctrl-C, so that a command that is waited for deals with it."""
    found: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: found.append(number))
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, before)
