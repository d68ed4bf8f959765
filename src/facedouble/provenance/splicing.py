"""File-like objects for a library that reads and writes files."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes ``start`` to ``end`` (exclusive) of a file."""

    start: int
    end: int


class _Seekable(io.RawIOBase):
    """The seeking half of a file of known size."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._position, self._size = 0, size

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._position = base + offset
        return self._position


class SplicedFile(_Seekable):
    """Ranges of a file and bytes in memory, read as one file."""

    def __init__(self, file: BinaryIO, pieces: list[bytes | ByteRange]) -> None:
        self._file = file
        self._pieces = pieces
        self._starts: list[int] = []
        size = 0
        for piece in pieces:
            self._starts.append(size)
            size += len(piece) if isinstance(piece, bytes) else piece.end - piece.start
        super().__init__(size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        index = (
            bisect_right(self._starts, self._position) - 1
        )  # the last one, so never an empty one but at the end
        if index < 0:
            return 0
        piece, inside = self._pieces[index], self._position - self._starts[index]
        if isinstance(piece, bytes):
            part = piece[inside : inside + len(view)]
        else:
            self._file.seek(piece.start + inside)
            part = self._file.read(max(0, min(len(view), piece.end - piece.start - inside)))
        view[: len(part)] = part
        self._position += len(part)
        return len(part)


class NullWriter(_Seekable):
    """Accepts writes and discards them."""

    def __init__(self) -> None:
        super().__init__(0)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._position += len(data)
        self._size = max(self._size, self._position)
        return len(data)
