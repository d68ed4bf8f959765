"""Writes networks in TensorFlow Lite's format (see ``facedouble.networks.tflite``), of the operators that
dlib's face descriptor needs. Weights are stored as half floats, as Google does for its face networks."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int32]

OPERATORS = {
    "ADD": 0,
    "AVERAGE_POOL_2D": 1,
    "CONV_2D": 3,
    "DEQUANTIZE": 6,
    "FULLY_CONNECTED": 9,
    "MAX_POOL_2D": 17,
    "PAD": 34,
    "MEAN": 40,
}
"""Numbers in the schema; the order is that in the file."""

_TYPES = {"<f4": 0, "<f2": 1, "<i4": 2}
_SAME, _VALID = 0, 1
_NONE, _RELU = 0, 1


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number of the type ``code`` (of the module ``struct``)."""

    code: str
    value: int


@dataclass(frozen=True, slots=True)
class Vector:
    """A list of numbers, as bytes, of ``count`` elements."""

    data: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Table:
    """A flatbuffer's table: its fields by number."""

    fields: Mapping[int, Scalar | Vector | Table | Sequence[Table]]


Value = Scalar | Vector | Table | Sequence[Table]


def text(words: str) -> Vector:
    """A string."""
    return Vector(words.encode() + b"\0", len(words.encode()))


def integers(numbers: Sequence[int]) -> Vector:
    """A list of 32-bit integers."""
    return Vector(struct.pack(f"<{len(numbers)}i", *numbers), len(numbers))


def flatbuffer(root: Table, identifier: bytes) -> bytes:
    """The file of a table and all that it holds."""
    data = bytearray(b"\0\0\0\0" + identifier)
    _refer(data, 0, root)
    return bytes(data)


def _refer(data: bytearray, place: int, what: Vector | Table | Sequence[Table]) -> None:
    """Append ``what``, and write at ``place`` how far behind it that is."""
    if isinstance(what, Table):
        start = _append_table(data, what)
    elif isinstance(what, Vector):
        data.extend(bytes(-(len(data) + 4) % 16))  # constants are aligned to 16 bytes
        start = len(data)
        data.extend(struct.pack("<I", what.count) + what.data)
    else:
        data.extend(bytes(-len(data) % 4))
        start = len(data)
        data.extend(struct.pack("<I", len(what)) + bytes(4 * len(what)))
    struct.pack_into("<I", data, place, start - place)
    if not isinstance(what, Table | Vector):
        for number, table in enumerate(what):
            _refer(data, start + 4 + 4 * number, table)


def _append_table(data: bytearray, table: Table) -> int:
    count = max(table.fields, default=-1) + 1
    data.extend(bytes(-(len(data) + 2 * count) % 4))
    fields_at = len(data)
    start = fields_at + 4 + 2 * count
    places, at = {}, start + 4
    for number in table.fields:
        places[number] = at
        at += 4
    offsets = [places[number] - start if number in places else 0 for number in range(count)]
    data.extend(struct.pack(f"<HH{count}H", 4 + 2 * count, at - start, *offsets))
    data.extend(struct.pack("<i", start - fields_at) + bytes(at - start - 4))
    for number, value in table.fields.items():
        if isinstance(value, Scalar):
            struct.pack_into(f"<{value.code}", data, places[number], value.value)
        else:
            _refer(data, places[number], value)
    return start


@dataclass
class NetworkWriter:
    """Collects a network's operations; tensors are known by their indices."""

    description: str
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    _tensors: list[Table] = field(default_factory=list)
    _buffers: list[Table] = field(default_factory=lambda: [Table({})])
    _operations: list[Table] = field(default_factory=list)

    def tensor(self, name: str, shape: Sequence[int], values: npt.NDArray[np.generic] | None = None) -> int:
        dtype, buffer = "<f4", 0
        if values is not None:
            dtype, buffer = values.dtype.str, len(self._buffers)
            self._buffers.append(Table({0: Vector(values.tobytes(), values.nbytes)}))
        kind = Scalar("b", _TYPES[dtype])
        fields: dict[int, Value] = {0: integers(shape), 1: kind, 2: Scalar("I", buffer), 3: text(name)}
        self._tensors.append(Table(fields))
        self.shapes.append(tuple(shape))
        return len(self.shapes) - 1

    def weights(self, name: str, values: Values) -> int:
        """A constant, stored as half floats."""
        stored = self.tensor(f"{name} half", values.shape, values.astype("<f2"))
        return self.operation("DEQUANTIZE", [stored], name, values.shape)

    def numbers(self, name: str, values: Sequence[int] | Sequence[Sequence[int]]) -> int:
        array: Numbers = np.array(values, "<i4")
        return self.tensor(name, array.shape, array)

    def convolution(
        self,
        x: int,
        name: str,
        weight: Values,
        bias: Values,
        *,
        stride: int = 1,
        same: bool = True,
        relu: bool,
    ) -> int:
        """Of ``weight`` (outputs, rows, columns, inputs)."""
        outputs, rows, columns, _ = weight.shape
        shape = (1, *self._moved(x, (rows, columns), stride, same=same), outputs)
        options = self._window(stride, same=same) | {3: Scalar("b", _RELU if relu else _NONE)}
        inputs = [x, self.weights(f"{name} weight", weight), self.weights(f"{name} bias", bias)]
        return self.operation("CONV_2D", inputs, name, shape, 1, options)

    def pool(self, kind: str, x: int, name: str, window: int, stride: int) -> int:
        shape = (1, *self._moved(x, (window, window), stride, same=False), self.shapes[x][3])
        size = {3: Scalar("i", window), 4: Scalar("i", window)}
        return self.operation(kind, [x], name, shape, 5, self._window(stride, same=False) | size)

    def add(self, a: int, b: int, name: str, *, relu: bool) -> int:
        options = {0: Scalar("b", _RELU if relu else _NONE)}
        return self.operation("ADD", [a, b], name, self.shapes[a], 11, options)

    def pad(self, x: int, name: str, shape: Sequence[int]) -> int:
        """Zeros at the end of each axis, up to ``shape``."""
        missing = [[0, wanted - had] for wanted, had in zip(shape, self.shapes[x], strict=True)]
        return self.operation("PAD", [x, self.numbers(f"{name} sizes", missing)], name, shape, 22, {})

    def mean(self, x: int, name: str) -> int:
        """Over rows and columns."""
        axes = self.numbers(f"{name} axes", [1, 2])
        options = {0: Scalar("b", 0)}
        return self.operation("MEAN", [x, axes], name, (1, self.shapes[x][3]), 27, options)

    def dense(self, x: int, name: str, weight: Values) -> int:
        """Of ``weight`` (outputs, inputs), and no bias."""
        inputs = [x, self.weights(f"{name} weight", weight), -1]
        return self.operation("FULLY_CONNECTED", inputs, name, (1, len(weight)), 8, {})

    def operation(
        self,
        kind: str,
        inputs: Sequence[int],
        name: str,
        shape: Sequence[int],
        options_type: int = 0,
        options: Mapping[int, Scalar] | None = None,
    ) -> int:
        """Append an operation, and return its result's tensor."""
        result = self.tensor(name, shape)
        fields: dict[int, Value] = {
            0: Scalar("I", list(OPERATORS).index(kind)),
            1: integers(inputs),
            2: integers([result]),
        }
        if options is not None:
            fields |= {3: Scalar("B", options_type), 4: Table(options)}
        self._operations.append(Table(fields))
        return result

    def file(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        codes = [
            Table({0: Scalar("b", number), 2: Scalar("i", 1), 3: Scalar("i", number)})
            for number in OPERATORS.values()
        ]
        graph = Table({0: self._tensors, 1: integers(inputs), 2: integers(outputs), 3: self._operations})
        fields: dict[int, Value] = {
            0: Scalar("I", 3),
            1: codes,
            2: [graph],
            3: text(self.description),
            4: self._buffers,
        }
        return flatbuffer(Table(fields), b"TFL3")

    def _moved(self, x: int, window: tuple[int, int], stride: int, *, same: bool) -> tuple[int, int]:
        """Rows and columns of what a window gives that moves over a picture."""
        _, rows, columns, _ = self.shapes[x]
        less = (0, 0) if same else (window[0] - 1, window[1] - 1)
        return -(-(rows - less[0]) // stride), -(-(columns - less[1]) // stride)

    def _window(self, stride: int, *, same: bool) -> dict[int, Scalar]:
        return {
            0: Scalar("b", _SAME if same else _VALID),
            1: Scalar("i", stride),
            2: Scalar("i", stride),
        }
