"""Jobs on this machine: a runner, detached from the terminal, that takes them one after the other."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from facedouble.errors import BusyError, OutputError
from facedouble.files import is_locked
from facedouble.project.database import open_database
from facedouble.project.file import state_folder
from facedouble.project.foreground import alone
from facedouble.project.jobs import Job, JobState, Queue

LOG = "runner.log"


class LocalExecutor:
    """Starts a runner where none is at work (:mod:`facedouble.project.runner`)."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._started = False

    def submit(self, job: Job) -> None:
        """See to it that a runner is at work; a second one ends by itself. Raises ``OutputError``."""
        if self._started:
            return
        self._started = True
        command = [sys.executable, "-m", "facedouble.project.runner", str(self._project)]
        try:
            with (state_folder(self._project) / LOG).open("ab") as log:
                subprocess.Popen(
                    command,
                    cwd=self._project,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    **_DETACHED,
                )
        except OSError as error:
            raise OutputError(f"no runner can be started ({error})") from error

    def state(self, job: Job) -> JobState:
        """What has become of ``job``: running, as long as its process is there or a runner sees to it."""
        here = job.state == JobState.RUNNING and job.host == socket.gethostname()
        if not here or process_lives(self._project, job):
            return job.state
        try:
            with alone(self._project), closing(open_database(self._project)) as database:
                if not process_lives(self._project, job):
                    Queue(database).end(job.id, JobState.LOST, error="its process is gone")
                return Queue(database).get(job.id).state
        except BusyError:
            return job.state

    def stop(self, job: Job) -> None:
        """Cancel ``job``, or have its runner stop it. Raises ``OutputError`` for one that has ended."""
        with closing(open_database(self._project)) as database:
            stopping = Queue(database).ask_to_stop(job.id)
        if stopping.state == JobState.RUNNING:
            self.submit(stopping)  # where its runner was killed, another takes care of it


def process_lives(project: Path, job: Job) -> bool:
    """Whether the process of a running job, or one that it has started, is there: they hold its lock."""
    try:
        return is_locked(job.file(project, "lock"))
    except OSError:
        return False


_DETACHED: dict[str, Any] = (
    {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    if sys.platform == "win32"
    else {"start_new_session": True}
)
