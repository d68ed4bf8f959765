"""What was done to a faceset, step by step, so that it can be undone: after days, and by another studio.

A step is written down before it is done. Doing it again changes nothing, so one that was cut short by a kill
is finished by the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from facedouble.files import read_regular, write_whole
from facedouble.json_data import parse_json

Action = Literal["drop", "restore"]
Key = tuple[int, int]
_MOST_BYTES = 1 << 28


class Step(BaseModel):
    """What was done to which faces, by the numbers of frame and face."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action
    faces: tuple[Key, ...]


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    steps: list[Step] = []
    done: int = 0


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal in a file; one that is damaged counts as empty."""

    path: Path

    def counts(self) -> tuple[int, int]:
        """How many steps can be undone, and done again."""
        content = self._read()
        return content.done, len(content.steps) - content.done

    def add(self, step: Step) -> None:
        """Write down a step that is about to be done; what was undone before is forgotten."""
        content = self._read()
        self._write(_Content(steps=[*content.steps[: content.done], step], done=content.done + 1))

    def last(self) -> Step | None:
        """The step that would be undone next."""
        content = self._read()
        return content.steps[content.done - 1] if content.done else None

    def next(self) -> Step | None:
        """The step that would be done again next."""
        content = self._read()
        return content.steps[content.done] if content.done < len(content.steps) else None

    def move(self, by: int) -> None:
        """Note that a step was undone (-1) or done again (1)."""
        content = self._read()
        done = min(max(0, content.done + by), len(content.steps))
        self._write(_Content(steps=content.steps, done=done))

    def _read(self) -> _Content:
        try:
            content = _Content.model_validate(parse_json(read_regular(self.path, _MOST_BYTES)))
        except (OSError, ValueError, ValidationError, RecursionError):
            return _Content()
        content.done = min(max(0, content.done), len(content.steps))
        return content

    def _write(self, content: _Content) -> None:
        self.path.parent.mkdir(exist_ok=True)
        write_whole(self.path, content.model_dump_json().encode(), durable=True)
