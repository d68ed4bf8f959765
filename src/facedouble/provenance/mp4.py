"""Labels in a finished MP4 or MOV file; its streams stay as they are.

ISO/IEC 14496-12 (the box format): a box is its size, a four-letter type and its content; chunk offsets in
``stco`` and ``co64`` count from the start of the file. So when ``moov`` grows in front of the media data,
every offset behind it is raised by as much.

The AIGC label: TC260-PG-20257A has key ``AIGC`` in ``moov.udta.meta.keys`` and its JSON text in
``.ilst``, as FFmpeg's option ``use_metadata_tags`` writes them (QuickTime's metadata keys, handler
``mdta``). That option would also turn title and comment into keys, which players do not show. Here the
keys get their own ``meta`` behind the one with title and comment.

XMP: the XMP specification, part 3, has a ``uuid`` box at the end of an MP4, and ``moov.udta.XMP_`` in a
MOV.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import UUID

import numpy as np

from facedouble.errors import InputError, OutputError
from facedouble.provenance.carried import MAX_PACKET, Carried, Store, jumbf_length, read_at
from facedouble.provenance.splicing import ByteRange, SplicedFile
from facedouble.provenance.xmp import AIGC

SUFFIXES = frozenset({".mp4", ".m4v", ".mov"})

_XMP_UUID = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_STORE_UUID = UUID("d8fec3d6-1b0e-483c-9297-5828877ec481").bytes
_FIRST = {b"ftyp", b"moov", b"moof", b"wide", b"mdat", b"free", b"skip", b"pnot", b"styp", b"uuid"}
_HANDLER = b"mdta"
_TEXT = 1  # well-known type of QuickTime's metadata: UTF-8
_MAX_MOOV = 1 << 28  # bytes; ten hours of film have some 30 MB
_MAX_METADATA = 1 << 24  # bytes; cover art lies beside the labels
MAX_BOXES = 1_000_000
"""Boxes side by side; a day of fragments of a second has 170,000."""
_MAX_DEPTH = 32
_PATHS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}  # boxes that lead to the chunk offsets


class Box(NamedTuple):
    """A box: its type, and the offsets of the box, of its content, and of its end."""

    kind: bytes
    start: int
    body: int
    end: int


def labelled(
    file: BinaryIO, path: Path, aigc: str, packet: Callable[[str | None, bytes | None], bytes]
) -> SplicedFile:
    """A readable view of ``file`` with the AIGC label ``aigc`` and an XMP packet.

    ``packet`` builds the XMP from the AIGC label (``None`` where that goes into ``moov``) and the existing
    packet. Raises ``InputError`` when the file is damaged, ``OutputError`` when it cannot grow.
    """
    layout = _layout(file, path)
    moov = layout.moov
    if layout.fragmented:  # fragments may count offsets from anywhere; only appending is safe
        return SplicedFile(file, [*layout.without_xmp(), _uuid_box(packet(aigc, layout.xmp))])
    content = layout.content
    udta = next((box for box in _inside(content, 0, len(content), path) if box.kind == b"udta"), None)
    inner = b"" if udta is None else content[udta.body : udta.end]
    old_xmp, kept = _take_xmp(inner, path)
    xmp = packet(None, old_xmp or layout.xmp)
    grown = _with_key(kept, aigc, path)
    tail = b""
    if layout.quicktime:
        grown += _box(b"XMP_", xmp)
    else:
        tail = _uuid_box(xmp)
    if udta is None:
        content = content + _box(b"udta", grown)
    else:
        content = content[: udta.start] + _box(b"udta", grown) + content[udta.end :]
    whole = _box(b"moov", content)
    delta = len(whole) - (moov.end - moov.start)
    whole = _box(b"moov", _shifted(content, delta, moov.end, path))
    return SplicedFile(file, [*layout.without_xmp(instead={moov: whole}), tail])


def clip_carries(file: BinaryIO, path: Path) -> Carried:
    """What an MP4 or MOV file carries. Of the film's description (``moov``) only the boxes of metadata are
    read.

    Raises ``InputError`` when it is no such file, or has more boxes than any film.
    """
    size = file.seek(0, os.SEEK_END)
    aigc = xmp = store = None
    count, most, damaged = 0, 0, False
    try:
        for box in _file_boxes(file, 0, size, path):
            count += 1
            if count == 1 and box.kind not in _FIRST:
                raise _damaged(path)
            if box.kind == b"moov":
                found = _of_moov(file, box, path)
                aigc, xmp, most = aigc or found.aigc, found.xmp or xmp, max(most, found.parts)
            elif box.kind == b"uuid":
                head = read_at(file, box.body, 64)
                if head.startswith(_XMP_UUID) and xmp is None and _is_xmp(file, box):
                    xmp = _read(file, box.body + 16, box.end)
                elif head.startswith(_STORE_UUID) and store is None:
                    store = _store(head, box)
    except InputError:
        if count == 0 or count >= MAX_BOXES:
            raise
        damaged = True
    return Carried(xmp, aigc, store, parts=max(count, most), damaged=damaged)


def _of_moov(file: BinaryIO, moov: Box, path: Path) -> Carried:
    aigc = xmp = None
    count = 0
    for box in _file_boxes(file, moov.body, moov.end, path):
        count += 1
        if box.kind not in (b"udta", b"meta") or box.end - box.body > _MAX_METADATA:
            continue
        inner = _read(file, box.body, box.end)
        if box.kind == b"meta":  # phones put it here
            aigc = aigc or dict(_keys(inner, path)).get(AIGC)
            continue
        xmp = _take_xmp(inner, path)[0] or xmp
        for part in _inside(inner, 0, len(inner), path):
            count += 1
            if part.kind == b"meta":
                aigc = aigc or dict(_keys(inner[part.body : part.end], path)).get(AIGC)
    return Carried(xmp, aigc, parts=count)


def _store(head: bytes, box: Box) -> Store | None:
    """The credentials in a ``uuid`` box with this ``head``: version and flags, a purpose, an offset, the
    JUMBF box (C2PA specification, "Embedding manifests into BMFF-based assets")."""
    purpose, ended, _ = head[20:].partition(b"\0")
    start = 20 + len(purpose) + 1 + 8
    if not ended or purpose not in (b"manifest", b"original", b"update") or box.end - box.body < start + 8:
        return None
    room = box.end - box.body - start
    return Store(jumbf_length(head[start : start + 16], room), room)


@dataclass(frozen=True, slots=True)
class _Layout:
    boxes: tuple[Box, ...]
    moov: Box
    content: bytes  # of moov
    xmp: bytes | None
    xmp_box: Box | None
    quicktime: bool
    fragmented: bool
    open_end: bool  # the last box has no size: it extends to the end of the file

    def without_xmp(self, instead: dict[Box, bytes] | None = None) -> list[bytes | ByteRange]:
        """The file's boxes; the XMP box becomes free space of the same size, so that nothing moves."""
        pieces: list[bytes | ByteRange] = []
        for box in self.boxes:
            if instead and box in instead:
                pieces.append(instead[box])
            elif box == self.xmp_box:
                size = box.end - box.start
                pieces.append(struct.pack(">I4s", size, b"free") + bytes(size - 8))
            elif box == self.boxes[-1] and self.open_end:  # give it a size, so that a box may follow
                head = struct.pack(">I4s", box.end - box.start, box.kind)
                pieces += [head, ByteRange(box.start + len(head), box.end)]
            else:
                pieces.append(ByteRange(box.start, box.end))
        return pieces


def _layout(file: BinaryIO, path: Path) -> _Layout:
    size = file.seek(0, os.SEEK_END)
    boxes = list(_file_boxes(file, 0, size, path))
    open_end = bool(boxes) and read_at(file, boxes[-1].start, 4) == bytes(4)
    moov = next((box for box in boxes if box.kind == b"moov"), None)
    if moov is None or moov.end - moov.start > _MAX_MOOV:
        raise _damaged(path)
    if open_end and boxes[-1].end - boxes[-1].start >= 1 << 32:
        raise OutputError(f"{path}: its last box has no size and is too large to get one; remux the clip")
    xmp_box = next((box for box in boxes if box.kind == b"uuid" and _is_xmp(file, box)), None)
    file.seek(0)
    return _Layout(
        boxes=tuple(boxes),
        moov=moov,
        content=_read(file, moov.body, moov.end),
        xmp=None if xmp_box is None else _read(file, xmp_box.body + 16, xmp_box.end),
        xmp_box=xmp_box,
        quicktime=boxes[0].kind != b"ftyp" or _read(file, boxes[0].body, boxes[0].body + 4) == b"qt  ",
        fragmented=any(box.kind in (b"moof", b"mfra", b"sidx") for box in boxes),
        open_end=open_end,
    )


def _file_boxes(file: BinaryIO, start: int, end: int, path: Path) -> Iterator[Box]:
    """The boxes between two places of a file, of which only the heads are read."""
    for _ in range(MAX_BOXES):
        if start >= end:
            return
        head = read_at(file, start, min(16, end - start))
        if start + 8 > end and not head.strip(b"\0"):  # QuickTime ends lists with zeros
            return
        box = _parse(head, start, end, path)
        yield box
        start = box.end
    raise InputError(f"{path}: damaged (it has more than {MAX_BOXES:,} boxes side by side)")


def _is_xmp(file: BinaryIO, box: Box) -> bool:
    return box.end - box.body <= MAX_PACKET and _read(file, box.body, box.body + 16) == _XMP_UUID


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _parse(head: bytes, start: int, limit: int, path: Path) -> Box:
    """The box whose header is in ``head``."""
    if len(head) < 8:
        raise _damaged(path)
    size, kind = struct.unpack_from(">I4s", head)
    body = start + 8
    if size == 1 and len(head) >= 16:
        (size,) = struct.unpack_from(">Q", head, 8)
        body = start + 16
    elif size == 0:
        size = limit - start
    if size < body - start or start + size > limit:
        raise _damaged(path)
    return Box(kind, start, body, start + size)


def _inside(data: bytes, start: int, end: int, path: Path) -> Iterator[Box]:
    """The boxes in ``data``, one after the other."""
    for _ in range(MAX_BOXES):
        if start >= end:
            return
        if end - start < 8 and not data[start:end].strip(b"\0"):  # QuickTime ends lists with zeros
            return
        box = _parse(data[start : min(end, start + 16)], start, end, path)
        yield box
        start = box.end
    raise InputError(f"{path}: damaged (it has more than {MAX_BOXES:,} boxes side by side)")


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _uuid_box(packet: bytes) -> bytes:
    return _box(b"uuid", _XMP_UUID + packet)


def _take_xmp(udta: bytes, path: Path) -> tuple[bytes | None, bytes]:
    """The XMP in the content of a ``udta``, and the rest of the content."""
    found, kept = None, []
    for box in _inside(udta, 0, len(udta), path):
        if box.kind == b"XMP_":
            found = udta[box.body : box.end]
        else:
            kept.append(udta[box.start : box.end])
    return found, b"".join(kept)


def _with_key(udta: bytes, aigc: str, path: Path) -> bytes:
    """The content of a ``udta`` with the label among the keys of a ``meta``, replacing an older label."""
    kept, keys = [], []
    for box in _inside(udta, 0, len(udta), path):
        found = _keys(udta[box.body : box.end], path) if box.kind == b"meta" else []
        if found:
            keys += [(key, value) for key, value in found if key != AIGC]
        else:
            kept.append(udta[box.start : box.end])
    return b"".join((*kept, _meta([*keys, (AIGC, aigc)])))


def _meta(keys: list[tuple[str, str]]) -> bytes:
    """A ``meta`` box of QuickTime metadata keys with text values."""
    handler = _box(b"hdlr", bytes(8) + _HANDLER + bytes(13))
    names = b"".join(_box(_HANDLER, key.encode()) for key, _ in keys)
    items = b"".join(
        _box(struct.pack(">I", number), _box(b"data", struct.pack(">II", _TEXT, 0) + value.encode()))
        for number, (_, value) in enumerate(keys, 1)
    )
    listed = _box(b"keys", struct.pack(">II", 0, len(keys)) + names)
    return _box(b"meta", bytes(4) + handler + listed + _box(b"ilst", items))


def _keys(meta: bytes, path: Path) -> list[tuple[str, str]]:
    """The metadata keys in the content of a ``meta`` box, and their texts; empty for any other ``meta``.

    Also empty when a value is not text (cover art): such a box is left as it is.
    """
    start = 0 if meta[4:8] == b"hdlr" else 4  # QuickTime's form has no version and flags
    parts = {box.kind: meta[box.body : box.end] for box in _inside(meta, start, len(meta), path)}
    if parts.get(b"hdlr", b"")[8:12] != _HANDLER or not {b"keys", b"ilst"} <= parts.keys():
        return []
    listed, items = parts[b"keys"], parts[b"ilst"]
    names = [
        listed[box.body : box.end].decode(errors="replace") for box in _inside(listed, 8, len(listed), path)
    ]
    found = []
    for item in _inside(items, 0, len(items), path):
        number = int.from_bytes(item.kind, "big")
        for value in _inside(items, item.body, item.end, path):
            if value.kind != b"data" or items[value.body : value.body + 4] != struct.pack(">I", _TEXT):
                return []
            if 1 <= number <= len(names):
                text = items[value.body + 8 : value.end].decode(errors="replace")
                found.append((names[number - 1], text))
    return found


def _shifted(moov: bytes, delta: int, behind: int, path: Path) -> bytes:
    """The content of ``moov`` with every chunk offset at or after ``behind`` raised by ``delta``."""
    changed = bytearray(moov)
    for kind, start, end in _offset_tables(moov, 0, len(moov), path):
        number = ">u8" if kind == b"co64" else ">u4"
        count = int.from_bytes(moov[start + 4 : start + 8], "big")
        if start + 8 + count * int(number[2]) > end:
            raise _damaged(path)
        offsets = np.frombuffer(moov, number, count, start + 8).astype(np.int64)
        offsets[offsets >= behind] += delta
        if offsets.size and kind == b"stco" and offsets.max() >= 1 << 32:
            raise OutputError(f"{path}: has no room for labels so close to 4 GiB; write .mkv instead")
        changed[start + 8 : start + 8 + count * int(number[2])] = offsets.astype(number).tobytes()
    return bytes(changed)


def _offset_tables(
    data: bytes, start: int, end: int, path: Path, depth: int = 0
) -> Iterator[tuple[bytes, int, int]]:
    if depth > _MAX_DEPTH:
        raise _damaged(path)
    for box in _inside(data, start, end, path):
        if box.kind in (b"stco", b"co64"):
            yield box.kind, box.body, box.end
        elif box.kind in _PATHS:
            yield from _offset_tables(data, box.body, box.end, path, depth + 1)


def _damaged(path: Path) -> InputError:
    return InputError(f"{path}: damaged, or not an MP4 or MOV file")
