"""Which of a clip's video streams is the film."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from av.stream import Disposition

_GLIMPSE = 0.1  # of the longest; a thumbnail may be shown for a few frames
_NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


class Candidate(NamedTuple):
    """A video stream as its container describes it.

    ``number`` counts the clip's video streams from 0. ``frames`` is 0 and ``seconds`` ``None`` where the
    container does not say. ``codec`` is ``None`` for one that FFmpeg does not know.
    """

    number: int
    codec: str | None
    width: int
    height: int
    frames: int
    seconds: float | None
    disposition: Disposition

    @property
    def is_film(self) -> bool:
        """Whether it may be a film: no cover, no thumbnails."""
        return not self.disposition & _NO_FILM

    def __str__(self) -> str:
        length = (
            f", {self.frames} frames" if self.frames else f", {self.seconds:.1f} s" if self.seconds else ""
        )
        return f"{self.number} ({self.codec or 'unknown'}, {self.width}x{self.height}{length})"


def main_candidate(candidates: Sequence[Candidate]) -> Candidate | None:
    """The stream that players show: of those that are a film and can be decoded, one that is no glimpse
    beside the longest, then one that is the default, then the largest, the longest and the first.

    ``None`` where there is none.
    """
    films = [one for one in candidates if one.is_film and one.codec is not None]
    longest = max((one.seconds or 0.0 for one in films), default=0.0)

    def rank(one: Candidate) -> tuple[bool, bool, int, float, int]:
        is_glimpse = one.frames == 1 or (one.seconds is not None and one.seconds < _GLIMPSE * longest)
        is_default = bool(one.disposition & Disposition.default)
        return is_glimpse, not is_default, -one.width * one.height, -(one.seconds or 0.0), one.number

    return min(films, key=rank, default=None)
