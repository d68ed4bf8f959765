"""Reader for networks in TensorFlow Lite's format: a flatbuffer of tensors, constants and operators.

Read here, because the ``flatbuffers`` package of Google checks nothing: offsets of a damaged file lead it
anywhere. Layout: https://flatbuffers.dev/internals, fields: ``tensorflow/lite/schema/schema.fbs``. The file
contains no code, and reading it runs none.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from facedouble.errors import AssetError

T = TypeVar("T")

_MAX_ELEMENTS = 1 << 26
"""Of one tensor: a quarter of a gigabyte of floats, many times what these networks need."""

_DTYPES: dict[int, np.dtype[Any]] = {0: np.dtype("<f4"), 1: np.dtype("<f2"), 2: np.dtype("<i4")}

_KINDS = {
    0: "ADD",
    1: "AVERAGE_POOL_2D",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    21: "RELU6",
    22: "RESHAPE",
    23: "RESIZE_BILINEAR",
    34: "PAD",
    39: "TRANSPOSE",
    40: "MEAN",
    41: "SUB",
    42: "DIV",
    45: "STRIDED_SLICE",
    54: "PRELU",
    59: "NEG",
    74: "SUM",
    75: "SQRT",
    76: "RSQRT",
    99: "SQUARED_DIFFERENCE",
}
"""Operators by their number in the schema."""

_CONVOLUTION = {"padding": (0, "b", 0), "stride_x": (1, "i", 0), "stride_y": (2, "i", 0)}
_POOL = _CONVOLUTION | {"width": (3, "i", 0), "height": (4, "i", 0), "activation": (5, "b", 0)}
_ACTIVATION = {"activation": (0, "b", 0)}
_REDUCER = {"keep_dims": (0, "b", 0)}

_OPTIONS: dict[str, tuple[int, dict[str, tuple[int, str, int]]]] = {
    "CONV_2D": (
        1,
        _CONVOLUTION | {"activation": (3, "b", 0), "dilation_x": (4, "i", 1), "dilation_y": (5, "i", 1)},
    ),
    "DEPTHWISE_CONV_2D": (
        2,
        _CONVOLUTION | {"activation": (4, "b", 0), "dilation_x": (5, "i", 1), "dilation_y": (6, "i", 1)},
    ),
    "AVERAGE_POOL_2D": (5, _POOL),
    "MAX_POOL_2D": (5, _POOL),
    "FULLY_CONNECTED": (8, _ACTIVATION | {"weights_format": (1, "b", 0)}),
    "CONCATENATION": (10, {"axis": (0, "i", 0), "activation": (1, "b", 0)}),
    "ADD": (11, _ACTIVATION),
    "RESIZE_BILINEAR": (15, {"align_corners": (2, "b", 0), "half_pixel_centers": (3, "b", 0)}),
    "MUL": (21, _ACTIVATION),
    "MEAN": (27, _REDUCER),
    "SUM": (27, _REDUCER),
    "SUB": (28, _ACTIVATION),
    "DIV": (29, _ACTIVATION),
    "STRIDED_SLICE": (
        32,
        {"begin_mask": (0, "i", 0), "end_mask": (1, "i", 0), "ellipsis_mask": (2, "i", 0)}
        | {"new_axis_mask": (3, "i", 0), "shrink_mask": (4, "i", 0)},
    ),
}
"""For each operator with options that matter here: the number of their table in the schema, and for each
option its field, type and default."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor: its name, its shape as the file declares it (pictures: batch, rows, columns, channels), and
    its values if they are constant."""

    name: str
    shape: tuple[int, ...]
    constant: npt.NDArray[Any] | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One step: the schema's name of the operator, the indices of the tensors that it reads (-1 for an
    optional one that is absent) and writes, and its options."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Graph:
    """A network: its tensors, its operations in the order in which they run, and the indices of the tensors
    that go in and come out."""

    tensors: tuple[TensorInfo, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(path: Path) -> Graph:
    """The network in the file ``path``.

    Every offset, length and index is checked, and every tensor is written before it is read. Raises
    ``AssetError`` for a file that cannot be read, is damaged, or needs an operator or a type of numbers that
    is not supported.
    """
    try:
        return parse_tflite(path.read_bytes())
    except OSError as error:
        raise AssetError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise AssetError(f"{path}: {error}") from error


def parse_tflite(data: bytes) -> Graph:
    """:func:`read_tflite` for the contents of a file; raises ``ValueError``."""
    if data[4:8] != b"TFL3":
        raise ValueError("not a network of TensorFlow Lite")
    view = memoryview(data)
    model = _Table(view, _number(view, 0, "I"))
    subgraphs = model.tables(2)
    if len(subgraphs) != 1:
        raise ValueError(f"one graph expected, not {len(subgraphs)}")
    main = subgraphs[0]
    buffers = model.tables(4)
    tensors = tuple(_tensor(table, buffers) for table in main.tables(0))
    codes = [(code.number(0, "b"), code.number(3, "i"), code.text(1)) for code in model.tables(1)]
    # Older files keep the number in a byte.
    kinds = [_KINDS.get(max(old, new), custom or f"number {max(old, new)}") for old, new, custom in codes]
    operations = tuple(_operation(table, kinds) for table in main.tables(3))
    graph = Graph(tensors, operations, main.numbers(1), main.numbers(2))
    _check_order(graph)
    return graph


def _tensor(table: _Table, buffers: list[_Table]) -> TensorInfo:
    name, shape = table.text(3), table.numbers(0)
    count = math.prod(shape)
    if any(side < 1 for side in shape) or count > _MAX_ELEMENTS:
        raise ValueError(f"tensor {name!r} has the shape {list(shape)}")
    data = _at(buffers, table.number(2, "I"), "buffer").blob(0)
    dtype = _DTYPES.get(table.number(1, "b"))
    if dtype is None or table.has(6):
        raise ValueError(f"tensor {name!r} has numbers of a kind that is not supported")
    if not data:
        return TensorInfo(name, shape, None)
    if len(data) != count * dtype.itemsize:
        raise ValueError(f"tensor {name!r} of the shape {list(shape)} has {len(data)} bytes")
    values = np.ndarray(shape, dtype, data)
    if not np.isfinite(values).all():
        raise ValueError(f"tensor {name!r} has values that are not finite")
    return TensorInfo(name, shape, values)


def _operation(table: _Table, kinds: list[str]) -> Operation:
    kind = _at(kinds, table.number(0, "I"), "operator")
    if kind not in _KINDS.values():
        raise ValueError(f"operator {kind} is not supported")
    number, fields = _OPTIONS.get(kind, (0, {}))
    options = table.table(4)
    if fields and options is not None and table.number(3, "B") != number:
        raise ValueError(f"operator {kind} has the options of another")
    values = {
        name: default if options is None else options.number(field, code, default)
        for name, (field, code, default) in fields.items()
    }
    return Operation(kind, table.numbers(1), table.numbers(2), values)


def _check_order(graph: Graph) -> None:
    """Raise ``ValueError`` unless every tensor is written once, before it is read."""
    if not graph.inputs or not graph.outputs:
        raise ValueError("a network without inputs or outputs")
    count = len(graph.tensors)
    known = {index for index, tensor in enumerate(graph.tensors) if tensor.constant is not None}

    def write(indices: tuple[int, ...]) -> None:
        for index in indices:
            if not 0 <= index < count or index in known:
                raise ValueError(f"tensor {index} is written, but does not exist or has a value")
            known.add(index)

    write(graph.inputs)
    for operation in graph.operations:
        if unknown := set(operation.inputs) - known - {-1}:
            raise ValueError(f"{operation.kind} reads tensor {min(unknown)}, which has no value yet")
        write(operation.outputs)
    if not known.issuperset(graph.outputs):
        raise ValueError("an output has no value")


class _Table:
    """A flatbuffer's table: fields by number, each of which may be absent."""

    def __init__(self, data: memoryview, at: int) -> None:
        self.data, self.at = data, at
        self._fields = at - _number(data, at, "i")
        self._size = _number(data, self._fields, "H")

    def has(self, field: int) -> bool:
        return self._offset(field) is not None

    def number(self, field: int, code: str, default: int = 0) -> int:
        """An integer, of the type ``code`` (of the module ``struct``)."""
        at = self._offset(field)
        return default if at is None else _number(self.data, at, code)

    def numbers(self, field: int) -> tuple[int, ...]:
        """A list of 32-bit integers."""
        data = self.blob(field, 4)
        return struct.unpack(f"<{len(data) // 4}i", data)

    def text(self, field: int) -> str:
        return bytes(self.blob(field)).decode("utf-8", "replace")

    def blob(self, field: int, size: int = 1) -> memoryview:
        """The bytes of a list of elements of that ``size``."""
        start = self._target(field)
        if start is None:
            return self.data[:0]
        end = start + 4 + size * _number(self.data, start, "I")
        if end > len(self.data):
            raise ValueError("the file ends too early")
        return self.data[start + 4 : end]

    def table(self, field: int) -> _Table | None:
        at = self._target(field)
        return None if at is None else _Table(self.data, at)

    def tables(self, field: int) -> list[_Table]:
        """A list of tables."""
        start = self._target(field)
        if start is None:
            return []
        places = range(start + 4, start + 4 + 4 * (len(self.blob(field, 4)) // 4), 4)
        return [_Table(self.data, at + _number(self.data, at, "I")) for at in places]

    def _offset(self, field: int) -> int | None:
        place = 4 + 2 * field
        if place + 2 > self._size:
            return None
        offset = _number(self.data, self._fields + place, "H")
        return self.at + offset if offset else None

    def _target(self, field: int) -> int | None:
        at = self._offset(field)
        return None if at is None else at + _number(self.data, at, "I")


def _number(data: memoryview, at: int, code: str) -> int:
    if at < 0 or at + struct.calcsize(code) > len(data):
        raise ValueError("an offset leads out of the file")
    value: int = struct.unpack_from(f"<{code}", data, at)[0]
    return value


def _at(items: list[T], index: int, what: str) -> T:
    if not 0 <= index < len(items):
        raise ValueError(f"{what} {index} does not exist")
    return items[index]
