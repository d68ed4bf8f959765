"""Values of another program's files as the plain values of :mod:`.foreign`. All raise ``ValueError``."""

from __future__ import annotations

import ast
import zlib
from typing import Any

from facedouble.interchange.foreign import POINTS, Matrix, Point
from facedouble.interchange.plain_pickle import PlainArray

_MAX_LITERAL = 4 << 20  # characters


def points(value: Any, count: int = POINTS) -> tuple[Point, ...] | None:
    """Points (count, 2) of an array or of nested lists. ``None`` of ``None``."""
    if value is None:
        return None
    found = outline(value, count)
    if len(found) != count:
        raise ValueError(f"{count} points were expected, and there are {len(found)}")
    return found


def outline(value: Any, most: int) -> tuple[Point, ...]:
    """Points (N, 2), at most so many of them."""
    rows = _rows(value, most)
    if any(len(row) != 2 for row in rows):
        raise ValueError("points of two coordinates were expected")
    return tuple((float(x), float(y)) for x, y in rows)


def matrix(value: Any) -> Matrix | None:
    """The first two rows of a matrix (2, 3) or (3, 3); ``None`` of ``None``."""
    if value is None:
        return None
    rows = _rows(value, 3)
    if len(rows) not in (2, 3) or any(len(row) != 3 for row in rows):
        raise ValueError("a matrix of two rows was expected")
    (a, b, c), (d, e, f) = (tuple(map(float, row)) for row in rows[:2])
    return (a, b, c), (d, e, f)


def whole(value: Any, name: str) -> int:
    """A whole number, at least 0."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} is not a whole number")
    return value


def text(value: Any) -> str | None:
    """A text; ``None`` of ``None``."""
    if value is None or isinstance(value, str):
        return value
    raise ValueError("a name that is no text")


def data_of(value: Any) -> bytes:
    """Bytes, or those of an array of uint8."""
    if isinstance(value, PlainArray) and value.code == "u1":
        return value.data
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    raise ValueError("bytes were expected")


def mapping(value: Any, what: str) -> dict[Any, Any]:
    """A dict."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} was expected")
    return value


def inflated(data: bytes, limit: int) -> bytes:
    """What zlib packed into ``data``. Raises ``ValueError`` where that is longer than ``limit`` bytes."""
    unpacker = zlib.decompressobj()
    try:
        result = unpacker.decompress(data, limit + 1)
    except zlib.error as error:
        raise ValueError(f"packed data that is damaged ({error})") from error
    if len(result) > limit:
        raise ValueError(f"packed data of more than {limit} bytes")
    if not unpacker.eof:
        raise ValueError("packed data that is cut off")
    return result


def literal(text: str) -> Any:
    """The value of a Python literal."""
    if len(text) > _MAX_LITERAL:
        raise ValueError("a text that is too long")
    try:
        return ast.literal_eval(text)
    except (SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise ValueError("a text that is no Python literal") from error


def _rows(value: Any, most: int) -> list[Any]:
    if isinstance(value, PlainArray):
        if len(value.shape) != 2 or value.shape[0] > most:
            raise ValueError(f"an array of two dimensions and at most {most} rows was expected")
        width, flat = value.shape[1], value.values()
        return [flat[at : at + width] for at in range(0, len(flat), width)] if width else []
    if not isinstance(value, list | tuple) or len(value) > most:
        raise ValueError(f"a list of at most {most} points or rows was expected")
    return [_row(entry) for entry in value]


def _row(value: Any) -> list[Any]:
    row = value.values() if isinstance(value, PlainArray) and value.shape in ((2,), (3,)) else value
    if not isinstance(row, list | tuple) or len(row) > 3:
        raise ValueError("two or three numbers were expected")
    if any(type(number) not in (int, float) for number in row):
        raise ValueError("numbers were expected")
    return list(row)
