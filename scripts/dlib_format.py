"""Reader for networks saved by dlib (``.dat``): their layers, bottom first, with their tensors.

The format, as dlib's ``serialize`` writes it: an integer is one byte, whose low four bits give the number
of bytes that follow (little endian) and whose highest bit is the sign; a float is two integers, mantissa
and power of two; a string is its length and its bytes; a boolean is the character 0 or 1; a tensor is a
version (2), its four sizes (samples, channels, rows, columns) and its values as little-endian 4-byte
floats. A network is the loss, a version for every layer from the top down to the input, the input itself,
and the layers from the bottom up, each with its details and remains of training. The file contains no code,
and reading it runs none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facedouble.errors import AssetError

Values = npt.NDArray[np.float32]

_NONE: Values = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its ``kind`` (dlib's name for it), its parameters, flat, and its ``numbers``: for a
    convolution ``(filters, rows, columns, stride, stride, padding, padding)``, for pooling the same without
    filters, for a dense layer ``(outputs, inputs)``, otherwise none."""

    kind: str
    parameters: Values
    numbers: tuple[int, ...] = ()


def read_network(path: Path) -> tuple[tuple[float, float, float], list[Layer]]:
    """The mean R, G, B (0..255) that the input layer subtracts, and the layers, bottom first.

    Reads networks with a metric loss and a sized RGB input that consist of convolutions, affine layers,
    pooling, ReLU, sums and a dense layer, such as dlib's face descriptor. Raises ``AssetError`` for any
    other or truncated file.
    """
    try:
        reader = _Reader(path.read_bytes())
        return reader.network()
    except OSError as error:
        raise AssetError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, IndexError, OverflowError) as error:
        raise AssetError(f"{path}: not a network saved by dlib, or damaged ({error})") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def network(self) -> tuple[tuple[float, float, float], list[Layer]]:
        self.integer()
        if (loss := self.string()) != "loss_metric_2":
            raise ValueError(f"unexpected loss {loss!r}")
        self.float(), self.float()
        # Versions of the layers, top down; the input's name begins with its length, which is no version.
        name = "input_rgb_image_sized"
        while (number := self.integer()) != len(name):
            if number not in (1, 2, 3):
                raise ValueError(f"unexpected layer version {number}")
        if (found := self.bytes(len(name)).decode("latin-1")) != name:
            raise ValueError(f"unexpected input {found!r}")
        mean = (self.float(), self.float(), self.float())
        self.integer(), self.integer()
        layers = []
        while self.at < len(self.data):
            layers.append(self.layer())
            self.leftovers(first=len(layers) == 1)
        return mean, layers

    def layer(self) -> Layer:
        kind = self.string()
        if kind == "con_4":
            parameters = self.tensor()
            numbers = tuple(self.integer() for _ in range(7))
            self.positions()
            self.rates()
        elif kind == "affine_":
            parameters, numbers = self.tensor(), ()
            self.positions()
            self.integer()
        elif kind == "fc_2":
            numbers = (self.integer(), self.integer())
            parameters = self.tensor()
            self.positions()
            self.integer()
            self.rates()
        elif kind in ("max_pool_2", "avg_pool_2"):
            parameters, numbers = _NONE, tuple(self.integer() for _ in range(6))
        elif kind in ("relu_", "add_prev_"):
            parameters, numbers = _NONE, ()
        else:
            raise ValueError(f"unexpected layer {kind!r}")
        return Layer(kind, parameters, numbers)

    def leftovers(self, *, first: bool) -> None:
        """Skip a layer's remains of training: three booleans and three tensors, and for the first layer the
        number of samples that the input makes from one picture."""
        for _ in range(3):
            self.boolean()
        for _ in range(3):
            self.tensor()
        if first:
            self.integer()

    def rates(self) -> None:
        """Skip the learning and decay rates of weights and biases."""
        for _ in range(4):
            self.float()

    def positions(self) -> None:
        """Skip the positions of two tensors in the parameters: for each a version and four sizes."""
        for _ in range(10):
            self.integer()

    def tensor(self) -> Values:
        if (version := self.integer()) != 2:
            raise ValueError(f"unexpected tensor version {version}")
        count = math.prod(self.integer() for _ in range(4))
        values = np.frombuffer(self.bytes(4 * count), dtype="<f4")
        return values.astype(np.float32)

    def integer(self) -> int:
        control = self.bytes(1)[0]
        size = control & 0x0F
        if not 1 <= size <= 8 or control & 0x70:
            raise ValueError(f"no integer at byte {self.at - 1}")
        value = int.from_bytes(self.bytes(size), "little")
        return -value if control & 0x80 else value

    def float(self) -> float:
        mantissa = self.integer()
        return math.ldexp(mantissa, self.integer())

    def string(self) -> str:
        return self.bytes(self.integer()).decode("latin-1")

    def boolean(self) -> None:
        if self.bytes(1) not in (b"0", b"1"):
            raise ValueError(f"no boolean at byte {self.at - 1}")

    def bytes(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise ValueError("the file ends too early")
        self.at += count
        return self.data[self.at - count : self.at]
