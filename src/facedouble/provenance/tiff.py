"""XMP in TIFF files: tag 700 of the first directory (the XMP specification, part 3). Pixels are not touched.

TIFF 6.0: an eight-byte head says the order of bytes and where the first directory is; a directory is a
number of entries of twelve bytes in order of their tags, and where the next one is. So a tag is added by
writing the directory anew at the end of the file.
"""

from __future__ import annotations

import struct

from facedouble.errors import InputError

HEADS = (b"II*\0", b"MM\0*")

_XMP = 700
_BYTES = 1  # the type of an entry whose values are bytes
_ENTRY = 12
_LARGEST = 0xFFFFFFFF


def read_tiff_xmp(data: bytes) -> bytes | None:
    """The XMP packet of a TIFF file, ``None`` without one. Raises ``InputError`` when it is damaged."""
    order = _order(data)
    place = _packet(data, _directory(data, order)[0], order)
    return None if place is None else data[place]


def tiff_with_xmp(data: bytes, packet: bytes) -> bytes:
    """The TIFF file ``data`` with ``packet`` as its XMP.

    Raises ``InputError`` when it is damaged, or too large for one more entry.
    """
    order = _order(data)
    entries, following = _directory(data, order)
    old = _packet(data, entries, order)
    if old is not None:  # nobody looks there any more, but programs that search for packets would find it
        data = data[: old.start] + bytes(old.stop - old.start) + data[old.stop :]
    if len(data) % 2:
        data += b"\0"  # directories begin at even places
    where = len(data) + len(packet) % 2 + len(packet)
    if where > _LARGEST - 2**16:
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
    """Where the XMP packet lies."""
    for entry in entries:
        tag, _, count, where = struct.unpack(order + "HHII", entry)
        if tag == _XMP and count > 4:
            if where + count > len(data):
                raise InputError("the TIFF is damaged, or not whole")
            return slice(where, where + count)
    return None


def _order(data: bytes) -> str:
    return "<" if data.startswith(HEADS[0]) else ">"


def _directory(data: bytes, order: str) -> tuple[list[bytes], int]:
    """The entries of the first directory, and where the second is (0 without one)."""
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        end = start + 2 + count * _ENTRY
        (following,) = struct.unpack_from(order + "I", data, end)
    except struct.error as error:
        raise InputError("the TIFF is damaged, or not whole") from error
    return [data[at : at + _ENTRY] for at in range(start + 2, end, _ENTRY)], following
