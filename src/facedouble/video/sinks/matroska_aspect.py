"""The shape of pixels in Matroska and WebM.

FFmpeg's muxer takes it from a field that PyAV cannot set, so a finished file does not say it, unless the
coded pictures themselves do. It is added here: ``DisplayWidth`` or ``DisplayHeight`` (RFC 9559, 5.1.4.1.28),
in room that the muxer leaves in the length of the track's entry.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_SEGMENT, _TRACKS, _CLUSTER = 0x18538067, 0x1654AE6B, 0x1F43B675
_ENTRY, _TYPE, _VIDEO = 0xAE, 0x83, 0xE0
_CHECKSUM, _DISPLAY_UNIT, _DISPLAY_WIDTH, _DISPLAY_HEIGHT = 0xBF, 0x54B2, 0x54B0, 0x54BA
_VIDEO_TRACK = b"\1"
_HEAD = 1 << 20  # bytes in which the tracks are described


class _Element(NamedTuple):
    """An EBML element: where it starts, where its content does, and where it ends."""

    id: int
    start: int
    body: int
    end: int


def add_display_size(path: Path, stored: tuple[int, int], shown: tuple[int, int]) -> bool:
    """Make the video track of a finished file say that its pictures, ``stored`` (width, height) pixels, are
    shown ``shown`` pixels large, one side of which is the stored one.

    Returns whether that could be done; otherwise the file stays as it was. Raises ``OSError``.
    """
    with path.open("r+b") as file:
        head = file.read(_HEAD)
        try:
            tracks = _tracks(head)
            changed = _with_display_size(head[tracks.body : tracks.end], stored, shown)
        except (ValueError, IndexError):
            return False
        file.seek(tracks.body)
        file.write(changed)
    return True


def _tracks(head: bytes) -> _Element:
    segment = next(e for e in _elements(head, 0, len(head)) if e.id == _SEGMENT)
    for element in _elements(head, segment.body, len(head)):
        if element.id == _TRACKS and element.end <= len(head):
            return element
        if element.id == _CLUSTER:
            break
    raise ValueError("it describes no tracks in front of its pictures")


def _with_display_size(tracks: bytes, stored: tuple[int, int], shown: tuple[int, int]) -> bytes:
    """The content of a ``Tracks`` element, of the same length."""
    entry, video = _video(tracks)
    kept = b"".join(
        tracks[e.start : e.end] for e in _elements(tracks, video.body, video.end) if e.id != _DISPLAY_UNIT
    )
    sides = zip((_DISPLAY_WIDTH, _DISPLAY_HEIGHT), stored, shown, strict=True)
    added = b"".join(
        _element(id, size.to_bytes(4, "big").lstrip(b"\0")) for id, own, size in sides if own != size
    )
    body = tracks[entry.body : video.start] + _element(_VIDEO, kept + added) + tracks[video.end : entry.end]
    room = entry.end - entry.start - 1 - len(body)  # for the length of the entry
    if not 1 <= room <= 8 or len(body) >= (1 << (7 * room)) - 1:
        raise ValueError("there is no room for it")
    length = (len(body) | 1 << (7 * room)).to_bytes(room, "big")
    changed = tracks[: entry.start] + _ENTRY.to_bytes(1, "big") + length + body + tracks[entry.end :]
    first = next(_elements(changed, 0, len(changed)))
    if first.id != _CHECKSUM:
        return changed
    checksum = zlib.crc32(changed[first.end :]).to_bytes(4, "little")
    return changed[: first.body] + checksum + changed[first.end :]


def _video(tracks: bytes) -> tuple[_Element, _Element]:
    """The entry of the video track, and its description of the video."""
    for entry in _elements(tracks, 0, len(tracks)):
        if entry.id != _ENTRY:
            continue
        parts = {element.id: element for element in _elements(tracks, entry.body, entry.end)}
        kind = parts.get(_TYPE)
        if kind is not None and tracks[kind.body : kind.end] == _VIDEO_TRACK and _VIDEO in parts:
            return entry, parts[_VIDEO]
    raise ValueError("it has no video track")


def _elements(data: bytes, start: int, end: int) -> Iterator[_Element]:
    while start < end:
        id_length = _length(data[start])
        id = int.from_bytes(data[start : start + id_length], "big")
        at = start + id_length
        size_length = _length(data[at])
        size = int.from_bytes(data[at : at + size_length], "big") & ((1 << (7 * size_length)) - 1)
        body = at + size_length
        yield _Element(id, start, body, body + size)
        start = body + size


def _length(first: int) -> int:
    """The length of a variable-length number by its first byte."""
    if not first:
        raise ValueError("a number is damaged")
    return 9 - first.bit_length()


def _element(id: int, body: bytes) -> bytes:
    name = id.to_bytes((id.bit_length() + 7) // 8, "big")
    room = 1 if len(body) < 127 else 2
    return name + (len(body) | 1 << (7 * room)).to_bytes(room, "big") + body
