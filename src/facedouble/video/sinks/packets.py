"""Encoded pictures kept in files, and put in one row.

A file is packets one after another, each a head and its bytes: numbers as they are on this kind of
machine, to be read by the program that wrote them.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

from av.packet import Packet
from av.stream import Stream

_HEAD = struct.Struct("<qqQ?")  # pts, duration, size, whether it needs no other packet


def write_packets(file: BinaryIO, packets: Iterable[Packet[Stream]]) -> None:
    """Append packets to an open file."""
    for packet in packets:
        data = bytes(packet)
        assert packet.pts is not None
        file.write(_HEAD.pack(packet.pts, packet.duration or 0, len(data), packet.is_keyframe))
        file.write(data)


class _Head(NamedTuple):
    pts: int
    duration: int
    size: int
    keyframe: bool


def in_a_row(files: list[Path], time_base: Fraction, stream: Stream) -> Iterator[Packet[Stream]]:
    """The packets of files that were encoded one by one, for one stream, with decoding times that fit
    together.

    In each file the packets lie in order of decoding. A packet's decoding time is the presentation time
    of the frame that is as many places earlier in order of presentation as the encoder reorders at most,
    as encoders themselves have it; before the first frame it goes back by as much.
    """
    reorder = max((_reordering(_times(file)) for file in files), default=0)
    times = _decoding_times(files, reorder)
    for file in files:
        for head, data in _read(file):
            packet: Packet[Stream] = Packet(data)
            packet.pts, packet.dts = head.pts, next(times)
            packet.duration, packet.time_base = head.duration, time_base
            packet.is_keyframe = head.keyframe
            packet.stream = stream
            yield packet


def _decoding_times(files: list[Path], reorder: int) -> Iterator[int]:
    shown = (pts for file in files for pts in sorted(_times(file)))
    early: deque[int] = deque()
    for pts in shown:
        early.append(pts)
        if len(early) > reorder:
            break
    if not early:
        return
    back = max(early[-1] - early[0], reorder)
    yield from (pts - back for pts in list(early)[:reorder])
    for pts in shown:
        yield early.popleft()
        early.append(pts)
    yield from early


def _reordering(times: list[int]) -> int:
    """By how many places a packet is decoded before frames that are shown before it, at most: the delay
    that decoding needs so that no frame is shown before it is decoded."""
    place = {pts: number for number, pts in enumerate(sorted(times))}
    return max((number - place[pts] for number, pts in enumerate(times)), default=0)


def _times(file: Path) -> list[int]:
    """The presentation times in a file, in order of decoding."""
    times = []
    with file.open("rb") as opened:
        while found := opened.read(_HEAD.size):
            head = _Head(*_HEAD.unpack(found))
            times.append(head.pts)
            opened.seek(head.size, os.SEEK_CUR)
    return times


def _read(file: Path) -> Iterator[tuple[_Head, bytes]]:
    with file.open("rb") as opened:
        while found := opened.read(_HEAD.size):
            head = _Head(*_HEAD.unpack(found))
            yield head, opened.read(head.size)
