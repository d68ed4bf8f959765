"""Chunks, segments and tags of PNG, JPEG, TIFF and WebP files, and what of them carries marks.

XMP: part 3 of its specification says where a packet lies: in PNG a text chunk (iTXt) with the keyword
``XML:com.adobe.xmp``; in JPEG an APP1 segment that starts with Adobe's namespace; in TIFF tag 700; in WebP a
chunk ``XMP``. Credentials: C2PA specification, appendix A: chunk ``caBX``, APP11 segments (ISO 19566-5, annex
D), tag 0xCD41, chunk ``C2PA``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from facedouble.errors import InputError
from facedouble.provenance.carried import MAX_PACKET, Carried, Store, jumbf_length, read_at

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

PNG_KEYWORD = b"XML:com.adobe.xmp\0"
JPEG_NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"
APP0, APP1, APP11 = 0xE0, 0xE1, 0xEB
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_MAX_PARTS = 500_000
_XMP_TAG, _STORE_TAG = 700, 0xCD41


class Part(NamedTuple):
    """A chunk, or the segment after a marker: ``start`` and ``end`` with its head, ``body`` to ``body_end``
    without."""

    kind: bytes
    start: int
    body: int
    body_end: int
    end: int


def image_carries(file: BinaryIO, magic: tuple[bytes, ...] | None = None) -> Carried | None:
    """What an image file carries; ``None`` when it begins with none of the signatures known here, or not with
    one of ``magic``."""
    size = file.seek(0, 2)
    start = read_at(file, 0, 16)
    if magic is not None and not start.startswith(magic):
        return None
    if start.startswith(PNG):
        return _gather(file, png_chunks(file, size), b"iTXt", b"caBX")
    if start.startswith(JPEG):
        return _jpeg(file, size)
    if start.startswith(TIFF):
        return _tiff(file, size)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return _gather(file, _riff_chunks(file, size), b"XMP ", b"C2PA")
    return None


def png_chunks(file: BinaryIO, size: int) -> Iterator[Part]:
    """The chunks of a PNG file up to its end. Raises ``InputError``."""
    position = len(PNG)
    for _ in range(_MAX_PARTS):
        head = read_at(file, position, 8)
        if len(head) < 8:
            raise _damaged()
        body = position + 8
        part = Part(head[4:], position, body, body + int.from_bytes(head[:4], "big"), 0)
        part = part._replace(end=part.body_end + 4)
        if part.end > size:
            raise _damaged()
        yield part
        if part.kind == b"IEND":
            return
        position = part.end
    raise _damaged()


def jpeg_segments(file: BinaryIO, size: int) -> Iterator[Part]:
    """The segments of a JPEG file before its scan; their kind is the marker, one byte. Raises
    ``InputError``."""
    position = 2
    for _ in range(_MAX_PARTS):
        head = read_at(file, position, 4)
        if len(head) < 4 or head[0] != 0xFF:
            raise _damaged()
        if head[1] == 0xFF:  # fill bytes may stand before a marker
            position += 1
            continue
        if head[1] in (_START_OF_SCAN, _END_OF_IMAGE):
            return
        end = position + 2 + int.from_bytes(head[2:], "big")
        if end > size or end < position + 4:
            raise _damaged()
        yield Part(head[1:2], position, position + 4, end, end)
        position = end
    raise _damaged()


def _riff_chunks(file: BinaryIO, size: int) -> Iterator[Part]:
    end = min(size, 8 + int.from_bytes(read_at(file, 4, 4), "little"))
    position = 12
    for _ in range(_MAX_PARTS):
        if position + 8 > end:
            return
        head = read_at(file, position, 8)
        body_end = position + 8 + int.from_bytes(head[4:], "little")
        if body_end > size:
            raise _damaged()
        yield Part(head[:4], position, position + 8, body_end, body_end + body_end % 2)
        position = body_end + body_end % 2
    raise _damaged()


def _gather(file: BinaryIO, chunks: Iterator[Part], xmp_kind: bytes, store_kind: bytes) -> Carried:
    xmp, store, count, damaged = None, None, 0, False
    try:
        for part in chunks:
            count += 1
            if part.kind == xmp_kind and xmp is None and part.body_end - part.body <= MAX_PACKET:
                body = read_at(file, part.body, part.body_end - part.body)
                xmp = png_packet(body) if xmp_kind == b"iTXt" else body
            elif part.kind == store_kind and store is None:
                room = part.body_end - part.body
                store = Store(jumbf_length(read_at(file, part.body, 16), room), room)
    except InputError:
        damaged = True
    return Carried(xmp=xmp, store=store, parts=count, damaged=damaged)


def png_packet(body: bytes) -> bytes | None:
    """The XMP packet in the body of an iTXt chunk; ``None`` if it holds another text."""
    if not body.startswith(PNG_KEYWORD):
        return None
    # Compression flag and method, language, translated keyword, text.
    parts = body[len(PNG_KEYWORD) + 2 :].split(b"\0", 2)
    return parts[2] if len(parts) == 3 else b""


def _jpeg(file: BinaryIO, size: int) -> Carried:
    xmp, declared, room, count, damaged = None, 0, 0, 0, False
    try:
        for part in jpeg_segments(file, size):
            count += 1
            if part.kind[0] == APP1 and xmp is None:
                body = read_at(file, part.body, part.body_end - part.body)
                if body.startswith(JPEG_NAMESPACE):
                    xmp = body[len(JPEG_NAMESPACE) :]
            elif part.kind[0] == APP11:
                # "JP", the number of the box and that of its piece, then the head of the box in every piece.
                head = read_at(file, part.body, 24)
                piece = int.from_bytes(head[4:8], "big")
                if head[:2] != b"JP" or head[12:16] != b"jumb":
                    continue
                repeated = 0 if piece <= 1 else (16 if head[8:12] == b"\0\0\0\1" else 8)
                room += part.body_end - part.body - 8 - repeated
                declared = declared or jumbf_length(head[8:24], size)
    except InputError:
        damaged = True
    return Carried(xmp=xmp, store=Store(declared, room) if room else None, parts=count, damaged=damaged)


def _tiff(file: BinaryIO, size: int) -> Carried:
    try:
        places = _tiff_places(file, size)
    except (struct.error, InputError):
        return Carried(damaged=True)
    xmp = store = None
    if _XMP_TAG in places and places[_XMP_TAG][1] <= MAX_PACKET:
        xmp = read_at(file, *places[_XMP_TAG])
    if _STORE_TAG in places:
        start, room = places[_STORE_TAG]
        store = Store(jumbf_length(read_at(file, start, 16), room), room)
    return Carried(xmp=xmp, store=store, parts=len(places))


def _tiff_places(file: BinaryIO, size: int) -> dict[int, tuple[int, int]]:
    """Start and length of the bytes of each tag of the first directory. TIFF 6.0, and BigTIFF (magic 43)."""
    head = read_at(file, 0, 16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", head, 2)[0] == 43
    count_form, entry_form = (order + "Q", order + "HHQQ") if big else (order + "H", order + "HHII")
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)
    (count,) = struct.unpack(count_form, read_at(file, start, struct.calcsize(count_form)))
    if count > 0xFFFF:
        raise _damaged()
    width = struct.calcsize(entry_form)
    table = read_at(file, start + struct.calcsize(count_form), count * width)
    found: dict[int, tuple[int, int]] = {}
    for tag, _, length, where in struct.iter_unpack(entry_form, table[: len(table) // width * width]):
        if tag not in (_XMP_TAG, _STORE_TAG) or length <= (8 if big else 4):
            continue
        if where + length > size:
            raise _damaged()
        found.setdefault(tag, (where, length))
    if len(table) < count * width:
        raise _damaged()
    return found


def _damaged() -> InputError:
    return InputError("the image is damaged or cut off")
