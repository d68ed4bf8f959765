"""Kinds of values that are arrays: little-endian bytes in SQL, their base64 in JSON."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from facedouble.faces.registry import LANDMARK_SCHEMES
from facedouble.faceset.kinds import Kind, Known

_LONGEST_ARRAY = 1024
_SMALLEST_DETERMINANT = 1e-12


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

    def from_sql_column(self, cells: Sequence[Any], known: Known) -> Sequence[Any]:
        if None in self.shape:
            return [self.from_sql(cell, known) for cell in cells]
        return list(self._checked(self.unpack_all(cells)))

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

    def unpack_all(self, cells: Sequence[Any]) -> npt.NDArray[Any]:
        """The arrays in several cells, stacked, with any numbers in them."""
        array = np.frombuffer(b"".join(cells), dtype=self.dtype)
        shape = [length or 0 for length in self.shape]
        if {len(cell) for cell in cells} != {math.prod(shape) * array.itemsize}:
            raise ValueError
        return array.reshape(len(cells), *shape).astype(array.dtype.newbyteorder("="))

    def _checked(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if not (np.abs(array) <= self.limit).all():  # false for NaN as well
            raise ValueError
        if self.invertible:
            (a, b), (c, d) = (array[..., row, :2].T for row in range(2))
            if not (np.abs(a * d - b * c) > _SMALLEST_DETERMINANT).all():
                raise ValueError
        return array

    def to_plain(self, value: Any, known: Known) -> Any:
        return self.check(value, known).tolist()


@dataclass(frozen=True, slots=True)
class _PerPoint(Kind):
    """Float32 numbers of each point of a face, not beyond ``limit``. The landmark scheme of the face says how
    many points there are, and which may be missing (NaN)."""

    limit: float
    sql: ClassVar[str] = "BLOB"
    depends_on: ClassVar[str] = "scheme"
    columns: ClassVar[tuple[int, ...]] = ()
    """The shape of what belongs to one point."""

    def check(self, value: Any, known: Known) -> npt.NDArray[Any]:
        return self._checked(self._array(known).check_shape(value), known)

    def to_sql(self, value: Any, known: Known) -> bytes:
        return self.check(value, known).astype("<f4").tobytes()

    def from_sql(self, value: Any, known: Known) -> npt.NDArray[Any]:
        return self._checked(self._array(known).unpack(value), known)

    def from_sql_column(self, cells: Sequence[Any], known: Known) -> Sequence[Any]:
        stacked = self._array(known).unpack_all(cells)
        if (np.abs(stacked) <= self.limit).all():
            return list(stacked)
        return [self._checked(points, known) for points in stacked]

    def to_json(self, value: Any, known: Known) -> str:
        return base64.b64encode(self.to_sql(value, known)).decode()

    def from_json(self, value: Any, known: Known) -> npt.NDArray[Any]:
        return self.from_sql(_base64(value), known)

    def to_plain(self, value: Any, known: Known) -> Any:
        points = self.check(value, known)
        return [None if np.isnan(point).any() else point.tolist() for point in points]

    def _array(self, known: Known) -> Array:
        return Array("<f4", (LANDMARK_SCHEMES[known["scheme"]].count, *self.columns), self.limit)

    def _checked(self, points: npt.NDArray[Any], known: Known) -> npt.NDArray[Any]:
        if (np.abs(points) <= self.limit).all():
            return points
        optional = LANDMARK_SCHEMES[known["scheme"]].optional
        wrong = ~(np.abs(points.reshape(len(points), -1)) <= self.limit).all(axis=1)  # true for NaN as well
        if wrong.any() and not all(
            place in optional and np.isnan(points[place]).all() for place in np.flatnonzero(wrong)
        ):
            raise ValueError
        return points


@dataclass(frozen=True, slots=True)
class Points(_PerPoint):
    """Points (N, 2) of a face."""

    columns: ClassVar[tuple[int, ...]] = (2,)


@dataclass(frozen=True, slots=True)
class Depths(_PerPoint):
    """The depths (N,) of the points of a face."""


def _base64(value: Any) -> bytes:
    if not isinstance(value, str) or len(value) > 1 << 16:
        raise ValueError
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError from error
