"""Reading pickles as data.

A pickle is a program: it may name any function and call it. Here it can name nothing but the entries of
:data:`_NAMES`, and each of those is a stand-in of ours that builds plain values: numbers, texts, bytes,
lists, dicts, and :class:`PlainArray` for numpy's arrays. Numpy itself is never called. What a hostile pickle
can still do is ask for memory, so this runs in a process with limits (:mod:`.reader_process`).
"""

from __future__ import annotations

import io
import math
import pickle
import struct
from collections.abc import Callable, Mapping
from typing import Any

_MAX_VALUES = 1 << 24  # of one array
_MAX_DIMENSIONS = 4
_CODES = {
    **dict(zip(("f2", "f4", "f8", "b1"), "efd?", strict=True)),
    **dict(zip(("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"), "bhiqBHIQ", strict=True)),
}


def read_pickle(data: bytes) -> Any:
    """The value of a pickle, of plain types only; arrays are :class:`PlainArray`.

    Raises ``ValueError`` for a pickle that names anything it has no need of, or is damaged.
    """
    try:
        return _Reader(data).load()
    except (
        pickle.UnpicklingError,
        EOFError,
        AttributeError,
        ImportError,
        IndexError,
        KeyError,
        TypeError,
        OverflowError,
        UnicodeError,
        RecursionError,
        struct.error,
    ) as error:
        raise ValueError(f"a pickle that cannot be read as data ({_short(error)})") from error


class PlainArray:
    """A numpy array of a pickle: its ``shape``, the name of its type (``"f4"``) and its bytes."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = (0,)
        self.code = "u1"
        self.order = "<"
        self.data = b""
        self.by_columns = False

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("an array without its state")
        _, shape, kind, fortran, data = state
        self.set(shape, kind, bool(fortran), data)

    def set(self, shape: Any, kind: Any, fortran: bool, data: Any) -> None:
        """Take these values. Raises ``ValueError`` for those that do not fit each other."""
        if not isinstance(kind, _Kind) or not isinstance(data, bytes | bytearray):
            raise ValueError("an array of something else than numbers")
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("an array without a shape")
        count = math.prod(shape)
        if len(shape) > _MAX_DIMENSIONS or count > _MAX_VALUES:
            raise ValueError("an array that is too large")
        if len(data) != count * struct.calcsize("=" + _CODES[kind.code]):
            raise ValueError("an array of another size than its data")
        if fortran and len(shape) > 2:
            raise ValueError("an array of many dimensions in column order")
        self.shape, self.code, self.order, self.data = shape, kind.code, kind.order, bytes(data)
        self.by_columns = fortran and len(shape) == 2

    def values(self) -> list[Any]:
        """All its values, row by row."""
        found = struct.unpack(f"{self.order}{math.prod(self.shape)}{_CODES[self.code]}", self.data)
        if not self.by_columns:
            return list(found)
        rows = self.shape[0]
        return [value for row in range(rows) for value in found[row::rows]]


class _Kind:
    """Stands in for ``numpy.dtype``."""

    def __init__(self, name: Any = "u1", *_: Any) -> None:
        text = name.decode("ascii") if isinstance(name, bytes) else name
        if not isinstance(text, str) or text.lstrip("<>=|") not in _CODES:
            raise ValueError("an array of something else than numbers")
        self.code = text.lstrip("<>=|")
        self.order = ">" if text.startswith(">") else "<"

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in (">", b">"):
            self.order = ">"


def _reconstruct(*_: Any) -> PlainArray:
    return PlainArray()


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any = "C") -> PlainArray:
    array = PlainArray()
    array.set(shape, kind, order == "F", data)
    return array


def _scalar(kind: Any, data: Any = b"") -> Any:
    array = PlainArray()
    array.set((1,), kind, False, data.encode("latin-1") if isinstance(data, str) else data)
    return array.values()[0]


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes in an unknown encoding")
    return text.encode("latin-1")


def _bytes(*arguments: Any) -> bytes:
    if not arguments:
        return b""
    if isinstance(arguments[0], bytes | bytearray):
        return bytes(arguments[0])
    return _encode(*arguments)


def _number_of_enum(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("an enumeration without its number")
    return value


def _ordered(*arguments: Any) -> dict[Any, Any]:
    if arguments:
        raise ValueError("a dict made in an unusual way")
    return {}


_NAMES: Mapping[tuple[str, str], Callable[..., Any]] = {
    **{
        (f"{module}.multiarray", name): made
        for module in ("numpy.core", "numpy._core")
        for name, made in (("_reconstruct", _reconstruct), ("scalar", _scalar))
    },
    **{(f"{module}.numeric", "_frombuffer"): _from_buffer for module in ("numpy.core", "numpy._core")},
    ("numpy", "ndarray"): PlainArray,
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _encode,
    **{(module, "bytearray"): _bytes for module in ("builtins", "__builtin__")},
    **{(module, "bytes"): _bytes for module in ("builtins", "__builtin__")},
    ("collections", "OrderedDict"): _ordered,
    # DeepFaceLab's enumerations, under the names of the modules it has had.
    **{
        (module, "FaceType"): _number_of_enum
        for module in ("facelib.FaceType", "facelib", "core.facelib.FaceType")
    },
    **{(module, "SampleType"): _number_of_enum for module in ("samplelib.Sample", "samplelib")},
}


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")  # texts of Python 2

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _NAMES[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {_short(module)}.{_short(name)}") from None

    def persistent_load(self, _: Any) -> Any:
        raise pickle.UnpicklingError("it refers to something outside")


def _short(value: object) -> str:
    return str(value)[:80]
