"""XMP packets in PNG, JPEG and TIFF files. Pixels stay as they are.

The XMP specification, part 3, says where a packet lies (ISO 16684-1 has its form): in PNG, a text chunk
(iTXt) with the keyword ``XML:com.adobe.xmp``; in JPEG, an APP1 segment that starts with Adobe's namespace.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from facedouble.errors import InputError
from facedouble.provenance.tiff_xmp import MAGIC, read_tiff_xmp, tiff_with_xmp

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"

_PNG_KEYWORD = b"XML:com.adobe.xmp\0"
_JPEG_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"
_MAX_SEGMENT = 0xFFFF - 2
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_APP0, _APP1 = 0xE0, 0xE1


def read_xmp(data: bytes) -> bytes | None:
    """The XMP packet of an image file; ``None`` without one, or for other formats.

    Raises ``InputError`` when the file is damaged before the packet.
    """
    if data.startswith(PNG):
        for kind, start, end in _chunks(data):
            packet = _png_packet(kind, data[start + 8 : end - 4])
            if packet is not None:
                return packet
    elif data.startswith(JPEG):
        for marker, start, end in _segments(data):
            if marker == _APP1 and data.startswith(_JPEG_NAMESPACE, start + 4):
                return data[start + 4 + len(_JPEG_NAMESPACE) : end]
    elif data.startswith(MAGIC):
        return read_tiff_xmp(data)
    return None


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """The image file ``data`` with ``packet`` as its XMP.

    Files of other formats are returned unchanged. Raises ``InputError`` when the file is damaged or the
    packet is too long for a JPEG.
    """
    if data.startswith(PNG):
        chunks = list(_chunks(data))
        kept = [
            data[start:end]
            for kind, start, end in chunks
            if _png_packet(kind, data[start + 8 : min(end - 4, start + 64)]) is None
        ]
        body = b"iTXt" + _PNG_KEYWORD + bytes(4) + packet
        ours = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return b"".join((PNG, kept[0], ours, *kept[1:], data[chunks[-1][2] :]))
    if data.startswith(JPEG):
        return _jpeg_with_xmp(data, packet)
    if data.startswith(MAGIC):
        return tiff_with_xmp(data, packet)
    return data


def _jpeg_with_xmp(data: bytes, packet: bytes) -> bytes:
    body = _JPEG_NAMESPACE + packet
    if len(body) > _MAX_SEGMENT:
        raise InputError(f"its XMP is too long for a JPEG ({len(packet)} bytes)")
    segments = list(_segments(data))
    kept = [
        (marker, data[start:end])
        for marker, start, end in segments
        if not (marker == _APP1 and data.startswith(_JPEG_NAMESPACE, start + 4))
    ]
    # JFIF and Exif segments must come first.
    first = next((n for n, (marker, _) in enumerate(kept) if marker not in (_APP0, _APP1)), len(kept))
    ours = bytes((0xFF, _APP1)) + struct.pack(">H", len(body) + 2) + body
    before, after = ([segment for _, segment in part] for part in (kept[:first], kept[first:]))
    rest = data[segments[-1][2] if segments else 2 :]
    return b"".join((data[:2], *before, ours, *after, rest))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of every chunk of a PNG file."""
    position = len(PNG)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        kind = data[position + 4 : position + 8]
        yield kind, position, end
        if kind == b"IEND":
            return
        position = end
    raise InputError("the PNG is damaged or cut off")


def _png_packet(kind: bytes, body: bytes) -> bytes | None:
    """The XMP packet in the body of a PNG chunk; ``None`` if there is none."""
    if kind != b"iTXt" or not body.startswith(_PNG_KEYWORD):
        return None
    # Compression flag and method, language, translated keyword, text.
    parts = body[len(_PNG_KEYWORD) + 2 :].split(b"\0", 2)
    return parts[2] if len(parts) == 3 else b""


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of every segment of a JPEG file before its scan."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in (_START_OF_SCAN, _END_OF_IMAGE):
            return
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if end > len(data):
            break
        yield marker, position, end
        position = end
    raise InputError("the JPEG is damaged or cut off")
