"""XMP packets in PNG, JPEG and TIFF files. Pixels stay as they are; :mod:`.image_parts` says where packets
lie."""

from __future__ import annotations

import io
import struct
import zlib

from facedouble.errors import InputError
from facedouble.provenance.image_parts import (
    APP0,
    APP1,
    JPEG,
    JPEG_NAMESPACE,
    PNG,
    PNG_KEYWORD,
    image_carries,
    jpeg_segments,
    png_chunks,
    png_packet,
)
from facedouble.provenance.tiff_xmp import MAGIC, tiff_with_xmp

_MAX_SEGMENT = 0xFFFF - 2


def read_xmp(data: bytes) -> bytes | None:
    """The XMP packet of an image file; ``None`` without one, or for other formats.

    Raises ``InputError`` when the file is damaged before the packet.
    """
    found = image_carries(io.BytesIO(data))
    if found is not None and found.damaged and found.xmp is None:
        raise InputError("the image is damaged or cut off")
    return None if found is None else found.xmp


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """The image file ``data`` with ``packet`` as its XMP.

    Files of other formats are returned unchanged. Raises ``InputError`` when the file is damaged or the
    packet is too long for a JPEG.
    """
    if data.startswith(PNG):
        return _png_with_xmp(data, packet)
    if data.startswith(JPEG):
        return _jpeg_with_xmp(data, packet)
    if data.startswith(MAGIC):
        return tiff_with_xmp(data, packet)
    return data


def _png_with_xmp(data: bytes, packet: bytes) -> bytes:
    chunks = list(png_chunks(io.BytesIO(data), len(data)))
    kept = [
        data[part.start : part.end]
        for part in chunks
        if part.kind != b"iTXt" or png_packet(data[part.body : min(part.body_end, part.body + 64)]) is None
    ]
    body = b"iTXt" + PNG_KEYWORD + bytes(4) + packet
    ours = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return b"".join((PNG, kept[0], ours, *kept[1:], data[chunks[-1].end :]))


def _jpeg_with_xmp(data: bytes, packet: bytes) -> bytes:
    body = JPEG_NAMESPACE + packet
    if len(body) > _MAX_SEGMENT:
        raise InputError(f"its XMP is too long for a JPEG ({len(packet)} bytes)")
    segments = list(jpeg_segments(io.BytesIO(data), len(data)))
    kept = [
        (part.kind[0], data[part.start : part.end])
        for part in segments
        if not (part.kind[0] == APP1 and data.startswith(JPEG_NAMESPACE, part.body))
    ]
    # JFIF and Exif segments must come first.
    first = next((n for n, (marker, _) in enumerate(kept) if marker not in (APP0, APP1)), len(kept))
    ours = bytes((0xFF, APP1)) + struct.pack(">H", len(body) + 2) + body
    before, after = ([segment for _, segment in part] for part in (kept[:first], kept[first:]))
    rest = data[segments[-1].end if segments else 2 :]
    return b"".join((data[:2], *before, ours, *after, rest))
