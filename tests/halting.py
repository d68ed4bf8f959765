"""Processes of the program that halt at a moment that the test names.

A halted process cannot end, on a machine of any speed, before the test has looked at it, sent it a signal or
killed it. A moment is ``"stage:done"``: the first progress of that stage that says so much or more is done.

    process = subprocess.Popen(command, env=halting(tmp_path, "convert:15", "convert:27"))
    wait_until_halted(process.pid)   # 15 frames are written
    resume(process.pid)              # it goes on, but not beyond the 27th
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

from facedouble.project.database import open_database
from facedouble.project.jobs import Job, Queue
from tests.waiting import wait_until

_VARIABLE = "FACEDOUBLE_TESTS_HALT_AT"
_SITE = f"""
import os, signal
from facedouble.run.events import Progress
from facedouble.run.run import Run

moments = [moment.rpartition(":")[::2] for moment in os.environ.get({_VARIABLE!r}, "").split()]
emit = Run.emit

def halting(self, event):
    emit(self, event)
    if moments and isinstance(event, Progress) and event.stage == moments[0][0]:
        if event.done >= float(moments[0][1]):
            del moments[0]
            os.kill(os.getpid(), signal.SIGSTOP)

Run.emit = halting
"""


def halting(folder: Path, *moments: str) -> dict[str, str]:
    """An environment in which the program, and what it starts, halts at ``moments``, one after the other.
    Writes a file into ``folder``, which holds nothing else that Python would import."""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("whether a process has halted is read from /proc")
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_SITE)
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), _VARIABLE: " ".join(moments)}


def wait_until_halted(pid: int) -> None:
    """Wait until every thread of a process has stopped. Fails if it has ended instead."""
    while (states := _states(pid)) != {"T"}:
        assert states - {"Z", "X"}, f"process {pid} ended before it halted"
        time.sleep(0.01)


def resume(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)


def halted_job(project: Path, title: str) -> Job:
    """The job of this title, once its process has halted."""

    def found() -> Job | None:
        with closing(open_database(project)) as database:
            return next((job for job in Queue(database).all() if job.title == title and job.pid), None)

    wait_until(lambda: found() is not None)
    job = found()
    assert job is not None
    assert job.pid is not None
    wait_until_halted(job.pid)
    return job


def is_signalled(pid: int) -> bool:
    """Whether a signal waits for a halted process to go on (SIGKILL does not wait)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("ShdPnd")).split()[1], 16) != 0


def _states(pid: int) -> set[str]:
    """The states of a process's threads (proc(5)); empty if it is gone."""
    found = set()
    for file in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            found.add(file.read_text().rpartition(")")[2].split()[0])
        except OSError:  # this thread has ended
            continue
    return found
