"""What a file carries: its labels, and where its credentials lie. Only heads and the parts that matter are
read.

Most files carry nothing. Those are never handed to the library that reads credentials, which would read all
of a large file into memory, and takes time that grows with the square of the number of boxes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

MAX_PACKET = 1 << 20
"""Bytes of an XMP packet or a label; longer ones are ignored."""


class Store(NamedTuple):
    """Embedded credentials: a JUMBF box (ISO 19566-5) that says how long it is, and the room it lies in."""

    declared: int
    room: int

    @property
    def fits(self) -> bool:
        return 8 <= self.declared <= self.room


@dataclass(frozen=True, slots=True)
class Carried:
    """``xmp`` is a packet, ``aigc`` the text of a label outside of it, ``store`` the embedded credentials.

    ``parts`` counts the boxes, chunks or segments that lie side by side. ``damaged``: the file ends, or makes
    no sense, behind what was found.
    """

    xmp: bytes | None = None
    aigc: str | None = None
    store: Store | None = None
    parts: int = 0
    damaged: bool = False


def jumbf_length(head: bytes, room: int) -> int:
    """The length that a JUMBF box with this ``head`` (16 bytes, or what there is) claims to have.

    ISO 19566-5: four bytes, or eight behind the type if those are 1; 0 means all the room there is.
    """
    length = int.from_bytes(head[:4], "big")
    if length == 1:
        return int.from_bytes(head[8:16], "big")
    return length or room


def read_at(file: BinaryIO, start: int, length: int) -> bytes:
    """``length`` bytes from ``start``; fewer at the end of the file."""
    file.seek(start)
    return file.read(length)
