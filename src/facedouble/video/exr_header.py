"""The head of an OpenEXR file, read without the library: what is in it, and whether that can be true.

A file of a few hundred bytes can claim billions of pixels, or point anywhere. So everything that the library
allocates or follows is checked here first. Attributes are kept as bytes, so that all of them, known or not,
go into what is written (:func:`with_attributes`).

Layout: OpenEXR file layout, https://openexr.com/en/latest/OpenEXRFileLayout.html.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

MAGIC = b"\x76\x2f\x31\x01"
_TILED, _LONG_NAMES, _DEEP, _MULTIPART = 0x200, 0x400, 0x800, 0x1000
_KNOWN = 0xFF | _TILED | _LONG_NAMES | _DEEP | _MULTIPART
_MAX_PARTS, _MAX_ATTRIBUTES, _MAX_CHANNELS = 256, 4096, 1024
_MAX_NAME = 255
_FAR = 1 << 24  # pixels from the origin
_TYPES: Mapping[int, np.dtype[Any]] = {
    0: np.dtype(np.uint32),
    1: np.dtype(np.float16),
    2: np.dtype(np.float32),
}
_LINES: Mapping[int, int] = {
    0: 1,
    1: 1,
    2: 1,
    3: 16,
    4: 32,
    5: 16,
    6: 32,
    7: 32,
    8: 32,
    9: 256,
    10: 256,
    11: 32,
}
"""Lines in a chunk, by the number of the compression; newer ones are left to the library."""

_NEEDED = ("channels", "compression", "dataWindow", "displayWindow")
STRUCTURE = frozenset({*_NEEDED, "lineOrder", "tiles", "type", "name",
                       "version", "chunkCount", "preview", "dwaCompressionLevel"})  # fmt: skip
"""Attributes that follow from what is written. A preview shows the picture as it was."""


class Attribute(NamedTuple):
    """An attribute of a header as it is stored."""

    name: str
    type: str
    value: bytes


class Window(NamedTuple):
    """Pixels from (left, top) to (right, bottom), both inclusive, as OpenEXR counts."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left + 1, self.bottom - self.top + 1


@dataclass(frozen=True, slots=True)
class ExrPart:
    """One part of a file. ``channels`` are their kinds by name, in the file's order; ``chunks``
    is how many pieces its pixels are stored in, ``None`` for a compression that is not known here."""

    name: str
    attributes: Sequence[Attribute]
    channels: Mapping[str, np.dtype[Any]]
    data_window: Window
    display_window: Window
    compression: int
    chunks: int | None = None

    def value(self, name: str, type: str) -> bytes | None:
        """The bytes of an attribute; ``None`` if there is none of this name and type."""
        return next((one.value for one in self.attributes if (one.name, one.type) == (name, type)), None)

    @property
    def bytes(self) -> int:
        """What its pixels take."""
        width, height = self.data_window.size
        return width * height * sum(kind.itemsize for kind in self.channels.values())


@dataclass(frozen=True, slots=True)
class ExrHeader:
    """All parts of a file; ``end`` is where the tables of offsets begin, ``is_multipart`` how its headers are
    written."""

    parts: Sequence[ExrPart]
    end: int
    is_multipart: bool


def read_exr_header(data: bytes) -> ExrHeader:
    """Everything in front of the pixels of an OpenEXR file.

    Raises ``ValueError`` for what is no OpenEXR file, damaged, or of a kind that is not read: deep images,
    several resolutions, subsampled channels.
    """
    try:
        return _header(data)
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError("not an EXR image that can be read (its header is damaged)") from error


def check_offsets(data: bytes, header: ExrHeader) -> None:
    """Raise ``ValueError`` where a chunk of ``data``, all of the file, is not behind the tables and inside
    the file."""
    counts = [part.chunks for part in header.parts]
    at = header.end
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        return
    if any(count < 1 for count in known) or at + 8 * sum(known) > len(data):
        raise ValueError("damaged or cut off (the EXR table of offsets is longer than the file)")
    offsets = np.frombuffer(data, dtype="<u8", count=sum(known), offset=at)
    if (offsets < at + offsets.nbytes).any() or (offsets > len(data) - 8).any():
        raise ValueError("damaged or cut off (an EXR offset leads nowhere)")


def with_attributes(data: bytes, attributes: Sequence[Sequence[Attribute]]) -> bytes:
    """A file with these attributes added to each of its parts; those it has by these names are replaced."""
    header = _header(data)
    written = bytearray(data[:8])
    for part, added in zip(header.parts, attributes, strict=True):
        names = {one.name for one in added}
        for one in (*(own for own in part.attributes if own.name not in names), *added):
            written += one.name.encode() + b"\0" + one.type.encode() + b"\0"
            written += struct.pack("<i", len(one.value)) + one.value
        written += b"\0"
    if header.is_multipart:
        written += b"\0"
    moved = len(written) - header.end
    long = any(len(one.name) > 31 for added in attributes for one in added)
    struct.pack_into("<I", written, 4, struct.unpack_from("<I", written, 4)[0] | (_LONG_NAMES if long else 0))
    count = sum(part.chunks or 0 for part in header.parts)
    table = np.frombuffer(data, dtype="<u8", count=count, offset=header.end) + np.uint64(moved)
    return bytes(written) + table.tobytes() + data[header.end + table.nbytes :]


def _header(data: bytes) -> ExrHeader:
    if data[:4] != MAGIC:
        raise ValueError("not an EXR image")
    version = struct.unpack_from("<I", data, 4)[0]
    if version & 0xFF != 2 or version & ~_KNOWN:
        raise ValueError("not an EXR image that can be read (another version)")
    if version & _DEEP:
        raise ValueError("deep EXR images are not read; flatten it first")
    multipart = bool(version & _MULTIPART)
    parts, at = [], 8
    for _ in range(_MAX_PARTS):
        attributes, at = _attributes(data, at)
        if not attributes and multipart:
            break
        parts.append(_part(attributes, tiled=bool(version & _TILED)))
        if not multipart:
            break
    else:
        raise ValueError("an EXR image of too many parts")
    if not parts:
        raise ValueError("an EXR image without a part")
    return ExrHeader(parts, at, multipart)


def _attributes(data: bytes, at: int) -> tuple[list[Attribute], int]:
    found: list[Attribute] = []
    while data[at] != 0:
        if len(found) == _MAX_ATTRIBUTES:
            raise ValueError("an EXR image with too many attributes")
        name, at = _text(data, at)
        kind, at = _text(data, at)
        length = struct.unpack_from("<i", data, at)[0]
        at += 4
        if length < 0 or at + length > len(data):
            raise ValueError("damaged or cut off (an attribute of the EXR header is longer than the file)")
        found.append(Attribute(name, kind, data[at : at + length]))
        at += length
    return found, at + 1


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(b"\0", at, at + _MAX_NAME + 1)
    if end < at:
        raise ValueError("damaged or cut off (a name in the EXR header has no end)")
    return data[at:end].decode("utf-8"), end + 1


def _part(attributes: Sequence[Attribute], *, tiled: bool) -> ExrPart:
    values = {one.name: one for one in attributes}
    missing = [name for name in _NEEDED if name not in values]
    if missing:
        raise ValueError(f"its EXR header has no {missing[0]}")
    kind = values["type"].value.rstrip(b"\0") if "type" in values else b""
    if kind.startswith(b"deep"):
        raise ValueError("deep EXR images are not read; flatten it first")
    if kind not in (b"", b"scanlineimage", b"tiledimage"):
        raise ValueError("an EXR image of an unknown kind of part")
    data, display = (
        Window(*struct.unpack("<iiii", values[name].value)) for name in ("dataWindow", "displayWindow")
    )
    for window in (data, display):
        if min(window.size) < 1 or max(map(abs, window)) > _FAR:
            raise ValueError("its EXR header has a window that no picture has")
    tiles = _tiles(values) if kind == b"tiledimage" or (tiled and not kind) else None
    name = values["name"].value.decode("utf-8") if "name" in values else ""
    channels = _channels(values["channels"].value)
    compression = values["compression"].value[0]
    if "chunkCount" in values:
        chunks: int | None = struct.unpack("<i", values["chunkCount"].value)[0]
    else:
        chunks = _chunks(data, tiles, compression)
    return ExrPart(name, attributes, channels, data, display, compression, chunks)


def _tiles(values: Mapping[str, Attribute]) -> tuple[int, int]:
    """Width and height of tiles."""
    if "tiles" not in values:
        raise ValueError("its EXR header has no tiles")
    width, height, mode = struct.unpack("<IIB", values["tiles"].value)
    if not (0 < width <= _FAR and 0 < height <= _FAR) or width * height > _FAR:
        raise ValueError("its EXR header has tiles that no picture has")
    if mode & 0xF:
        raise ValueError("EXR images of several resolutions (mipmaps) are not read")
    return width, height


def _channels(data: bytes) -> dict[str, np.dtype[Any]]:
    found: dict[str, np.dtype[Any]] = {}
    at = 0
    while data[at] != 0:
        name, at = _text(data, at)
        kind, _, across, down = struct.unpack_from("<iB3xii", data, at)
        at += 16
        if kind not in _TYPES or name in found or len(found) == _MAX_CHANNELS:
            raise ValueError("its EXR header has channels that cannot be read")
        if (across, down) != (1, 1):
            raise ValueError("EXR images with subsampled channels (luminance and chroma) are not read")
        found[name] = _TYPES[kind]
    if not found:
        raise ValueError("an EXR image without a channel")
    return found


def _chunks(window: Window, tiles: tuple[int, int] | None, compression: int) -> int | None:
    """How many chunks there are where a header does not say it."""
    width, height = window.size
    if tiles is not None:
        return -(-width // tiles[0]) * -(-height // tiles[1])
    lines = _LINES.get(compression)
    return None if lines is None else -(-height // lines)
