"""The folder through which machines work on one operation together.

    WORK/
      plan.json              what is done, with all settings, and the parts of each stage
      detect/000003.json     what came of part 3 of the stage "detect"; only whole files have such a name

Every machine sees the folder, and the files that the plan names, under the same path. One coordinator plans
and joins; workers only add results. A part that was handed out twice gives the same result twice, which does
no harm.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from facedouble._version import __version__
from facedouble.distributed.registry import OPERATIONS
from facedouble.errors import InputError, OutputError
from facedouble.files import path_text, read_regular, write_whole
from facedouble.json_data import parse_json
from facedouble.printable import printable
from facedouble.settings.base import Settings

PLAN = "plan.json"
FORMAT = 1
_MOST_BYTES = 64 << 20
_MOST_PARTS = 1_000_000

Span = tuple[int, int]
"""The first and the last (exclusive) of the units that make up a part."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done (``operation`` with its ``settings``, as plain values), and the ``parts`` of each stage
    that is known already. ``made`` is when it was planned, in seconds since 1970."""

    operation: str
    settings: Mapping[str, Any]
    parts: Mapping[str, Sequence[Span]]
    made: float = field(default_factory=time.time)

    @property
    def age(self) -> float:
        """Seconds since it was planned."""
        return max(0.0, time.time() - self.made)

    def with_stage(self, stage: str, parts: Sequence[Span]) -> Plan:
        return replace(self, parts={**self.parts, stage: tuple(parts)})


class PlanFolder:
    """The folder at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    # -- the plan ----------------------------------------------------------------------------------------

    def exists(self) -> bool:
        return (self.path / PLAN).is_file()

    def write(self, plan: Plan) -> None:
        """Store ``plan``. Raises ``OutputError``."""
        data = {
            "format": FORMAT,
            "program": __version__,
            "operation": plan.operation,
            "made": plan.made,
            "settings": dict(plan.settings),
            "parts": {stage: [list(span) for span in spans] for stage, spans in plan.parts.items()},
        }
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_whole(self.path / PLAN, json.dumps(data, indent=1).encode(), durable=True)
        except OSError as error:
            raise OutputError(f"{self.path}: the plan cannot be written ({error.strerror})") from error

    def read(self) -> Plan:
        """The plan. Raises ``InputError`` where there is none, or one that is damaged or of another version
        of the program, whose results would not be the same."""
        file = self.path / PLAN
        if not file.exists():
            raise InputError(f"{self.path}: there is no plan in it; make one first")
        try:
            return _parse(parse_json(read_regular(file, _MOST_BYTES)))
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror})") from error
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{file}: damaged, or not a plan") from error

    def remove(self) -> None:
        """Remove the folder; a plan whose result is complete needs it no more. Raises ``OutputError``."""
        try:
            shutil.rmtree(self.path)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be removed ({error.strerror})") from error

    # -- results -----------------------------------------------------------------------------------------

    def result(self, stage: str, part: int) -> Path:
        """The file that holds the result of a part once it is done."""
        return self.path / stage / _result_name(part)

    def files(self, stage: str, part: int) -> Path:
        """The folder of the files that belong to a part's result, if it has any."""
        return self.path / stage / f"{part:06d}"

    def is_done(self, stage: str, part: int) -> bool:
        return self.result(stage, part).is_file()

    def missing(self, stage: str, count: int) -> list[int]:
        """The parts of a stage that are not done, by one look at its folder."""
        try:
            there = set(os.listdir(self.path / stage))  # noqa: PTH208  (names alone, a thousand at a time)
        except FileNotFoundError:
            there = set()
        return [part for part in range(count) if _result_name(part) not in there]

    def write_result(self, stage: str, part: int, text: str) -> None:
        """Store the result of a part, whole or not at all. Raises ``OutputError``."""
        file = self.result(stage, part)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, text.encode())
        except OSError as error:
            raise OutputError(f"{file}: cannot be written ({error.strerror})") from error

    def read_result(self, stage: str, part: int, most_bytes: int = 4 << 30) -> bytes:
        """The result of a part. Raises ``InputError`` where it cannot be read."""
        file = self.result(stage, part)
        try:
            return read_regular(file, most_bytes)
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror})") from error

    @contextmanager
    def new_files(self, stage: str, part: int) -> Iterator[Path]:
        """A new folder for the files of a part, which gets its name when the ``with`` ends well. Where
        another worker was faster its files stay, which are the same. Raises ``OutputError``."""
        final = self.files(stage, part)
        own = final.with_name(f".{final.name}.{uuid.uuid4().hex}.new")
        try:
            own.mkdir(parents=True)
            yield own
            try:
                own.rename(final)
            except OSError:
                if not final.is_dir():
                    raise
        except OSError as error:
            raise OutputError(f"{final}: cannot be written ({error.strerror})") from error
        finally:
            shutil.rmtree(own, ignore_errors=True)


def _result_name(part: int) -> str:
    return f"{part:06d}.json"


def spans_of(units: int, parts: int) -> list[Span]:
    """``units`` in ``parts`` of nearly equal length, none of them empty; ``(0, 0)`` if there are no units."""
    parts = max(1, min(parts, units))
    edges = [units * part // parts for part in range(parts + 1)]
    return list(pairwise(edges))


def planned(settings: Settings) -> dict[str, Any]:
    """Settings as a plan has them: plain values, with paths that are the same from every folder."""
    values: dict[str, Any] = _plain(settings.model_dump())
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return path_text(value.absolute())  # not resolved: links may lead elsewhere on another machine
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _parse(data: Any) -> Plan:
    if data["format"] != FORMAT:
        raise InputError(f"a plan of format {data['format']!r:.20}; this version reads {FORMAT}")
    if data["program"] != __version__:
        made_by = printable(str(data["program"])[:40])
        raise InputError(
            f"the plan was made by facedouble {made_by}, and this is {__version__}; all need the same"
        )
    parts = {}
    for stage, spans in data["parts"].items():
        if not str(stage).isidentifier() or len(spans) > _MOST_PARTS:
            raise InputError("damaged, or not a plan")
        parts[stage] = tuple(_span(span) for span in spans)
    settings, operation = data["settings"], str(data["operation"])
    if not isinstance(settings, dict) or operation not in OPERATIONS:
        raise InputError("damaged, or not a plan")
    return Plan(operation, settings, parts, float(data["made"]))


def _span(span: Any) -> Span:
    first, last = span
    if type(first) is not int or type(last) is not int or not 0 <= first <= last:
        raise InputError("damaged, or not a plan")
    return first, last
