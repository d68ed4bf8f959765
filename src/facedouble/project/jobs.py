"""Jobs: commands that wait in a queue, run, and end, as rows of the project's database.

    queued ──► running ──► done
      ▲   │       ├──────► failed      the command ended with an error
      │   └──────►├──────► cancelled   stopped on request
      │           └──────► lost        its process is gone and nobody knows how it ended
      └── resume ─── (from failed, cancelled and lost)

Every change of state is one transaction that checks the state before, so that two processes never take the
same job. Files of a job (events, log, settings) lie in ``.facedouble/jobs``, named by its number.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from facedouble.errors import InputError, OutputError
from facedouble.json_data import parse_json
from facedouble.project.commands import shown
from facedouble.project.database import transaction
from facedouble.project.model import STATE

FOLDER = "jobs"
CONTROL = "control"
"""The kind of file by which a job is asked to pause or save, see :mod:`facedouble.run.control`."""


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.LOST)
RESUMABLE = (JobState.FAILED, JobState.CANCELLED, JobState.LOST)


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is: ``done`` of ``total`` units of a stage at the time ``at`` (seconds since 1970), and
    how many seconds of that stage are left, where that is known."""

    stage: str
    done: float
    total: float | None
    unit: str
    left: float | None
    at: float


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is asked for. ``arguments`` is the command line after the program's name, run in ``folder``
    (relative to the project, or absolute); ``after`` are jobs that must be done before; ``config`` is the
    text of a settings file; ``step`` the project's step that it does; ``again``: what is outdated is moved
    aside."""

    title: str
    arguments: tuple[str, ...]
    folder: str = "."
    after: tuple[int, ...] = ()
    config: str = ""
    step: str | None = None
    again: bool = False
    executor: str = "local"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is in the database; times in seconds since 1970. ``record`` is what is noted of its step
    when it is done: fingerprints of the inputs, and the settings that decide the result."""

    id: int
    position: float
    state: JobState
    title: str
    arguments: tuple[str, ...]
    folder: str
    after: tuple[int, ...]
    config: str
    step: str | None
    executor: str
    attempts: int
    created: float
    started: float | None
    ended: float | None
    stop_asked: float | None
    pid: int | None
    host: str | None
    exit_code: int | None
    error: str
    progress: JobProgress | None
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The command line as a person types it, in the job's folder."""
        config = ["--config", f"{STATE}/{FOLDER}/{self.id}.yaml"] if self.config else []
        return shown([*self.arguments, *config])

    def command(self, project: Path) -> list[str]:
        """What is run after the program's name: the arguments, and where its settings and events are."""
        config = ["--config", str(self.file(project, "yaml"))] if self.config else []
        control = ["--control", str(self.file(project, CONTROL))] if self.has_control else []
        return [*self.arguments, *config, "--events", str(self.file(project, "jsonl")), *control]

    @property
    def has_control(self) -> bool:
        """Whether it can be asked to pause and to save."""
        return self.arguments[:1] == ("train",)

    def file(self, project: Path, kind: str) -> Path:
        """Where its ``kind`` of file (``jsonl`` events, ``log``, ``yaml`` settings, ``lock``, ``control``)
        lies."""
        return project / STATE / FOLDER / f"{self.id}.{kind}"


class Queue:
    """The jobs of a project, in the order in which they run."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    # -- reading ---------------------------------------------------------------------------------

    def all(self) -> list[Job]:
        """Every job, in order. Raises ``InputError`` for a damaged row."""
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM job ORDER BY position, id")
        return [_job(row) for row in rows]

    def get(self, number: int) -> Job:
        """Job ``number``. Raises ``InputError`` where there is none."""
        row = self._database.execute(f"SELECT {_COLUMNS} FROM job WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise InputError(f"there is no job {number}; see: facedouble jobs")
        return _job(row)

    # -- what a person asks for ------------------------------------------------------------------

    def add(self, jobs: Iterable[NewJob]) -> list[Job]:
        """Put jobs at the end of the queue. A number below 0 in ``after`` counts back among ``jobs``: -1 is
        the one before."""
        numbers: list[int] = []
        with transaction(self._database):
            for new in jobs:
                after = [numbers[n] if n < 0 else n for n in new.after]
                row = self._database.execute(
                    _INSERT,
                    (
                        JobState.QUEUED,
                        new.title,
                        json.dumps(new.arguments),
                        new.folder,
                        json.dumps(after),
                        new.config,
                        new.step,
                        new.executor,
                        time.time(),
                        json.dumps({"again": new.again}),
                    ),
                )
                assert row.lastrowid is not None
                numbers.append(row.lastrowid)
        return [self.get(number) for number in numbers]

    def ask_to_stop(self, number: int) -> Job:
        """Cancel a queued job, or ask whoever runs it to stop it. Raises ``OutputError`` if it has ended."""
        now = time.time()
        with transaction(self._database):
            job = self.get(number)
            if job.state in ENDED:
                raise OutputError(f"job {number} has ended already ({job.state})")
            if job.state == JobState.QUEUED:
                self._set(number, state=JobState.CANCELLED, ended=now, error="")
            elif job.stop_asked is None:
                self._set(number, stop_asked=now)
        return self.get(number)

    def resume(self, number: int) -> Job:
        """Queue a job again that failed, was cancelled or got lost. Raises ``OutputError`` for another."""
        with transaction(self._database):
            job = self.get(number)
            if job.state not in RESUMABLE:
                raise OutputError(
                    f"job {number} is {job.state}; only what failed, was stopped or got lost is resumed"
                )
            cleared: dict[str, Any] = dict.fromkeys(
                ("started", "ended", "stop_asked", "pid", "host", "exit_code")
            )
            self._set(number, state=JobState.QUEUED, error="", **cleared)
        return self.get(number)

    def revise(self, number: int, arguments: Sequence[str], after: Sequence[int]) -> Job:
        """Change what a queued job does and waits for. Raises ``OutputError`` if it is no longer queued."""
        with transaction(self._database):
            job = self.get(number)
            if job.state != JobState.QUEUED:
                raise OutputError(f"job {number} is {job.state}; only a queued one can be changed")
            self._set(number, arguments=json.dumps(list(arguments)), after=json.dumps(list(after)))
        return self.get(number)

    def move(self, number: int, *, before: int | None = None) -> None:
        """Put a queued job before another one, or at the end. Raises ``OutputError`` if it is not queued."""
        with transaction(self._database):
            job = self.get(number)
            if job.state != JobState.QUEUED:
                raise OutputError(f"job {number} is {job.state}; only a queued one can be moved")
            order = [other.id for other in self.all() if other.id != number]
            if before is not None and before not in order:
                raise InputError(f"there is no other job {before}; see: facedouble jobs")
            order.insert(len(order) if before is None else order.index(before), number)
            self._database.executemany(
                "UPDATE job SET position = ? WHERE id = ?", list(enumerate(order, start=1))
            )

    def clear(self) -> tuple[list[Job], list[Job]]:
        """Forget jobs that have ended; returns those, and those kept because another waits for them."""
        with transaction(self._database):
            jobs = self.all()
            needed = {n for job in jobs if job.state not in ENDED for n in job.after}
            ended = [job for job in jobs if job.state in ENDED]
            kept = [job for job in ended if job.id in needed and job.state != JobState.DONE]
            gone = [job for job in ended if job not in kept]
            self._database.executemany("DELETE FROM job WHERE id = ?", [(job.id,) for job in gone])
        return gone, kept

    # -- what an executor does -------------------------------------------------------------------

    def claim(self, executor: str) -> Job | None:
        """Take the first job that can run now: it is ``running`` afterwards, and this caller's alone."""
        with transaction(self._database):
            job = self.ready(executor)
            if job is None:
                return None
            self._set(
                job.id,
                state=JobState.RUNNING,
                started=time.time(),
                attempts=job.attempts + 1,
                host=socket.gethostname(),
                progress="",
            )
            return self.get(job.id)

    def ready(self, executor: str) -> Job | None:
        """The first queued job of an executor that waits for no other."""
        jobs = self.all()
        states = {job.id: job.state for job in jobs}
        for job in jobs:
            waits = any(states.get(n, JobState.DONE) != JobState.DONE for n in job.after)
            if job.state == JobState.QUEUED and job.executor == executor and not waits:
                return job
        return None

    def note(self, number: int, **values: Any) -> None:
        """Note ``pid``, ``progress`` or ``record`` of a running job."""
        plain = {name: _plain(value) for name, value in values.items()}
        with transaction(self._database):
            self._set(number, **plain)

    def end(self, number: int, state: JobState, exit_code: int | None = None, error: str = "") -> bool:
        """A running job has ended; false if somebody else said so before."""
        with transaction(self._database):
            if self.get(number).state != JobState.RUNNING:
                return False
            self._set(number, state=state, ended=time.time(), exit_code=exit_code, error=error)
        return True

    def _set(self, number: int, **values: Any) -> None:
        assert values.keys() <= _NAMES
        columns = ", ".join(f"{name} = ?" for name in values)
        self._database.execute(f"UPDATE job SET {columns} WHERE id = ?", (*values.values(), number))


_FIELDS = (
    "id", "position", "state", "title", "arguments", "folder", "after", "config", "step", "executor",
    "attempts", "created", "started", "ended", "stop_asked", "pid", "host", "exit_code", "error", "progress",
    "record",
)  # fmt: skip
_INSERT = """
INSERT INTO job (position, state, title, arguments, folder, after, config, step, executor, created, record,
                 attempts, error, progress)
VALUES ((SELECT COALESCE(MAX(position), 0) + 1 FROM job), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', '')
"""
_NAMES = frozenset(_FIELDS)
_COLUMNS = ", ".join(_FIELDS)


def _plain(value: Any) -> Any:
    if isinstance(value, JobProgress):
        return json.dumps(asdict(value))
    return json.dumps(value) if isinstance(value, Mapping) else value


def _job(row: Sequence[Any]) -> Job:
    """A row as a job. It comes from a file that may have been handed on, so all of it is checked."""
    values = dict(zip(_FIELDS, row, strict=True))
    try:
        for name, kind in _KINDS.items():
            if not isinstance(values[name], kind):
                raise ValueError(f"{name} is {values[name]!r:.40}")
        values["state"] = JobState(values["state"])
        values["arguments"] = _list_of(str, values["arguments"])
        values["after"] = _list_of(int, values["after"])
        values["progress"] = _progress(values["progress"])
        values["record"] = parse_json(values["record"])
        if not isinstance(values["record"], dict):
            raise ValueError("its record is no object")
        return Job(**values)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"job {values['id']!r:.20} of the project is damaged ({error})") from error


_NUMBER, _MAYBE, _COUNT = (int, float), (int, float, type(None)), (int, type(None))
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("id", "attempts"), int),
    **dict.fromkeys(("position", "created"), _NUMBER),
    **dict.fromkeys(("started", "ended", "stop_asked"), _MAYBE),
    **dict.fromkeys(("pid", "exit_code"), _COUNT),
    **dict.fromkeys(("state", "title", "arguments", "folder", "after", "config", "executor", "error"), str),
    **dict.fromkeys(("progress", "record"), str),
    **dict.fromkeys(("step", "host"), (str, type(None))),
}


def _list_of(kind: type[Any], text: str) -> tuple[Any, ...]:
    found = parse_json(text)
    if not isinstance(found, list) or not all(type(entry) is kind for entry in found):
        raise ValueError(f"{text!r:.40} is no list of {kind.__name__}")
    return tuple(found)


def _progress(text: str) -> JobProgress | None:
    if not text:
        return None
    values = parse_json(text)
    numbers = [values[name] for name in ("done", "at")]
    numbers += [values[name] for name in ("total", "left") if values[name] is not None]
    texts = [values["stage"], values["unit"]]
    if not all(type(n) in (int, float) for n in numbers) or not all(type(t) is str for t in texts):
        raise ValueError("its progress is not of numbers")
    return JobProgress(**values)
