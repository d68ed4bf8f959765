"""Event files that TensorBoard reads, written without TensorBoard.

A file is a row of records (TFRecord: length, checksum, data, checksum), each an ``Event`` in the
wire format of protocol buffers. Only numbers over iterations are written, which takes four fields of
it; TensorBoard's own writer would bring a dozen packages along.

Formats: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto and
tensorflow/core/framework/summary.proto.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Mapping
from pathlib import Path

from facedouble.files import append_regular

_VERSION = b"brain.Event:2"
_DOUBLE, _VARINT, _BYTES, _FLOAT = 1, 0, 2, 5  # wire types; DOUBLE is any eight bytes


class Scalars:
    """Writes scalars over iterations into a new event file in ``folder``, created with the first values.

    Raises ``OSError`` when it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        # The names TensorBoard looks for; the process tells two of one second apart.
        self.path = folder / f"events.out.tfevents.{time.time():.0f}.facedouble.{os.getpid()}"

    def write(self, iteration: int, values: Mapping[str, float]) -> None:
        """Add ``values`` at ``iteration``. What is written is whole even if the process is killed."""
        data = b""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            data = _record(_number(1, _DOUBLE, struct.pack("<d", time.time())) + _text(3, _VERSION))
        data += _record(_event(iteration, values))
        with append_regular(self.path) as file:
            file.write(data)


def _event(iteration: int, values: Mapping[str, float]) -> bytes:
    summary = b"".join(
        _text(1, _text(1, name.encode()) + _number(2, _FLOAT, struct.pack("<f", value)))
        for name, value in values.items()
    )
    return (
        _number(1, _DOUBLE, struct.pack("<d", time.time()))
        + _number(2, _VARINT, _varint(iteration))
        + _text(5, summary)
    )


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _masked(length)) + data + struct.pack("<I", _masked(data))


def _number(field: int, kind: int, value: bytes) -> bytes:
    return _varint(field << 3 | kind) + value


def _text(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the high bit says that more follow."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _masked(data: bytes) -> int:
    """CRC-32C (Castagnoli), rotated and shifted as TFRecord has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()
