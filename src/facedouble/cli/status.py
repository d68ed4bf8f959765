"""``facedouble status``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedouble.cli.paths import some_path

if TYPE_CHECKING:
    from facedouble.project.look import Look
    from facedouble.project.plan import Planned

ProjectFolder = Annotated[
    Path, typer.Argument(metavar="[FOLDER]", help="folder of the project, or one inside it", parser=some_path)
]


def status(folder: ProjectFolder = Path()) -> None:
    """Say what there is of a project, what is stale, what is missing, and what comes next."""
    from facedouble.project.look import look

    found = look(folder)
    for line in (*people(found), "", *steps(found.steps), "", *following(found)):
        print(line)


def people(found: Look) -> Iterator[str]:
    """The project, and a line for each person."""
    yield f"project {found.folder}"
    rows = []
    for name, person in found.project.people.items():
        count = len(person.clips)
        rows.append((f"  {name}", f"{count} {'clip' if count == 1 else 'clips'}", found.consent[name].value))
    yield from table(rows)


def steps(planned: Sequence[Planned]) -> Iterator[str]:
    """Where each step stands, a line each."""
    rows = []
    for item in planned:
        about = "; ".join([*([item.detail] if item.detail else []), *item.reasons])
        rows.append((item.step.kind, item.step.label, item.state.value, about))
    yield from table(rows)


def following(found: Look) -> Iterator[str]:
    """What comes next: the command that does all of it, and that of the first step alone."""
    from facedouble.project.commands import command, shown
    from facedouble.project.plan import State

    states = [item.state for item in found.steps]
    todo = [item for item in found.steps if item.to_do]
    where = "" if found.folder == Path.cwd() else f" {found.folder}"
    counts = Counter(job.state.value for job in found.jobs)
    pending = [
        f"{counts[state]} {state}" for state in ("running", "queued", "failed", "lost") if counts[state]
    ]
    if pending:
        yield f"jobs: {', '.join(pending)} (see: facedouble jobs{where and f' -p{where}'})"
    queued = {job.step for job in found.jobs if job.state in ("running", "queued")}
    if todo and not queued.intersection(item.step.name for item in todo):
        yield f"next: facedouble run{where}"
        yield f"      or the first of its {len(todo)} steps alone: {shown(command(todo[0].step))}"
    elif all(state == State.DONE for state in states):
        yield "everything is done"
    stale = states.count(State.STALE)
    if stale:
        yield f"{stale} stale: to make them again, facedouble run --stale{where}"


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """``rows`` in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
