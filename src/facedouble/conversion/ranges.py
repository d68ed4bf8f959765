"""Ranges of frames, as they are given on the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from facedouble.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Ranges:
    """Stretches of frames by number from 0, first and last, both included, in order; ``()`` is all."""

    stretches: tuple[tuple[int, int], ...] = ()

    @classmethod
    def read(cls, texts: Sequence[str]) -> Ranges:
        """Ranges written as ``10-50``, ``90-`` (to the end) or ``7``, several in a text with commas.

        Raises ``SettingsError`` for one that is none, and for those that overlap.
        """
        found = []
        for text in texts:
            for part in text.split(","):
                match = re.fullmatch(r"\s*(\d+)\s*(-\s*(\d*)\s*)?", part)
                if match is None:
                    raise SettingsError(f"--frame-ranges: {part!r} is none; write 10-50, 90- or 7")
                first = int(match[1])
                last = first if match[2] is None else int(match[3]) if match[3] else _END
                if last < first:
                    raise SettingsError(f"--frame-ranges: {part.strip()} ends before it begins")
                found.append((first, last))
        found.sort()
        for (_, last), (first, _) in pairwise(found):
            if first <= last:
                raise SettingsError(f"--frame-ranges: frame {first} is in two of them")
        return cls(tuple(found))

    def hold(self, frame: int) -> bool:
        """Whether a frame is in one of them."""
        return not self.stretches or any(first <= frame <= last for first, last in self.stretches)

    def check(self, frames: int) -> None:
        """Raises ``SettingsError`` for ranges that none of ``frames`` frames is in."""
        for first, _ in self.stretches:
            if first >= frames:
                raise SettingsError(
                    f"--frame-ranges: there is no frame {first}; the last of the source is {frames - 1}"
                )


_END = 1 << 62
