"""Following a job by the events that it writes: how far it is, how long it will take, and how it ended."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

from facedouble.errors import InputError
from facedouble.json_data import parse_json
from facedouble.project.jobs import JobProgress
from facedouble.run.events import (
    Event,
    Failed,
    Finished,
    Progress,
    StageStarted,
    Stopped,
    from_json,
)

_WINDOW = 60.0  # seconds over which speed is measured
_SHORTEST = 1.0  # seconds after which speed says anything
_MOST_BYTES = 1 << 22


class Follower:
    """Reads what was added to an events file since the last time, from ``start`` (bytes) on.

    ``progress`` is the latest, ``ending`` the event by which the run ended, once it has.
    """

    def __init__(self, path: Path, start: int = 0) -> None:
        self._path = path
        self._position = start
        self._samples: deque[tuple[float, float]] = deque()
        self.progress: JobProgress | None = None
        self.ending: Finished | Failed | Stopped | None = None

    def read(self) -> bool:
        """Take in what is new; whether there was anything."""
        found = False
        for at, event in self._new():
            found = True
            match event:
                case StageStarted():
                    self._samples.clear()
                    self.progress = JobProgress(event.stage, 0.0, event.total, event.unit, None, at)
                case Progress():
                    if self.progress is None or self.progress.stage != event.stage:
                        self._samples.clear()
                    self._samples.append((at, event.done))
                    while len(self._samples) > 2 and at - self._samples[0][0] > _WINDOW:
                        self._samples.popleft()
                    left = self._left(event.total)
                    self.progress = JobProgress(event.stage, event.done, event.total, event.unit, left, at)
                case Finished() | Failed() | Stopped():
                    self.ending = event
                case _:
                    pass
        return found

    def _left(self, total: float | None) -> float | None:
        """Seconds to go at the speed of the last minute, where both are known."""
        (since, before), (now, done) = self._samples[0], self._samples[-1]
        if total is None or now - since < _SHORTEST or done <= before:
            return None
        return max(0.0, (total - done) * (now - since) / (done - before))

    def _new(self) -> list[tuple[float, Event]]:
        """Whole lines, each with its time."""
        found, self._position = read_events(self._path, self._position)
        return found


def read_events(path: Path, position: int) -> tuple[list[tuple[float, Event]], int]:
    """The events in whole lines of a file from ``position`` (bytes) on, with their times, at most some
    megabytes; and where they end. A line that is no event is passed over, as this only shows."""
    try:
        with path.open("rb") as file:
            file.seek(position)
            data = file.read(_MOST_BYTES)
    except OSError:
        return [], position
    whole = data[: data.rfind(b"\n") + 1]
    found = []
    for line in whole.splitlines():
        try:
            content = parse_json(line)
            event = from_json(content)
            at = float(content.get("time", time.time()))
        except (ValueError, TypeError, RecursionError, InputError):
            continue
        found.append((at, event))
    return found, position + len(whole)
