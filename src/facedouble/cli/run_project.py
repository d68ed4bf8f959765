"""``facedouble run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facedouble.cli.status import ProjectFolder


def run(
    folder: ProjectFolder = Path(),
    stale: Annotated[
        bool,
        typer.Option(
            "--stale", help="make outdated steps again too; old facesets and models are moved aside"
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show the commands")] = False,
) -> None:
    """Do what is missing of a project, in order.

    It stops at the first step that fails. Stopped or killed, the same command resumes it.
    """
    from facedouble.project.commands import command, shown
    from facedouble.project.foreground import run_missing, to_do
    from facedouble.project.look import look
    from facedouble.project.plan import State

    found = look(folder)
    steps = to_do(found, stale=stale)
    if dry_run:
        for item in steps:
            print(shown(command(item.step, again=item.state == State.STALE)))
        return
    if not steps:
        outdated = sum(item.state == State.STALE for item in found.steps)
        print(
            f"nothing is missing; {outdated} stale: see facedouble status"
            if outdated
            else "everything is done"
        )
        return
    code = run_missing(
        found.folder, stale=stale, report=lambda line: print(line, file=sys.stderr, flush=True)
    )
    if code:
        raise typer.Exit(code)
    for item in steps:
        print(f"{item.step.kind:9} {item.step.output}")
