"""Steps of a project as jobs, and what is noted about them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from sqlite3 import Connection

from facedouble.project.commands import command, make_room
from facedouble.project.foreground import to_do
from facedouble.project.jobs import Job, NewJob, Queue
from facedouble.project.look import Look, look
from facedouble.project.plan import Planned, State, inputs_now, recorded
from facedouble.project.records import forget_record, write_record


def jobs_to_do(found: Look, *, stale: bool, only: Collection[str] | None = None) -> list[NewJob]:
    """A job for each step that is to be done (see ``to_do``); each waits for those whose output it reads.

    ``only``: no others than the steps of these names, and what they need that is not there; ``stale`` then
    counts for these alone.
    """
    places: dict[str, int] = {}
    jobs: list[NewJob] = []
    wanted = None if only is None else with_needs(found, only)
    for item in to_do(found, stale=stale, only=wanted):
        if only is not None and item.step.name not in only and not _missed(item):
            continue
        again = item.state == State.STALE
        after = tuple(places[name] - len(jobs) for name in item.step.needs if name in places)
        places[item.step.name] = len(jobs)
        jobs.append(
            NewJob(
                title=item.step.name,
                arguments=tuple(command(item.step, again=again)),
                after=after,
                step=item.step.name,
                again=again,
                executor=found.project.executor,
            )
        )
    return jobs


def _missed(item: Planned) -> bool:
    """Whether what a step makes is not there yet; a model can be used before its training has ended."""
    return item.state == State.MISSING or (item.state == State.UNFINISHED and item.step.kind != "train")


def with_needs(found: Look, names: Collection[str]) -> set[str]:
    """The steps of these names, and all that they need, directly or not."""
    needs = {item.step.name: item.step.needs for item in found.steps}
    wanted: set[str] = set()
    waiting = [name for name in names if name in needs]
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting.extend(needs[name])
    return wanted


def begin_step(project: Path, job: Job, database: Connection) -> None:
    """Before a step's job runs: make room for what it writes, and keep what it is made of with the job.

    Nothing is kept where the project asks for another command by now.
    """
    if job.step is None:
        return
    found = look(project)
    item = next((item for item in found.steps if item.step.name == job.step), None)
    if item is None:
        return
    if item.state != State.STALE or job.record.get("again"):
        aside = make_room(project, item)
        if aside is not None:
            forget_record(database, job.step)
    asked = {tuple(command(item.step)), tuple(command(item.step, again=True))}
    if job.arguments in asked:
        made_of = {"inputs": inputs_now(item.step, found.disk), "settings": recorded(item.step)}
        Queue(database).note(job.id, record={**job.record, **made_of})


def finish_step(job: Job, database: Connection) -> None:
    """After a step's job succeeded: note what its output was made of."""
    if job.step is not None and "inputs" in job.record:
        write_record(database, job.step, job.record["inputs"], job.record["settings"])
