"""Kinds of values that a faceset stores: each says how a value is checked, and how it is written to SQL
and to JSON.

Facesets travel between people, so nothing that is read is trusted: every kind checks type, range, length
and that numbers are finite, and raises ``ValueError`` for anything else. It checks the same on writing, so
that nothing is stored that could not be read again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from facedouble.errors import InputError
from facedouble.faces.registry import LANDMARK_SCHEMES
from facedouble.json_data import parse_json
from facedouble.types import Box
from facedouble.video.index import SourceIndex

Known = Mapping[str, Any]
"""Values of the fields that come before this one, by name."""

_RATIO = re.compile(r"([1-9][0-9]{0,11})(?:/([1-9][0-9]{0,11}))?")
_INTS = (int, np.integer)
_NUMBERS = (int, float, np.integer, np.floating)


class Kind:
    """A kind of value. Subclasses implement :meth:`check`, and what differs from the value itself in SQL or
    JSON."""

    sql: ClassVar[str] = "INTEGER"
    depends_on: ClassVar[str] = ""
    """The field in front of it without which a value cannot be read."""

    def check(self, value: Any, known: Known) -> Any:
        """``value`` in its own type. Raises ``ValueError`` if it is not of this kind."""
        raise NotImplementedError

    def to_sql(self, value: Any, known: Known) -> Any:
        return self.check(value, known)

    def from_sql(self, value: Any, known: Known) -> Any:
        return self.check(value, known)

    def from_sql_column(self, cells: Sequence[Any], known: Known) -> Sequence[Any]:
        """The values of several cells, at least one, which all have the same ``known``."""
        return [self.from_sql(cell, known) for cell in cells]

    def to_json(self, value: Any, known: Known) -> Any:
        """As JSON, exact to the bit and compact."""
        return self.check(value, known)

    def from_json(self, value: Any, known: Known) -> Any:
        return self.check(value, known)

    def to_plain(self, value: Any, known: Known) -> Any:
        """As JSON that other programs read without knowing this one."""
        return self.to_json(value, known)


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number from ``low`` to ``high``."""

    low: int
    high: int

    def check(self, value: Any, known: Known) -> int:
        if not isinstance(value, _INTS) or isinstance(value, bool) or not self.low <= value <= self.high:
            raise ValueError
        return int(value)

    def from_sql_column(self, cells: Sequence[Any], known: Known) -> Sequence[Any]:
        if {type(cell) for cell in cells} != {int} or not self.low <= min(cells) <= max(cells) <= self.high:
            raise ValueError
        return cells


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """A finite number from ``low`` to ``high``."""

    low: float
    high: float
    sql: ClassVar[str] = "REAL"

    def check(self, value: Any, known: Known) -> float:
        # An int is what JSON makes of a 2.0 written by another program. The comparison is false for NaN.
        if not isinstance(value, _NUMBERS) or isinstance(value, bool) or not self.low <= value <= self.high:
            raise ValueError
        return float(value)

    def from_sql_column(self, cells: Sequence[Any], known: Known) -> Sequence[Any]:
        if {type(cell) for cell in cells} != {float} or not self.low <= min(cells) <= max(cells) <= self.high:
            raise ValueError
        return cells


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """True or false; 1 or 0 in SQL."""

    def check(self, value: Any, known: Known) -> bool:
        if not isinstance(value, bool | np.bool_):
            raise ValueError
        return bool(value)

    def to_sql(self, value: Any, known: Known) -> int:
        return int(self.check(value, known))

    def from_sql(self, value: Any, known: Known) -> bool:
        if type(value) is not int or value not in (0, 1):
            raise ValueError
        return bool(value)

    def from_sql_column(self, cells: Sequence[Any], known: Known) -> Sequence[Any]:
        return _each_once(self, cells, known)


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """A text of at most ``longest`` characters that matches ``pattern`` as a whole, where there is one."""

    longest: int
    pattern: str | None = None
    sql: ClassVar[str] = "TEXT"

    def check(self, value: Any, known: Known) -> str:
        if not isinstance(value, str) or len(value) > self.longest or "\0" in value:
            raise ValueError
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise ValueError
        try:
            value.encode()  # lone surrogates cannot be stored
        except UnicodeEncodeError as error:
            raise ValueError from error
        return value


@dataclass(frozen=True, slots=True)
class FileName(Kind):
    """The name of a file, without a folder."""

    sql: ClassVar[str] = "TEXT"

    def check(self, value: Any, known: Known) -> str:
        name = Text(255).check(value, known)
        if name in ("", ".", "..") or "/" in name or "\\" in name:
            raise ValueError
        return name


@dataclass(frozen=True, slots=True)
class OneOf(Kind):
    """One of some names."""

    names: tuple[str, ...]
    sql: ClassVar[str] = "TEXT"

    def check(self, value: Any, known: Known) -> str:
        if not isinstance(value, str) or value not in self.names:
            raise ValueError
        return value

    def from_sql_column(self, cells: Sequence[Any], known: Known) -> Sequence[Any]:
        return _each_once(self, cells, known)


@dataclass(frozen=True, slots=True)
class Ratio(Kind):
    """A positive fraction, written ``1/30000``."""

    sql: ClassVar[str] = "TEXT"

    def check(self, value: Any, known: Known) -> Fraction:
        if not isinstance(value, Fraction) or value <= 0:
            raise ValueError
        return value

    def to_sql(self, value: Any, known: Known) -> str:
        return str(self.check(value, known))

    def from_sql(self, value: Any, known: Known) -> Fraction:
        match = _RATIO.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError
        return Fraction(int(match[1]), int(match[2] or 1))

    to_json = to_sql
    from_json = from_sql


@dataclass(frozen=True, slots=True)
class JsonObject(Kind):
    """A JSON object; its text in SQL, of at most ``longest`` characters."""

    longest: int = 1 << 16
    sql: ClassVar[str] = "TEXT"

    def check(self, value: Any, known: Known) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueError
        return dict(value)

    def to_sql(self, value: Any, known: Known) -> str:
        try:
            text = json.dumps(self.check(value, known), allow_nan=False)
        except (TypeError, RecursionError) as error:
            raise ValueError from error
        if len(text) > self.longest:
            raise ValueError
        return text

    def from_sql(self, value: Any, known: Known) -> dict[str, Any]:
        if not isinstance(value, str) or len(value) > self.longest:
            raise ValueError
        try:
            return self.check(parse_json(value), known)
        except RecursionError as error:
            raise ValueError from error


@dataclass(frozen=True, slots=True)
class IndexText(Kind):
    """The index of a source, as its own JSON."""

    sql: ClassVar[str] = "TEXT"
    depends_on: ClassVar[str] = "path"

    def check(self, value: Any, known: Known) -> SourceIndex:
        if not isinstance(value, SourceIndex):
            raise ValueError
        return value

    def to_sql(self, value: Any, known: Known) -> str:
        return self.check(value, known).to_json()

    def from_sql(self, value: Any, known: Known) -> SourceIndex:
        if not isinstance(value, str):
            raise ValueError
        try:
            return SourceIndex.from_json(value, Path(known["path"]))
        except InputError as error:
            raise ValueError from error

    to_json = to_sql
    from_json = from_sql


@dataclass(frozen=True, slots=True)
class Rectangle(Kind):
    """A :class:`~facedouble.types.Box` that is not empty: four columns in SQL, a list of four in JSON."""

    limit: int

    def check(self, value: Any, known: Known) -> Box:
        if not isinstance(value, tuple | list) or len(value) != 4:
            raise ValueError
        edge = Whole(-self.limit, self.limit)
        box = Box(*(edge.check(part, known) for part in value))
        if box.width <= 0 or box.height <= 0:
            raise ValueError
        return box

    def from_sql_column(self, cells: Sequence[Any], known: Known) -> Sequence[Any]:
        if {type(edge) for cell in cells for edge in cell} != {int}:
            raise ValueError
        left, top, right, bottom = edges = np.array(cells, dtype=np.int64).T
        inside = -self.limit <= edges.min() and edges.max() <= self.limit
        if not inside or (left >= right).any() or (top >= bottom).any():
            raise ValueError
        return [Box(*cell) for cell in cells]

    def to_json(self, value: Any, known: Known) -> list[int]:
        return list(self.check(value, known))


@dataclass(frozen=True, slots=True)
class SchemeName(Kind):
    """The name of a landmark scheme that is known."""

    sql: ClassVar[str] = "TEXT"

    def check(self, value: Any, known: Known) -> str:
        if not isinstance(value, str) or value not in LANDMARK_SCHEMES:
            raise ValueError
        return value

    def from_sql_column(self, cells: Sequence[Any], known: Known) -> Sequence[Any]:
        return _each_once(self, cells, known)


def _each_once(kind: Kind, cells: Sequence[Any], known: Known) -> Sequence[Any]:
    """The values of cells, of which only few are different."""
    values = {cell: kind.from_sql(cell, known) for cell in set(cells)}
    return [values[cell] for cell in cells]
