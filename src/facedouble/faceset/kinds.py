"""Kinds of values that a faceset stores: each says how a value is checked, and how it is written to SQL
and to JSON.

Facesets travel between people, so nothing that is read is trusted: every kind checks type, range, length
and that numbers are finite, and raises ``ValueError`` for anything else. It checks the same on writing, so
that nothing is stored that could not be read again.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from facedouble.faces.registry import LANDMARK_SCHEMES
from facedouble.types import Box

Known = Mapping[str, Any]
"""Values of the fields that come before this one, by name."""

_RATIO = re.compile(r"([1-9][0-9]{0,11})(?:/([1-9][0-9]{0,11}))?")
_LONGEST_ARRAY = 1024
_INTS = (int, np.integer)
_NUMBERS = (int, float, np.integer, np.floating)


class Kind:
    """A kind of value. Subclasses implement :meth:`check`, and what differs from the value itself in SQL or
    JSON."""

    sql: ClassVar[str] = "INTEGER"

    def check(self, value: Any, known: Known) -> Any:
        """``value`` in its own type. Raises ``ValueError`` if it is not of this kind."""
        raise NotImplementedError

    def to_sql(self, value: Any, known: Known) -> Any:
        return self.check(value, known)

    def from_sql(self, value: Any, known: Known) -> Any:
        return self.check(value, known)

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
            return self.check(json.loads(value, parse_constant=_refuse), known)
        except RecursionError as error:
            raise ValueError from error


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

    def to_json(self, value: Any, known: Known) -> list[int]:
        return list(self.check(value, known))


@dataclass(frozen=True, slots=True)
class Array(Kind):
    """An array of finite numbers not beyond ``limit``: little-endian bytes in SQL, their base64 in JSON.

    ``shape`` is ``(None,)`` for any length from 1 to 1024. ``invertible`` is for a 2x3 matrix that must have
    an inverse.
    """

    dtype: str
    shape: tuple[int | None, ...]
    limit: float
    invertible: bool = False
    sql: ClassVar[str] = "BLOB"

    def check(self, value: Any, known: Known) -> npt.NDArray[Any]:
        return self._checked(self.check_shape(value))

    def to_sql(self, value: Any, known: Known) -> bytes:
        return self.check(value, known).astype(self.dtype).tobytes()

    def from_sql(self, value: Any, known: Known) -> npt.NDArray[Any]:
        return self._checked(self.unpack(value))

    def to_json(self, value: Any, known: Known) -> str:
        return base64.b64encode(self.to_sql(value, known)).decode()

    def from_json(self, value: Any, known: Known) -> npt.NDArray[Any]:
        return self.from_sql(_base64(value), known)

    def check_shape(self, value: Any) -> npt.NDArray[Any]:
        """An array of this shape and type, with any numbers in it."""
        if (
            not isinstance(value, np.ndarray)
            or value.dtype.kind not in "fiu"
            or value.ndim != len(self.shape)
        ):
            raise ValueError
        for wanted, length in zip(self.shape, value.shape, strict=True):
            if length != wanted if wanted is not None else not 1 <= length <= _LONGEST_ARRAY:
                raise ValueError
        return np.ascontiguousarray(value, dtype=np.dtype(self.dtype).newbyteorder("="))

    def unpack(self, data: Any) -> npt.NDArray[Any]:
        """The array in some bytes, with any numbers in it."""
        size = np.dtype(self.dtype).itemsize
        if not isinstance(data, bytes) or not data or len(data) % size:
            raise ValueError
        shape = [len(data) // size if length is None else length for length in self.shape]
        if math.prod(shape) * size != len(data) or shape[0] > _LONGEST_ARRAY:
            raise ValueError
        array = np.frombuffer(data, dtype=self.dtype).reshape(shape)
        return array.astype(array.dtype.newbyteorder("="))

    def _checked(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if not (np.abs(array) <= self.limit).all():  # false for NaN as well
            raise ValueError
        if self.invertible and not abs(array[0, 0] * array[1, 1] - array[0, 1] * array[1, 0]) > 1e-12:
            raise ValueError
        return array

    def to_plain(self, value: Any, known: Known) -> Any:
        return self.check(value, known).tolist()


@dataclass(frozen=True, slots=True)
class SchemeName(Kind):
    """The name of a landmark scheme that is known."""

    sql: ClassVar[str] = "TEXT"

    def check(self, value: Any, known: Known) -> str:
        if not isinstance(value, str) or value not in LANDMARK_SCHEMES:
            raise ValueError
        return value


@dataclass(frozen=True, slots=True)
class Points(Kind):
    """Points (N, 2) of a face, float32, not beyond ``limit``. The landmark scheme of the face says how many
    there are, and which may be missing (NaN)."""

    limit: float
    sql: ClassVar[str] = "BLOB"

    def check(self, value: Any, known: Known) -> npt.NDArray[Any]:
        return self._checked(self._array(known).check_shape(value), known)

    def to_sql(self, value: Any, known: Known) -> bytes:
        return self.check(value, known).astype("<f4").tobytes()

    def from_sql(self, value: Any, known: Known) -> npt.NDArray[Any]:
        return self._checked(self._array(known).unpack(value), known)

    def to_json(self, value: Any, known: Known) -> str:
        return base64.b64encode(self.to_sql(value, known)).decode()

    def from_json(self, value: Any, known: Known) -> npt.NDArray[Any]:
        return self.from_sql(_base64(value), known)

    def to_plain(self, value: Any, known: Known) -> Any:
        points = self.check(value, known)
        return [None if np.isnan(point).any() else point.tolist() for point in points]

    def _array(self, known: Known) -> Array:
        return Array("<f4", (LANDMARK_SCHEMES[known["scheme"]].count, 2), self.limit)

    def _checked(self, points: npt.NDArray[Any], known: Known) -> npt.NDArray[Any]:
        optional = LANDMARK_SCHEMES[known["scheme"]].optional
        wrong = ~(np.abs(points) <= self.limit).all(axis=1)  # true for NaN as well
        if wrong.any() and not all(
            place in optional and np.isnan(points[place]).all() for place in np.flatnonzero(wrong)
        ):
            raise ValueError
        return points


def _base64(value: Any) -> bytes:
    if not isinstance(value, str) or len(value) > 1 << 16:
        raise ValueError
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _refuse(name: str) -> Any:
    raise ValueError(name)
