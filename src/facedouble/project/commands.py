"""The command line of a step, and running it."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facedouble.errors import OutputError
from facedouble.project.plan import Planned, State
from facedouble.project.steps import Step

PARTLY = 3
"""Exit code of a conversion that was written, with some frames as they were."""

STOPPED = 130
"""Exit code of a command that was stopped by Ctrl-C."""


def command(step: Step, *, again: bool = False) -> list[str]:
    """The command line of ``step`` after the program's name, for use in the project's folder.

    ``again``: what is there may be replaced.
    """
    overwrite = ["--overwrite"] if again and step.kind == "convert" else []
    return [step.kind, *step.arguments, *overwrite, *_options(step.settings)]


def shown(arguments: Sequence[str]) -> str:
    """A command line as a person types it."""
    return shlex.join(["facedouble", *arguments])


def call(folder: Path, arguments: Sequence[str]) -> int:
    """Run a command in ``folder`` on this terminal; returns its exit code.

    Ctrl-C reaches the command, which ends in its own way; then this returns ``STOPPED``, whatever it said.
    """
    with _interrupts() as interrupted:
        process = subprocess.Popen([*PROGRAM, *arguments], cwd=folder)
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


def _options(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            yield option if value else f"--no-{name.replace('_', '-')}"
        elif isinstance(value, list):
            for entry in value:
                yield from (option, str(entry))
        elif value is not None:
            yield from (option, str(value))
