"""XMP in TIFF files: tag 700 of the first directory (XMP specification, part 3). Pixels stay as they are.

TIFF 6.0: an eight-byte header gives the byte order and the offset of the first directory. A directory is a
count, entries of twelve bytes sorted by tag, and the offset of the next directory. So a tag is added by
appending a new directory to the file.
"""

from __future__ import annotations

import struct

from facedouble.errors import InputError

MAGIC = (b"II*\0", b"MM\0*")

_XMP = 700
_BYTES = 1  # type of an entry of bytes
_ENTRY = 12
_MAX_OFFSET = 0xFFFFFFFF


def tiff_with_xmp(data: bytes, packet: bytes) -> bytes:
    """The TIFF file ``data`` with ``packet`` as its XMP.

    Raises ``InputError`` when it is damaged, or too large for one more entry.
    """
    order = _order(data)
    entries, following = _directory(data, order)
    old = _packet(data, entries, order)
    if old is not None:  # nothing refers to it now, but programs that scan for packets would find it
        data = data[: old.start] + bytes(old.stop - old.start) + data[old.stop :]
    if len(data) % 2:
        data += b"\0"  # directories start at even offsets
    where = len(data) + len(packet) % 2 + len(packet)
    if where > _MAX_OFFSET - 2**16:
        raise InputError("the TIFF is too large to be marked")
    ours = struct.pack(order + "HHII", _XMP, _BYTES, len(packet), len(data))
    tag = struct.Struct(order + "H")
    kept = [entry for entry in entries if tag.unpack_from(entry)[0] != _XMP]
    entries = sorted([*kept, ours], key=lambda entry: tag.unpack_from(entry)[0])
    directory = (
        struct.pack(order + "H", len(entries)) + b"".join(entries) + struct.pack(order + "I", following)
    )
    head = data[:4] + struct.pack(order + "I", where)
    return b"".join((head, data[8:], packet, bytes(len(packet) % 2), directory))


def _packet(data: bytes, entries: list[bytes], order: str) -> slice | None:
    """The place of the XMP packet in ``data``."""
    for entry in entries:
        tag, _, count, where = struct.unpack(order + "HHII", entry)
        if tag == _XMP and count > 4:
            if where + count > len(data):
                raise InputError("the TIFF is damaged or cut off")
            return slice(where, where + count)
    return None


def _order(data: bytes) -> str:
    return "<" if data.startswith(MAGIC[0]) else ">"


def _directory(data: bytes, order: str) -> tuple[list[bytes], int]:
    """The entries of the first directory, and the offset of the second (0 without one)."""
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        end = start + 2 + count * _ENTRY
        (following,) = struct.unpack_from(order + "I", data, end)
    except struct.error as error:
        raise InputError("the TIFF is damaged or cut off") from error
    return [data[at : at + _ENTRY] for at in range(start + 2, end, _ENTRY)], following
