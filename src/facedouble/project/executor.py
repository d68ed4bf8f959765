"""What it takes to run a project's jobs somewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from facedouble.project.jobs import Job, JobState


class Executor(Protocol):
    """Runs the queued jobs of one project that name it, in their order, and outlives who asked.

    Made with the project's folder. It takes jobs with ``Queue.claim``, runs ``facedouble`` with
    ``Job.command`` in their folder, notes their progress, and says with ``Queue.end`` how they ended. It
    never runs a job twice at a time. To add one: a class of this form, and a line in ``registry.py``.
    """

    def __init__(self, project: Path) -> None: ...

    def submit(self, job: Job) -> None:
        """See to it that ``job``, which is queued, will be run."""

    def state(self, job: Job) -> JobState:
        """What has become of ``job``. One whose process is gone is ``lost``, and noted as such."""

    def stop(self, job: Job) -> None:
        """Stop ``job`` in a way that it can be resumed; returns at once."""
