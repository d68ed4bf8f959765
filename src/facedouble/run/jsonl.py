"""Events as JSON lines, for programs that follow a run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from facedouble.errors import InputError, OutputError
from facedouble.json_data import parse_json
from facedouble.run.events import Event, Json, from_json, to_json


class EventLog:
    """A subscriber that adds each event to the end of a file, as one line that is flushed at once.

    Each line is an object: ``time`` (seconds since 1970), ``run`` (which run it is of), ``event`` (its kind)
    and the event's fields. A file that is there already is continued, so a resumed job keeps its history.
    Raises ``OutputError`` when the file cannot be opened, ``OSError`` when a line cannot be written.
    """

    def __init__(self, path: Path, run: str = "", now: Callable[[], float] = time.time) -> None:
        self._path, self._run, self._now = path, run, now
        try:
            self._file: TextIO = path.open("a", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise OutputError(f"{path}: events cannot be written ({error.strerror})") from error

    def __call__(self, event: Event) -> None:
        line = {"time": round(self._now(), 3), "run": self._run, **to_json(event)}
        self._file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_events(path: Path) -> Iterator[Event]:
    """The events of a file that :class:`EventLog` wrote. A last line that is not whole yet is left out.

    Raises ``InputError`` for a line that is no event.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith("\n"):
                return
            try:
                data: Json = parse_json(line)
                event = from_json(data)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path}, line {number}: not JSON ({error})") from error
            except InputError as error:
                raise InputError(f"{path}, line {number}: {error}") from error
            yield event
