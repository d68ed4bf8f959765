"""Tasks done one after the other, each within its limit of time, and written down after each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from benchmarks.gpu.context import Context
from facedouble.device import release_memory
from facedouble.files import write_whole

RESULTS = "results.json"
BROKEN = 75  # exit code: the device answers no more in this process
_GRACE = 20.0  # seconds after its limit in which a task can end by itself
_MOST_STARTS = 8


@dataclass(frozen=True, slots=True)
class Task:
    """``work`` takes ``least`` seconds or it is not worth beginning, and is ended after ``most``. It may use
    what is left of the run but for ``spare`` seconds, which later tasks need."""

    name: str
    work: Callable[[Context], dict[str, Any]]
    least: float
    most: float
    spare: float = 0.0


class OutOfTimeError(Exception):
    """A task took longer than its limit."""


class Record:
    """What ``results.json`` says: facts, and for each task how it went. A copy in ``work`` serves where
    ``folder`` was emptied since."""

    def __init__(self, folder: Path, work: Path | None = None) -> None:
        self.paths = [path / RESULTS for path in (folder, work) if path is not None]
        there = [path for path in self.paths if path.is_file()]
        self.values: dict[str, Any] = {"tasks": {}}
        if there:
            self.values = json.loads(there[0].read_text(encoding="utf-8"))

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        tasks: dict[str, dict[str, Any]] = self.values["tasks"]
        return tasks

    def write(self) -> None:
        """Write it whole."""
        for path in self.paths:
            write_whole(path, json.dumps(self.values, indent=1, default=str).encode())

    def finished(self, name: str) -> bool:
        """Whether a task needs no further try."""
        return name in self.tasks and self.tasks[name]["status"] != "no time"

    def close_running(self, why: str) -> None:
        """Say of a task that was running what ended it."""
        for entry in self.tasks.values():
            if entry["status"] == "running":
                entry |= {"status": "failed", "error": why}
        self.write()


def run(tasks: Sequence[Task], context: Context, record: Record) -> int:
    """Do what is not done yet. Returns an exit code: 0, or :data:`BROKEN`."""
    for task in tasks:
        if record.finished(task.name):
            continue
        limit = min(task.most, context.left() - task.spare)
        if limit < task.least:
            record.tasks[task.name] = {"status": "no time", "left": round(context.left())}
            record.write()
            continue
        start = time.monotonic()
        entry: dict[str, Any] = {"status": "running", "limit": round(limit), "ends": time.time() + limit}
        record.tasks[task.name] = entry
        record.write()
        say(f"{task.name} … (at most {limit:.0f} s of {context.left():.0f})")
        try:
            with alarm(limit):
                entry["result"] = task.work(context)
            entry["status"] = "done"
        except Exception as error:  # noqa: BLE001  (recorded with its trace; the other tasks follow)
            entry |= {"status": "failed", "error": f"{type(error).__name__}: {error}"[:2000]}
            entry["trace"] = traceback.format_exc()[-6000:]
        entry["seconds"] = round(time.monotonic() - start, 1)
        record.write()
        say(f"{task.name}: {entry['status']}, {entry['seconds']} s {entry.get('error', '')[:300]}")
        if entry["status"] == "failed" and not works(context.device):
            return BROKEN
    return 0


def works(device: torch.device) -> bool:
    """Whether the device still calculates in this process; after some errors CUDA does not."""
    try:
        release_memory(device)
        return float(torch.ones(4, device=device).sum()) == 4
    except RuntimeError:
        return False


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raises ``OutOfTimeError`` in the code below after so many seconds, where signals are known."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise OutOfTimeError(f"it took longer than {seconds:.0f} s")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def supervise(arguments: Sequence[str], folder: Path, work: Path, until: float) -> int:
    """Run the worker with these arguments in a process of its own; again, where it crashed or hangs, until
    everything is done or it is ``until`` (of ``time.time``)."""
    code = 0
    for _ in range(_MOST_STARTS):
        worker = subprocess.Popen([sys.executable, "-m", "benchmarks.gpu", *arguments], env=dict(os.environ))
        while True:
            try:
                code = worker.wait(timeout=2)
                break
            except subprocess.TimeoutExpired:
                if _overdue(Record(folder)) or time.time() > until + _GRACE:
                    worker.kill()
                    code = worker.wait()
        record = Record(folder, work)
        record.close_running("it hung, and was ended" if code < 0 else f"the process ended with code {code}")
        if code == 0 or time.time() > until:
            break
    return 0 if code in (0, BROKEN) else code


def _overdue(record: Record) -> bool:
    running = [entry for entry in record.tasks.values() if entry["status"] == "running"]
    return any(time.time() > entry["ends"] + _GRACE for entry in running)


def say(text: str) -> None:
    """A line of the log."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
