"""Files of encoded video packets, and their concatenation into one stream.

A file is a sequence of packets, each a header and its bytes, in this machine's byte order: only the program
that wrote a file reads it.
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

_HEADER = struct.Struct("<qqQ?")  # pts, duration, size, is it a keyframe


def write_packets(file: BinaryIO, packets: Iterable[Packet[Stream]]) -> None:
    """Append packets to an open file."""
    for packet in packets:
        data = bytes(packet)
        assert packet.pts is not None
        file.write(_HEADER.pack(packet.pts, packet.duration or 0, len(data), packet.is_keyframe))
        file.write(data)


class _Header(NamedTuple):
    pts: int
    duration: int
    size: int
    keyframe: bool


def concatenate(files: list[Path], time_base: Fraction, stream: Stream) -> Iterator[Packet[Stream]]:
    """The packets of separately encoded files as one stream, with consistent dts.

    In each file the packets are in decoding order. A packet's dts is the pts of the frame that is ``reorder``
    places earlier in presentation order, where ``reorder`` is the encoders' largest reordering depth, as
    encoders do it; in front of the first frame the clock runs back by as much.
    """
    reorder = max((_reordering(_times(file)) for file in files), default=0)
    times = _decoding_times(files, reorder)
    for file in files:
        for header, data in _read(file):
            packet: Packet[Stream] = Packet(data)
            packet.pts, packet.dts = header.pts, next(times)
            packet.duration, packet.time_base = header.duration, time_base
            packet.is_keyframe = header.keyframe
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
    """The reordering depth: the delay in frames after which no frame is due before it is decoded. ``times``
    are in decoding order."""
    place = {pts: number for number, pts in enumerate(sorted(times))}
    return max((number - place[pts] for number, pts in enumerate(times)), default=0)


def _times(file: Path) -> list[int]:
    """The pts of a file's packets, in decoding order."""
    times = []
    with file.open("rb") as opened:
        while found := opened.read(_HEADER.size):
            header = _Header(*_HEADER.unpack(found))
            times.append(header.pts)
            opened.seek(header.size, os.SEEK_CUR)
    return times


def _read(file: Path) -> Iterator[tuple[_Header, bytes]]:
    with file.open("rb") as opened:
        while found := opened.read(_HEADER.size):
            header = _Header(*_HEADER.unpack(found))
            yield header, opened.read(header.size)
