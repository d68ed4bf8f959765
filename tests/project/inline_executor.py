"""The smallest executor: it runs a job at once, in the process that submits it."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

from facedouble.project.commands import PROGRAM
from facedouble.project.database import open_database
from facedouble.project.jobs import FOLDER, Job, JobState, Queue


class InlineExecutor:
    def __init__(self, project: Path) -> None:
        self._project = project

    def submit(self, job: Job) -> None:
        (self._project / ".facedouble" / FOLDER).mkdir(exist_ok=True)
        with closing(open_database(self._project)) as database:
            queue = Queue(database)
            while (claimed := queue.claim("inline")) is not None:
                command = [*PROGRAM, *claimed.command(self._project)]
                code = subprocess.run(command, cwd=self._project / claimed.folder, check=False).returncode
                queue.end(claimed.id, JobState.DONE if code == 0 else JobState.FAILED, code)

    def state(self, job: Job) -> JobState:
        with closing(open_database(self._project)) as database:
            return Queue(database).get(job.id).state

    def stop(self, job: Job) -> None:
        with closing(open_database(self._project)) as database:
            Queue(database).ask_to_stop(job.id)
