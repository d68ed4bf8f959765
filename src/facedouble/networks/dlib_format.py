"""Reading the networks that dlib saved (``.dat``): its layers, bottom first, with their tensors.

The format, as dlib's ``serialize`` writes it: an integer is one byte, whose low four bits say how many
bytes of it follow (little endian) and whose highest bit is its sign; a float is two integers, mantissa and
power of two; a string is its length and its bytes; a truth value is the letter 0 or 1; a tensor is a
version (2), its four sizes (samples, channels, rows, columns) and its values as little endian 4-byte floats.
A network is the loss, then a version for every layer from the top down to the input, the input itself, and
the layers from the bottom up, each its details and what was left over from training. Nothing in it is
code, and reading it runs none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facedouble.errors import AssetError

_NONE = torch.zeros(0)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its ``kind`` (dlib's name of it), its parameters in one row, and its numbers: for a
    convolution ``(filters, rows, columns, stride, stride, padding, padding)``, for pooling the same without
    filters, for a dense layer ``(outputs, inputs)``, else none."""

    kind: str
    parameters: Tensor
    numbers: tuple[int, ...] = ()


def read_network(path: Path) -> tuple[tuple[float, float, float], list[Layer]]:
    """The mean R, G, B that the input takes away (0..255), and the layers, bottom first.

    Reads networks with a metric loss over a sized RGB input, of convolutions, affine layers, pooling,
    ReLU, sums and a dense layer, which is what dlib's face descriptor is. Raises ``AssetError`` for a
    file that is something else or is cut off.
    """
    try:
        reader = _Reader(path.read_bytes())
        return reader.network()
    except OSError as error:
        raise AssetError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, IndexError, OverflowError) as error:
        raise AssetError(f"{path}: not a network that dlib saved, or damaged ({error})") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def network(self) -> tuple[tuple[float, float, float], list[Layer]]:
        self.integer()
        if (loss := self.string()) != "loss_metric_2":
            raise ValueError(f"a loss {loss!r}")
        self.float(), self.float()
        # Versions of the layers, top down; the name of the input begins where a 21 stands for one.
        name = "input_rgb_image_sized"
        while (number := self.integer()) != len(name):
            if number not in (1, 2, 3):
                raise ValueError(f"a layer of version {number}")
        if (found := self.bytes(len(name)).decode("latin-1")) != name:
            raise ValueError(f"an input {found!r}")
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
            self.places()
            self.rates()
        elif kind == "affine_":
            parameters, numbers = self.tensor(), ()
            self.places()
            self.integer()
        elif kind == "fc_2":
            numbers = (self.integer(), self.integer())
            parameters = self.tensor()
            self.places()
            self.integer()
            self.rates()
        elif kind in ("max_pool_2", "avg_pool_2"):
            parameters, numbers = _NONE, tuple(self.integer() for _ in range(6))
        elif kind in ("relu_", "add_prev_"):
            parameters, numbers = _NONE, ()
        else:
            raise ValueError(f"a layer {kind!r}")
        return Layer(kind, parameters, numbers)

    def leftovers(self, *, first: bool) -> None:
        """What a layer keeps of its training: three truth values and three tensors; the first one also
        how many samples the input makes of one picture."""
        for _ in range(3):
            self.truth()
        for _ in range(3):
            self.tensor()
        if first:
            self.integer()

    def rates(self) -> None:
        """How fast weights and biases learn and decay, which are of no use here."""
        for _ in range(4):
            self.float()

    def places(self) -> None:
        """Where in the parameters two tensors lie: for each a version and four sizes."""
        for _ in range(10):
            self.integer()

    def tensor(self) -> Tensor:
        if (version := self.integer()) != 2:
            raise ValueError(f"a tensor of version {version}")
        count = math.prod(self.integer() for _ in range(4))
        values = np.frombuffer(self.bytes(4 * count), dtype="<f4")
        return torch.from_numpy(values.astype(np.float32))

    def integer(self) -> int:
        control = self.bytes(1)[0]
        size = control & 0x0F
        if not 1 <= size <= 8 or control & 0x70:
            raise ValueError(f"no number at byte {self.at - 1}")
        value = int.from_bytes(self.bytes(size), "little")
        return -value if control & 0x80 else value

    def float(self) -> float:
        mantissa = self.integer()
        return math.ldexp(mantissa, self.integer())

    def string(self) -> str:
        return self.bytes(self.integer()).decode("latin-1")

    def truth(self) -> None:
        if self.bytes(1) not in (b"0", b"1"):
            raise ValueError(f"no truth value at byte {self.at - 1}")

    def bytes(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise ValueError("it ends too early")
        self.at += count
        return self.data[self.at - count : self.at]
