"""Ranges of frame numbers as users write them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from facedouble.errors import SettingsError

_TO_THE_END = 1 << 62
_FIELD = "frames.ranges"


@dataclass(frozen=True, slots=True)
class FrameRanges:
    """Ranges of frame numbers (from 0) as (first, last), last inclusive, sorted and apart; ``()`` means all
    frames."""

    bounds: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, texts: Sequence[str], field: str = _FIELD) -> FrameRanges:
        """Parse ranges written as ``10-50``, ``90-`` (to the end) or ``7``; one text may hold several,
        separated by commas. ``field`` is the setting that they stand in.

        Raises ``SettingsError`` for malformed or overlapping ranges.
        """
        bounds = []
        for text in texts:
            for part in text.split(","):
                match = re.fullmatch(r"\s*(\d+)\s*(-\s*(\d*)\s*)?", part)
                if match is None:
                    raise SettingsError(field, part.strip(), "is not a range; write 10-50, 90- or 7")
                first = int(match[1])
                last = first if match[2] is None else int(match[3]) if match[3] else _TO_THE_END
                if last < first:
                    raise SettingsError(field, part.strip(), "ends before it starts")
                bounds.append((first, last))
        joined: list[tuple[int, int]] = []
        for first, last in sorted(bounds):
            if joined and first <= joined[-1][1]:
                raise SettingsError(field, problem=f"frame {first} is in two ranges")
            if joined and first == joined[-1][1] + 1:
                joined[-1] = joined[-1][0], last
            else:
                joined.append((first, last))
        return cls(tuple(joined))

    def __contains__(self, frame: int) -> bool:
        return not self.bounds or any(first <= frame <= last for first, last in self.bounds)

    def position(self, frame: int) -> int:
        """Which of the ranges ``frame`` is in. Raises ``ValueError`` if it is in none."""
        for number, (first, last) in enumerate(self.bounds):
            if first <= frame <= last:
                return number
        raise ValueError(f"frame {frame} is in no range")

    def placed(self, numbers: Sequence[int], field: str = _FIELD) -> FrameRanges:
        """These ranges of frame numbers as ranges of places in ``numbers``, which rise. Raises
        ``SettingsError`` for a range in which there is no frame."""
        bounds = []
        for first, last in self.bounds:
            start, end = bisect_left(numbers, first), bisect_right(numbers, last)
            if start == end:
                raise SettingsError(
                    field, problem=f"there is no frame {first}; they are {numbers[0]} to {numbers[-1]}"
                )
            bounds.append((start, end - 1 if last < _TO_THE_END else _TO_THE_END))
        return FrameRanges(tuple(bounds))

    def texts(self) -> tuple[str, ...]:
        """The ranges as :meth:`parse` reads them."""
        return tuple(f"{first}-{'' if last == _TO_THE_END else last}" for first, last in self.bounds)

    def check(self, frames: int, field: str = _FIELD) -> None:
        """Raise ``SettingsError`` for a range that starts beyond the last of ``frames`` frames."""
        for first, _ in self.bounds:
            if first >= frames:
                raise SettingsError(field, problem=f"there is no frame {first}; the last is {frames - 1}")
