"""Files that strangers could send: small, and asking for much."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of ISO 14496-12."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def patched(source: Path, target: Path, kind: bytes, at: int, value: bytes) -> Path:
    """A copy of an MP4 in which ``value`` stands at an offset of the body of the first box ``kind``."""
    data = bytearray(source.read_bytes())
    place = data.index(kind) + 4 + at
    data[place : place + len(value)] = value
    target.write_bytes(data)
    return target


def png_of(width: int, height: int) -> bytes:
    """A grey PNG that claims a size; its rows are missing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(10_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + rows + chunk(b"IEND", b"")


def bmp_of(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 100, 0, 0, 54) + head + bytes(100)


def tiff_of(width: int, height: int, order: str = "<") -> bytes:
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 200), (277, 1), (278, height)]
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return (mark + struct.pack(order + "IH", 8, len(tags)) + entries + bytes(4)).ljust(300, b"\0")


def webp_of(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + sides
    return b"RIFF" + struct.pack("<I", len(body)) + body


def exr_of(width: int, height: int) -> bytes:
    def attribute(name: bytes, kind: bytes, value: bytes) -> bytes:
        return name + b"\0" + kind + b"\0" + struct.pack("<I", len(value)) + value

    window = struct.pack("<iiii", 0, 0, width - 1, height - 1)
    return b"\x76\x2f\x31\x01\x02\0\0\0" + b"".join(
        [
            attribute(b"channels", b"chlist", b"R\0" + struct.pack("<IIII", 1, 0, 1, 1) + b"\0"),
            attribute(b"compression", b"compression", b"\0"),
            attribute(b"dataWindow", b"box2i", window),
            attribute(b"displayWindow", b"box2i", struct.pack("<iiii", 0, 0, 15, 15)),
            b"\0",
        ]
    )


def jpeg_resized(data: bytes, width: int, height: int) -> bytes:
    """A JPEG that claims another size."""
    at = next(place for place in range(len(data)) if data[place : place + 2] in (b"\xff\xc0", b"\xff\xc2"))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]
