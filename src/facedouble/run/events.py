"""What an operation reports while it works.

Events carry numbers with units, never formatted text: each front end formats them in its own way. Every event
is a frozen dataclass that becomes JSON by :func:`to_json` and comes back, equal, by :func:`from_json`.

A run reports in this order: :class:`Started`; for each stage :class:`StageStarted`, any number of
:class:`Progress`, :class:`Metrics` and :class:`Preview`, and :class:`StageFinished`; :class:`Notice` at any
time; and as the last one :class:`Finished`, :class:`Stopped` or :class:`Failed`.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from facedouble.errors import InputError

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Severity = Literal["info", "warning"]
Numbers = Mapping[str, float]
Texts = Mapping[str, str]
Data = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Started:
    """An operation (``extract``, ``train`` ...) began, in this version of the program."""

    operation: str
    program: str


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage began. ``total`` counts in ``unit`` (``frames``, ``minutes``); ``None`` where it is unknown."""

    stage: str
    total: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` units of a stage; earlier runs' work is included."""

    stage: str
    done: float
    total: float | None
    unit: str


@dataclass(frozen=True, slots=True)
class Metrics:
    """Measured ``values`` by name at a ``step`` of a stage (training: the iteration).

    Names with a slash form groups (``loss/a``, ``held_out/ssim``). ``units`` names the units of those values
    that have one. A value that could not be measured is absent.
    """

    stage: str
    step: int
    values: Numbers
    units: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture was written to ``path``; the next preview with this ``caption`` may replace the file."""

    stage: str
    step: int
    path: Path
    caption: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should know: a choice made for them, or a warning.

    ``code`` is stable and made for programs (``train.resumed``), ``text`` is one English sentence, ``data``
    holds the numbers and names in it.
    """

    code: str
    text: str
    severity: Severity = "info"
    data: Data = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage took ``seconds``; ``values`` say what it came to (``{"frames": 100, "faces": 98}``)."""

    stage: str
    seconds: float
    values: Numbers = field(default_factory=dict)
    units: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """The operation is done; ``result`` holds the fields of what it returned."""

    operation: str
    result: Data


@dataclass(frozen=True, slots=True)
class Stopped:
    """The operation was cancelled, for this ``reason``; the same call resumes it."""

    operation: str
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The operation raised an ``error`` of this class with this ``text``."""

    operation: str
    error: str
    text: str


Event = (
    Started
    | StageStarted
    | Progress
    | Metrics
    | Preview
    | Notice
    | StageFinished
    | Finished
    | Stopped
    | Failed
)
Subscriber = Callable[[Event], None]

_KINDS: dict[str, type[Any]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind for kind in Event.__args__
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def to_json(event: Event) -> dict[str, Json]:
    """The event as JSON has it: its kind under ``event`` (``stage_started``), then its fields."""
    return {"event": _NAMES[type(event)], **{f.name: as_json(getattr(event, f.name)) for f in fields(event)}}


def from_json(data: Json) -> Event:
    """The event that :func:`to_json` wrote; other keys are ignored.

    Raises ``InputError`` for anything else: an unknown kind, a missing field, a value of the wrong type.
    """
    if not isinstance(data, Mapping):
        raise InputError("an event must be a JSON object")
    name = data.get("event")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise InputError(f"unknown kind of event: {name!r:.80}")
    values = {}
    for entry in fields(kind):
        if entry.name not in data:
            raise InputError(f"event {name}: {entry.name} is missing")
        value = data[entry.name]
        if not _CHECKS[str(entry.type)](value):
            raise InputError(f"event {name}: {entry.name} is not of type {entry.type}: {value!r:.80}")
        values[entry.name] = Path(str(value)) if entry.type == "Path" else value
    event: Event = kind(**values)
    return event


def as_json(value: Any) -> Json:
    """``value`` as JSON has it. A dataclass becomes its fields, or what its ``as_json()`` says; a path, a
    fraction and an enumeration become text; a number that is not finite becomes ``None``.

    Raises ``TypeError`` for what has no counterpart.
    """
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Enum):
        return as_json(value.value)
    if isinstance(value, Path | Fraction):
        return str(value)
    if hasattr(value, "as_json"):
        return as_json(value.as_json())
    if dataclasses.is_dataclass(value):
        return {entry.name: as_json(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(entry) for key, entry in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(
        value, bytes | bytearray | memoryview
    ):
        return [as_json(entry) for entry in value]
    if hasattr(value, "tolist"):  # arrays and their scalars
        return as_json(value.tolist())
    raise TypeError(f"{type(value).__name__} has no counterpart in JSON")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_mapping(value: object, of: Callable[[object], bool]) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and of(entry) for name, entry in value.items()
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


# By a field's annotation, which is a text here.
_CHECKS: dict[str, Callable[[object], bool]] = {
    "str": _is_text,
    "Path": _is_text,
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": _is_number,
    "float | None": lambda value: value is None or _is_number(value),
    "Severity": lambda value: value in ("info", "warning"),
    "Numbers": lambda value: _is_mapping(value, _is_number),
    "Texts": lambda value: _is_mapping(value, _is_text),
    "Data": lambda value: _is_mapping(value, lambda _: True),
}
