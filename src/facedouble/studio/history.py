"""What was done to a faceset, step by step, so that it can be undone: after days, and by another studio.

A file of lines of JSON that only ever grows: a step, its undoing, its redoing. Each is written down before it
is done and marked when it is done, so one that was cut short by a kill is known, and finished by the next
studio. A line that cannot be read is never passed over in silence: what was done before it cannot be undone
any more, and :attr:`History.problem` says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from facedouble.errors import InputError, OutputError
from facedouble.files import append_regular, open_regular, sync
from facedouble.json_data import parse_json

_LONGEST = 1 << 28  # bytes of a line

DO, UNDO, REDO, DONE = "do", "undo", "redo", "done"


class Step(BaseModel):
    """What a history keeps; subclasses say what was done."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


AnyStep = TypeVar("AnyStep", bound=Step)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a step lies in the file."""

    start: int
    length: int


@dataclass(slots=True)
class _Known:
    """What the file says up to ``end``: its steps, how many of them are done, and what is not finished."""

    end: int = 0
    line: int = 0
    steps: list[_Place] = field(default_factory=list)
    done: int = 0
    pending: tuple[str, int] | None = None
    problem: str | None = None
    is_cut: bool = False


class History(Generic[AnyStep]):
    """The history in the file ``path``, of steps of ``kind``. One thread at a time; another process may add
    to it as well."""

    def __init__(self, path: Path, kind: type[AnyStep]) -> None:
        self.path, self._kind = path, kind
        self._known = _Known()

    # -- reading -----------------------------------------------------------------------------------

    def counts(self) -> tuple[int, int]:
        """How many steps can be undone, and done again."""
        known = self._read()
        return known.done, len(known.steps) - known.done

    @property
    def problem(self) -> str | None:
        """What is wrong with the file, in a line; ``None`` where nothing is."""
        known = self._read()
        if known.is_cut and known.problem is None:
            return (
                f"the last line of the undo history ({self.path.name}) is cut short: that step is not in it"
            )
        return known.problem

    def last(self) -> AnyStep | None:
        """The step that would be undone next."""
        known = self._read()
        return self._step(known.steps[known.done - 1]) if known.done else None

    def next(self) -> AnyStep | None:
        """The step that would be done again next."""
        known = self._read()
        return self._step(known.steps[known.done]) if known.done < len(known.steps) else None

    def unfinished(self) -> tuple[AnyStep, bool] | None:
        """A step that was written down and not marked as done, and whether it was to be done (or undone)."""
        known = self._read()
        if known.pending is None:
            return None
        what, place = known.pending
        return self._step(known.steps[place]), what != UNDO

    # -- writing -----------------------------------------------------------------------------------

    def add(self, step: AnyStep) -> None:
        """Write down a step that is about to be done; what was undone before is forgotten."""
        self._append({"op": DO, "step": step.model_dump(mode="json")})

    def undo(self) -> None:
        """Write down that the last step is about to be undone."""
        self._append({"op": UNDO})

    def redo(self) -> None:
        """Write down that the next step is about to be done again."""
        self._append({"op": REDO})

    def mark_done(self) -> None:
        """What was written down last is done."""
        self._append({"op": DONE}, durable=False)

    def _append(self, entry: dict[str, Any], *, durable: bool = True) -> None:
        known = self._read()
        data = json.dumps(entry, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        try:
            self.path.parent.mkdir(exist_ok=True)
            with append_regular(self.path) as file:
                file.truncate(known.end)  # without a line that was cut short
                file.write(data)
                file.flush()
                if durable:
                    sync(file.fileno())
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from error

    # -- the file ----------------------------------------------------------------------------------

    def _read(self) -> _Known:
        """What the file says now; only what is new in it is read."""
        try:
            size = self.path.stat().st_size
        except OSError:
            self._known = _Known()
            return self._known
        if size < self._known.end:
            self._known = _Known()  # another file
        known = self._known
        if size == known.end:
            known.is_cut = False
            return known
        try:
            with open_regular(self.path) as file:
                file.seek(known.end)
                while (line := file.readline(_LONGEST)).endswith(b"\n"):
                    known.line += 1
                    self._take(known, line)
                    known.end += len(line)
                known.is_cut = bool(line)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({error.strerror})") from error
        return known

    def _take(self, known: _Known, line: bytes) -> None:
        try:
            entry = parse_json(line)
            op = entry.get("op") if isinstance(entry, dict) else None
            if op == DO:
                self._kind.model_validate_json(json.dumps(entry.get("step")))
        except (ValueError, ValidationError, RecursionError):
            op = None
        if op == DO:
            del known.steps[known.done :]
            known.steps.append(_Place(known.end, len(line)))
            known.done += 1
            known.pending = DO, known.done - 1
        elif op == UNDO and known.done:
            known.done -= 1
            known.pending = UNDO, known.done
        elif op == REDO and known.done < len(known.steps):
            known.done += 1
            known.pending = REDO, known.done - 1
        elif op == DONE:
            known.pending = None
        elif line.strip():
            known.steps, known.done, known.pending = [], 0, None
            known.problem = (
                f"line {known.line} of the undo history ({self.path.name}) is damaged: "
                "what was done before it stays, and cannot be undone any more"
            )

    def _step(self, place: _Place) -> AnyStep:
        with open_regular(self.path) as file:
            file.seek(place.start)
            return self._kind.model_validate_json(json.dumps(parse_json(file.read(place.length))["step"]))
