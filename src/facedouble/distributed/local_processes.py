"""Parts in processes of their own on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import IO, Self

from facedouble.distributed.executor import Attempt, Outcome
from facedouble.errors import SettingsError

_POLL = 0.05
_LAST_BYTES = 4000


class LocalProcesses:
    """``local:N``: N processes at a time, as many as there are cores without a number."""

    def __init__(self, where: str) -> None:
        if where and not (where.isdecimal() and int(where) > 0):
            raise SettingsError(f"{where!r:.40} is no number of processes; write local, or local:2")
        self._count = int(where) if where else os.cpu_count() or 1
        self._cpus = max(1, (os.cpu_count() or 1) // self._count)
        self._running: dict[Attempt, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for attempt in list(self._running):
            self.cancel(attempt)

    def room(self) -> int:
        return self._count - len(self._running)

    def start(self, plan: Path, stage: str, part: int, avoid: Collection[str]) -> Attempt:
        self._number += 1
        attempt = Attempt(self._number, stage, part)
        command = [sys.executable, "-m", "facedouble", "work", str(plan), "--stage", stage]
        command += ["--part", str(part), "--cpus", str(self._cpus)]
        errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the attempt)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        )
        self._running[attempt] = process, errors
        return attempt

    def finished(self, seconds: float) -> Sequence[Outcome]:
        until = time.monotonic() + seconds
        while True:
            ended = [attempt for attempt, (process, _) in self._running.items() if process.poll() is not None]
            if ended or time.monotonic() >= until:
                return [self._outcome(attempt) for attempt in ended]
            time.sleep(_POLL)

    def cancel(self, attempt: Attempt) -> None:
        process, errors = self._running.pop(attempt, (None, None))
        if process is not None and errors is not None:
            process.kill()
            process.wait()
            errors.close()

    def _outcome(self, attempt: Attempt) -> Outcome:
        process, errors = self._running.pop(attempt)
        with errors:
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - _LAST_BYTES))
            lines = errors.read().decode(errors="replace").splitlines()
        node = socket.gethostname()
        if process.returncode == 0:
            return Outcome(attempt, node)
        if process.returncode < 0:
            return Outcome(attempt, node, f"it was killed by signal {-process.returncode}", lost=True)
        said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        return Outcome(attempt, node, said[-1] if said else f"it ended with {process.returncode}")
