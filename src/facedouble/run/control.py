"""Asking a run that is at work to pause, or to save what it has: by a small file that it looks at.

    {"pause": true, "save": 2}

``save`` counts how often a save was asked for. Any process may write the file; one that is missing or damaged
asks for nothing.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from facedouble.errors import OutputError
from facedouble.files import read_regular, write_whole
from facedouble.json_data import parse_json

_LOOK = 0.3  # seconds between looks
_MOST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for."""

    pause: bool = False
    save: int = 0


def read_asked(path: Path) -> Asked:
    """What a file asks for; nothing where it is missing or damaged."""
    try:
        found = parse_json(read_regular(path, _MOST_BYTES))
        pause, save = found["pause"], found["save"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return Asked()
    if not isinstance(pause, bool) or type(save) is not int:
        return Asked()
    return Asked(pause, save)


def write_asked(path: Path, asked: Asked) -> None:
    """Raises ``OutputError``."""
    try:
        write_whole(path, json.dumps({"pause": asked.pause, "save": asked.save}).encode())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


class Control:
    """Looks at the file ``path`` for one run, not more often than is needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._asked = read_asked(path)
        self._saved = self._asked.save
        self._looked = time.monotonic()

    @property
    def paused(self) -> bool:
        """Whether the run is to wait."""
        return self._look().pause

    def take_save(self) -> bool:
        """Whether a save was asked for since this was asked last."""
        asked = self._look()
        wanted = asked.save > self._saved
        self._saved = max(self._saved, asked.save)
        return wanted

    def _look(self) -> Asked:
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            self._asked, self._looked = read_asked(self._path), now
        return self._asked
