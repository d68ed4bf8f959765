"""Requests to a running operation, to pause or to save, by a small file that it polls.

    {"pause": true, "save": 2}

``save`` counts the requests to save. Any process may write the file; a missing or damaged file requests
nothing.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from facedouble.errors import OutputError
from facedouble.files import read_regular, write_whole
from facedouble.json_data import parse_json

_POLL = 0.3  # seconds between two reads
_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """What the file requests: to ``pause`` until further notice, and how many saves so far."""

    pause: bool = False
    save: int = 0


def read_request(path: Path) -> ControlRequest:
    """The request in the file ``path``; nothing if it is missing or damaged."""
    try:
        found = parse_json(read_regular(path, _MAX_BYTES))
        pause, save = found["pause"], found["save"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ControlRequest()
    if not isinstance(pause, bool) or type(save) is not int:
        return ControlRequest()
    return ControlRequest(pause, save)


def write_request(path: Path, request: ControlRequest) -> None:
    """Replace the file ``path``. Raises ``OutputError``."""
    try:
        write_whole(path, json.dumps({"pause": request.pause, "save": request.save}).encode())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


class Control:
    """Polls the file ``path`` for one run. Saves that were requested before it are not its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._request = read_request(path)
        self._saved = self._request.save
        self._read_at = time.monotonic()

    @property
    def paused(self) -> bool:
        """Whether the run should pause."""
        return self._poll().pause

    def take_save(self) -> bool:
        """Whether a save was requested since the last call."""
        request = self._poll()
        requested = request.save > self._saved
        self._saved = max(self._saved, request.save)
        return requested

    def _poll(self) -> ControlRequest:
        now = time.monotonic()
        if now - self._read_at >= _POLL:
            self._request, self._read_at = read_request(self._path), now
        return self._request
