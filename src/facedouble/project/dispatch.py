"""Handing jobs to their executors, asking what has become of them, and forgetting them: what every front end
does with a queue."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from facedouble.errors import BusyError, FacedoubleError
from facedouble.project.jobs import CONTROL, Job, JobState, Queue
from facedouble.project.look import Look
from facedouble.project.registry import EXECUTORS
from facedouble.project.step_jobs import jobs_to_do

JOB_COMMANDS = ("extract", "faces", "train", "convert", "evaluate", "frames", "video")
"""Commands that can be a job."""


def submit(folder: Path, jobs: Sequence[Job]) -> None:
    """Hand queued jobs to their executors."""
    for name in dict.fromkeys(job.executor for job in jobs):
        executor = EXECUTORS[name](folder)
        for job in jobs:
            if job.executor == name:
                executor.submit(job)


def up_to_date(folder: Path, queue: Queue, job: Job) -> Job:
    """The job after its executor was asked what has become of it."""
    try:
        state = EXECUTORS[job.executor](folder).state(job)
    except FacedoubleError:
        return job  # an executor that is not installed here
    return job if state == job.state else queue.get(job.id)


def queue_steps(
    found: Look, queue: Queue, *, stale: bool = False, only: Collection[str] | None = None
) -> list[Job]:
    """Queue the steps that are to be done, with ``stale`` the outdated ones too; ``only`` those named, and
    what they need. They still have to be handed to :func:`submit`.

    Raises ``BusyError`` where one of them is queued already, and what :func:`jobs_to_do` does.
    """
    EXECUTORS.check(found.project.executor)
    new = jobs_to_do(found, stale=stale, only=only)
    waiting = {job.step for job in queue.all() if job.state in (JobState.QUEUED, JobState.RUNNING)}
    if any(job.step in waiting for job in new):
        raise BusyError("what is missing is queued already; see: facedouble jobs")
    return queue.add(new)


def queue_now(
    found: Look, queue: Queue, *, stale: bool = False, only: Collection[str] | None = None
) -> list[Job]:
    """Queue steps as :func:`queue_steps` does, where some of them may be queued already: such a job is
    brought up to date, so that it does what the project says now, and waits for no job that was stopped or
    failed.

    Returns the jobs that are new or changed. What runs already is left alone.
    """
    EXECUTORS.check(found.project.executor)
    needs = {item.step.name: item.step.needs for item in found.steps}
    waiting = {job.step: job for job in queue.all() if job.state in (JobState.QUEUED, JobState.RUNNING)}
    numbers = {name: job.id for name, job in waiting.items() if name is not None}
    queued: list[Job] = []
    for new in jobs_to_do(found, stale=stale, only=only):
        assert new.step is not None
        after = tuple(numbers[name] for name in needs[new.step] if name in numbers)
        old = waiting.get(new.step)
        if old is None:
            [job] = queue.add([replace(new, after=after)])
        elif old.state == JobState.QUEUED and (old.arguments, old.after) != (new.arguments, after):
            job = queue.revise(old.id, new.arguments, after)
        else:
            continue
        numbers[new.step] = job.id
        queued.append(job)
    return queued


def forget_ended(folder: Path, queue: Queue) -> tuple[list[Job], list[Job]]:
    """Forget jobs that have ended, with their files; returns those, and those kept because another waits."""
    for job in queue.all():
        up_to_date(folder, queue, job)
    gone, kept = queue.clear()
    for job in gone:
        for kind in ("jsonl", "log", "yaml", "lock", CONTROL):
            job.file(folder, kind).unlink(missing_ok=True)
    return gone, kept
