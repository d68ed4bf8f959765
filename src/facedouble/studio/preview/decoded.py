"""Frames of a source by number, decoded once while one steps through them."""

from __future__ import annotations

from collections.abc import Iterator

from facedouble.errors import InputError
from facedouble.studio.preview.kept import Kept
from facedouble.video.frame import Frame
from facedouble.video.planes import YuvPlanes
from facedouble.video.source import Source

_MOST_BYTES = 192 << 20
_BACK = 6  # frames decoded in front of one that is reached backwards


class DecodedFrames:
    """The frames of ``source``. One thread at a time."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: Kept[Frame] = Kept(_MOST_BYTES, _bytes)
        self._next: Iterator[Frame] = iter(())
        self._at = -1  # number of the frame that comes next
        self._last = -1

    def __getitem__(self, number: int) -> Frame:
        """Frame ``number``. Raises ``InputError`` where there is none, or it cannot be read."""
        found = self._kept.get(number)
        if found is None:
            if number != self._at:
                start = max(0, number - _BACK) if number < self._last else number
                self._next, self._at = self._source.frames(start), start
            for frame in self._next:
                self._at = frame.index + 1
                self._kept.put(frame.index, frame.loaded())
                if frame.index >= number:
                    break
            found = self._kept.get(number)
        self._last = number
        if found is None:
            self._at = -1
            raise InputError(f"{self._source.info.path.name}: there is no frame {number}")
        return found


def _bytes(frame: Frame) -> int:
    width, height = frame.size
    return width * height * (2 if isinstance(frame.content, YuvPlanes) else 6)
