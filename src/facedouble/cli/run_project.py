"""``facedouble run``."""

from __future__ import annotations

import shlex
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedouble.cli.status import ProjectFolder

if TYPE_CHECKING:
    from facedouble.project.look import Look


def run(
    folder: ProjectFolder = Path(),
    stale: Annotated[
        bool,
        typer.Option(
            "--stale", help="make outdated steps again too; old facesets and models are moved aside"
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show the commands")] = False,
    queue: Annotated[
        bool, typer.Option("--queue", help="do it in the background, as jobs (facedouble jobs lists them)")
    ] = False,
) -> None:
    """Do what is missing of a project, in order.

    It stops at the first step that fails. Stopped or killed, the same command resumes it.
    """
    from facedouble.project.commands import command, missing_parents, shown
    from facedouble.project.foreground import run_missing, to_do
    from facedouble.project.look import look
    from facedouble.project.plan import State

    found = look(folder)
    steps = to_do(found, stale=stale)
    if dry_run:
        # Clips and reports are not written into folders that are not there.
        for parent in missing_parents(found.folder, steps):
            print(f"mkdir -p {shlex.quote(parent)}")
        for item in steps:
            print(shown(command(item.step, again=item.state == State.STALE)))
        return
    if not steps:
        stale_steps = sum(item.state == State.STALE for item in found.steps)
        print(
            f"nothing is missing, {stale_steps} stale: see facedouble status"
            if stale_steps
            else "everything is done"
        )
        return
    if queue:
        _queue(found, stale=stale)
        return
    code = run_missing(
        found.folder, stale=stale, report=lambda line: print(line, file=sys.stderr, flush=True)
    )
    _wake(found.folder)
    if code:
        raise typer.Exit(code)
    print(f"\ndone: {len(steps)} {'step' if len(steps) == 1 else 'steps'}")
    for item in steps:
        if item.step.kind in ("convert", "evaluate"):
            name = {"convert": "result", "evaluate": "report"}[item.step.kind]
            print(f"{name}: {found.folder / item.step.output}")


def _queue(found: Look, *, stale: bool) -> None:
    from facedouble.project.database import open_database
    from facedouble.project.dispatch import queue_steps, submit
    from facedouble.project.jobs import Queue

    with closing(open_database(found.folder)) as database:
        jobs = queue_steps(found, Queue(database), stale=stale)
    for job in jobs:
        print(f"job {job.id}: {job.line}")
    submit(found.folder, jobs)
    print("\nnext: facedouble jobs")


def _wake(folder: Path) -> None:
    """Whoever queued jobs meanwhile found this run at work, which does none of them."""
    from facedouble.project.database import open_database
    from facedouble.project.dispatch import submit
    from facedouble.project.jobs import JobState, Queue

    with closing(open_database(folder)) as database:
        waiting = [job for job in Queue(database).all() if job.state == JobState.QUEUED]
    submit(folder, waiting)
