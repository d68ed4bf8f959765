"""The runner of a project: ``python -m facedouble.project.runner FOLDER``.

It takes the queued jobs one by one, runs each as an ordinary command in a process group of its own, and ends
when nothing is left that could run. Killed, it leaves the command at work; the next runner waits for that one
and reads from its events how it ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from facedouble.errors import BusyError, FacedoubleError, OutputError
from facedouble.files import lock_for_child, write_whole
from facedouble.project.commands import PROGRAM
from facedouble.project.database import open_database
from facedouble.project.ending import succeeded, was_stopped
from facedouble.project.file import state_folder
from facedouble.project.follow import Follower
from facedouble.project.foreground import alone
from facedouble.project.jobs import CONTROL, FOLDER, Job, JobState, Queue
from facedouble.project.local import process_lives
from facedouble.project.step_jobs import begin_step, finish_step
from facedouble.run.events import Failed, Finished

_POLL = 0.1  # seconds
_NOTE = 1.0  # seconds between notes of progress
_PATIENCE = 3.0  # seconds to wait for a runner that is about to end
_GRACE = 30.0  # seconds from one signal to the next, harder one
_SIGNALS = ("SIGINT", "SIGTERM", "SIGKILL")
_TAIL = 1 << 14


def main(project: Path) -> None:
    """Run what is queued until nothing is left; return at once where another runner is at work."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with alone(project), closing(open_database(project)) as database:
                Runner(project, database).run()
        except BusyError:
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL)
            continue
        # Something may have been queued by somebody who saw this runner and trusted in it.
        with closing(open_database(project)) as database:
            if not Queue(database).ready("local"):
                return


@dataclass(slots=True)
class Runner:
    """Runs the jobs of ``project``, of which it is the only runner."""

    project: Path
    database: Connection

    @property
    def queue(self) -> Queue:
        return Queue(self.database)

    def run(self) -> None:
        """Wait for what an earlier runner left at work, then run what is queued."""
        (state_folder(self.project) / FOLDER).mkdir(exist_ok=True)
        for job in self.queue.all():
            if (job.state, job.executor, job.host) == (JobState.RUNNING, "local", socket.gethostname()):
                self._adopt(job)
        while (claimed := self.queue.claim("local")) is not None:
            try:
                self._do(claimed)
            except (FacedoubleError, OSError) as error:
                self.queue.end(claimed.id, JobState.FAILED, error=" ".join(str(error).split()))

    def _do(self, job: Job) -> None:
        begin_step(self.project, job, self.database)
        events, log = job.file(self.project, "jsonl"), job.file(self.project, "log")
        start = events.stat().st_size if events.exists() else 0
        self.queue.note(job.id, record={**self.queue.get(job.id).record, "events": start})
        follower = Follower(events, start)
        if job.config:
            write_whole(job.file(self.project, "yaml"), job.config.encode())
        job.file(self.project, CONTROL).unlink(missing_ok=True)  # what was asked of an earlier run
        lock = lock_for_child(job.file(self.project, "lock"))
        try:
            with log.open("ab") as output:
                output.write(f"$ {job.line}\n".encode())
                output.flush()
                process = subprocess.Popen(
                    [*PROGRAM, *job.command(self.project)],
                    cwd=self.project / job.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(lock,) if os.name == "posix" else (),
                    start_new_session=True,
                )
        finally:
            os.close(lock)
        self.queue.note(job.id, pid=process.pid)
        self._watch(job.id, process.pid, follower, lambda: process.poll() is None)
        self._conclude(job.id, follower, process.wait())

    def _adopt(self, job: Job) -> None:
        """See a job to its end whose runner was killed."""
        follower = Follower(job.file(self.project, "jsonl"), start=int(job.record.get("events", 0)))
        self._watch(job.id, job.pid, follower, lambda: process_lives(self.project, job))
        self._conclude(job.id, follower, None)

    def _watch(self, number: int, pid: int | None, follower: Follower, lives: Callable[[], bool]) -> None:
        """Note progress and pass on requests to stop until the process is gone."""
        signals = list(_SIGNALS)
        noted = signalled = -_GRACE
        news = False
        while lives():
            time.sleep(_POLL)
            now = time.monotonic()
            news = follower.read() or news
            if news and now - noted >= _NOTE:
                noted, news = now, False
                self._note_progress(number, follower)
            asked = self.queue.get(number).stop_asked is not None
            if asked and pid is not None and signals and now - signalled >= _GRACE:
                signalled = now
                _send(pid, signals.pop(0))
        follower.read()
        self._note_progress(number, follower)

    def _note_progress(self, number: int, follower: Follower) -> None:
        if follower.progress is not None:
            with contextlib.suppress(OutputError):  # a full disk is the job's to report
                self.queue.note(number, progress=follower.progress)

    def _conclude(self, number: int, follower: Follower, code: int | None) -> None:
        """Say how a job ended: from its exit code, or from its events where nobody was there to get that."""
        job = self.queue.get(number)
        ending = follower.ending
        unsaid = job.stop_asked is not None and not isinstance(ending, Finished)  # perhaps it was killed
        if succeeded(code, ending):
            finish_step(job, self.database)
            self.queue.end(number, JobState.DONE, code)
        elif unsaid or was_stopped(code, ending):
            self.queue.end(number, JobState.CANCELLED, code)
        elif code is not None:
            error = self._last_error(job) or _in_words(code)
            self.queue.end(number, JobState.FAILED, code, error)
        elif isinstance(ending, Failed):
            self.queue.end(number, JobState.FAILED, error=" ".join(ending.text.split()))
        else:
            self.queue.end(number, JobState.LOST, error="its process is gone")

    def _last_error(self, job: Job) -> str:
        """The line by which the program said what was wrong."""
        with contextlib.suppress(OSError), job.file(self.project, "log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL))
            lines = log.read().decode("utf-8", "replace").splitlines()
            return next((line[7:] for line in reversed(lines) if line.startswith("error: ")), "")
        return ""


def _in_words(code: int) -> str:
    return f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _send(pid: int, name: str) -> None:
    """Send a signal to the process group of ``pid``, as a terminal does."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, getattr(signal, name))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
