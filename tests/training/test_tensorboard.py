import struct
from pathlib import Path

import pytest

from facedouble.training.tensorboard import Scalars, _masked


def records(path: Path) -> list[bytes]:
    """The records of a TFRecord file, checksums compared."""
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12])[0] == _masked(data[:8])
        body = data[12 : 12 + length]
        assert struct.unpack("<I", data[12 + length : 16 + length])[0] == _masked(body)
        found.append(body)
        data = data[16 + length :]
    return found


def fields(data: bytes) -> list[tuple[int, bytes | int]]:
    """Number and value of each field of a message of protocol buffers."""

    def varint() -> int:
        nonlocal data
        value = shift = 0
        while True:
            byte, data = data[0], data[1:]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    found: list[tuple[int, bytes | int]] = []
    while data:
        number, kind = divmod(varint(), 8)
        if kind == 0:
            found.append((number, varint()))
            continue
        size = {1: 8, 5: 4}[kind] if kind != 2 else varint()
        found.append((number, data[:size]))
        data = data[size:]
    return found


def test_the_checksum_is_that_of_the_standard() -> None:
    """CRC-32C of RFC 3720, B.4: 32 bytes of nought, and of ones."""
    for data, crc in ((bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43)):
        assert _masked(data) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_numbers_are_read_back(tmp_path: Path) -> None:
    scalars = Scalars(tmp_path / "events")
    scalars.write(7, {"loss/a": 0.25, "loss/b": -3.5})
    scalars.write(300, {"loss/a": 0.125})
    first, *events = [dict(fields(record)) for record in records(scalars.path)]
    assert first[3] == b"brain.Event:2"
    found = []
    for event in events:
        assert isinstance(event[5], bytes)
        for _, value in fields(event[5]):
            assert isinstance(value, bytes)
            entry = dict(fields(value))
            assert isinstance(entry[2], bytes)
            found.append((event[2], entry[1], struct.unpack("<f", entry[2])[0]))
    assert found == [(7, b"loss/a", 0.25), (7, b"loss/b", -3.5), (300, b"loss/a", 0.125)]
    assert "tfevents" in scalars.path.name


def test_nothing_is_made_before_there_is_anything_to_say(tmp_path: Path) -> None:
    Scalars(tmp_path / "events")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("in the way")
    with pytest.raises(OSError, match="events"):
        Scalars(tmp_path / "events").write(1, {"loss": 1.0})
