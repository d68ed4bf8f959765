"""The sample tables of MP4 and MOV files, looked at before FFmpeg believes them.

FFmpeg builds an index of as many entries as a table claims, 24 bytes and some time for each; a file of a few
hundred bytes can claim 4 billion. A table is believed if the file has room for the samples (ISO 14496-12,
8.7.3: boxes ``stsz`` and ``stz2``), the edit list (8.6.6) is short, and boxes are not nested endlessly.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

MAX_SAMPLES = 1 << 24
"""Samples in one table; 77 hours at 60 frames a second. Sound without compression has more, of one size."""

_MAX_EDITS = 10_000
_MAX_TRACKS = 256
_MAX_BOXES = 1_000_000
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf"}
_FIRST = {b"ftyp", b"moov", b"moof", b"wide", b"mdat", b"free", b"skip", b"pnot", b"styp"}
_TRUN_FIELDS = (0x100, 0x200, 0x400, 0x800)  # duration, size, flags and offset of each sample (8.8.8)


class _Box(NamedTuple):
    kind: bytes
    body: int
    end: int


def check_tables(path: Path) -> None:
    """Raise ``ValueError`` for an MP4 or MOV file with tables that it cannot have; other files pass.

    Raises ``OSError`` when the file cannot be read.
    """
    found = path.stat()
    _check_version(path, found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=64)  # a clip is opened many times
def _check_version(path: Path, _inode: int, size: int, _modified: int) -> None:
    with path.open("rb") as file:
        file.seek(4)
        if file.read(4) not in _FIRST:
            return
        tracks = fragments = 0
        handler = b""
        for number, box in enumerate(_boxes(file, 0, size)):
            if number >= _MAX_BOXES:
                raise ValueError("it has too many boxes")
            if box.kind == b"trak":
                tracks, handler = tracks + 1, b""
                if tracks > _MAX_TRACKS:
                    raise ValueError(f"it has more than {_MAX_TRACKS} tracks")
            elif box.kind == b"hdlr":
                handler = handler or _read(file, box.body + 8, 4)  # a second one is that of the data
            elif box.kind in (b"stsz", b"stz2"):
                _check_sizes(file, box, size, handler)
            elif box.kind == b"elst":
                _check_count(file, box, 12, _MAX_EDITS, "edits")
            elif box.kind in (b"stts", b"ctts"):
                _check_count(file, box, 8, MAX_SAMPLES, "runs of durations")
            elif box.kind == b"trun":
                flags = int.from_bytes(_read(file, box.body, 4), "big")
                entry = 4 * sum(bool(flags & field) for field in _TRUN_FIELDS)
                fragments += _check_count(file, box, entry, MAX_SAMPLES, "samples in a fragment")
                if fragments > MAX_SAMPLES:
                    raise ValueError(f"its fragments claim more than {MAX_SAMPLES} samples")


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    """All boxes between two positions, and those inside boxes that hold others, in order of the file."""
    ends = [end]
    while True:
        while ends and start + 8 > ends[-1]:
            start = max(start, ends.pop())
            if not ends:
                return
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        length, header = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, header = int.from_bytes(head[8:16], "big"), 16
        elif length == 0:
            length = ends[-1] - start
        if length < header:
            return  # FFmpeg stops here too
        box = _Box(head[4:8], start + header, min(start + length, ends[-1]))
        yield box
        if box.kind in _CONTAINERS:
            ends.append(box.end)
            start = box.body
        else:
            start += length


def _check_sizes(file: BinaryIO, box: _Box, file_size: int, handler: bytes) -> None:
    head = _read(file, box.body, 12)
    if len(head) < 12:
        return
    fixed, count = struct.unpack(">4xII", head)
    bits = 32
    if box.kind == b"stz2":
        fixed, bits = 0, fixed & 0xFF
    if fixed and fixed * count > file_size:
        raise ValueError(f"its table of samples claims {fixed * count} bytes; the file has {file_size}")
    if fixed and handler == b"soun":
        return
    if count > MAX_SAMPLES:
        raise ValueError(f"its table claims {count} samples; at most {MAX_SAMPLES} are read")
    if not fixed and count * bits // 8 > box.end - box.body - 12:
        raise ValueError(f"its table claims {count} samples and has room for fewer")


def _check_count(file: BinaryIO, box: _Box, size: int, limit: int, what: str) -> int:
    """The number of entries in a table, each of at least ``size`` bytes."""
    count = int.from_bytes(_read(file, box.body + 4, 4), "big")
    if count > limit:
        raise ValueError(f"it has {count} {what}; at most {limit} are read")
    if count * size > max(0, box.end - box.body - 8):
        raise ValueError(f"a table claims {count} {what} and has room for fewer")
    return count


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)
