"""Which frames extraction processes, and in what segments."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np

from facedouble.errors import InputError
from facedouble.settings.extract import AtRate, EveryNth, ExtractSettings
from facedouble.video.frame import Frame
from facedouble.video.frame_rate import exact_rate
from facedouble.video.index import SourceIndex
from facedouble.video.sampling import frames_at, sampled, sampled_numbers
from facedouble.video.source import Source

T = TypeVar("T")

_MAX_FRAMES = 45
_MIN_FRAMES = 8
_MAX_PIXELS = 60e6  # of all frames of a segment, so that large frames fit in memory


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive frames that one worker analyses by itself.

    If ``has_next``, the last frame is also the first one of the next segment, so that tracklets can be handed
    over to it.
    """

    frames: Sequence[Frame]
    has_next: bool

    @property
    def own(self) -> Sequence[Frame]:
        """The frames that belong to this segment alone."""
        return self.frames[:-1] if self.has_next else self.frames


def split_into_segments(frames: Iterator[Frame], length: int) -> Iterator[Segment]:
    """Frames in segments of ``length``; all but the last also get the first frame of the next one."""
    held: list[Frame] = []
    for frame in frames:
        held.append(frame)
        if length == 1:
            yield Segment(held, False)
            held = []
        elif len(held) > length:
            yield Segment(held, True)
            held = [frame]
    if held:
        yield Segment(held, False)


def segment_length(source: Source) -> int:
    """Frames per segment: 1 if the source is a set of single pictures, which have no neighbours in time."""
    if not source.info.is_film:
        return 1
    pixels = source.info.width * source.info.height
    return int(np.clip(_MAX_PIXELS // pixels, _MIN_FRAMES, _MAX_FRAMES))


def selected_frames(source: Source, settings: ExtractSettings, seconds: dict[str, float]) -> Iterator[Frame]:
    """The frames that the settings select. The time spent reading is added to ``seconds["decode"]``."""
    rate, step = _rate_and_step(settings)
    for frame, taken in timed(sampled(source.frames(), rate), seconds):
        if taken and frame.index % step == 0:
            yield frame


def selected_indices(source: Source, settings: ExtractSettings) -> list[int]:
    """Indices of the frames that the settings select. Raises ``InputError`` for a damaged clip whose frames
    cannot be listed."""
    rate, step = _rate_and_step(settings)
    return [number for number in sampled_numbers(source.index, rate) if number % step == 0]


def unfinished_frames(
    source: Source, settings: ExtractSettings, done: Collection[int], seconds: dict[str, float]
) -> Iterator[Frame]:
    """The selected frames from the first segment that has one which is not ``done``."""
    try:
        indices = selected_indices(source, settings)
    except InputError:  # a damaged clip is read from its start, as far as that goes
        return selected_frames(source, settings, seconds)
    length = segment_length(source)
    first = next((place for place, index in enumerate(indices) if index not in done), len(indices))
    return timed(frames_at(source, indices[first - first % length :]), seconds)


def timed(items: Iterator[T], seconds: dict[str, float]) -> Iterator[T]:
    """``items``. The time it takes to get them is added to ``seconds["decode"]``."""
    while True:
        start = time.perf_counter()
        try:
            item = next(items)
        except StopIteration:
            return
        finally:
            seconds["decode"] += time.perf_counter() - start
        yield item


def expected_frames(source: Source, settings: ExtractSettings) -> int:
    """About how many frames the settings select, 0 if the container does not say."""
    info = source.info
    match settings.sampling:
        case EveryNth(every=every):
            return -(-info.frames // every)
        case AtRate(fps=fps) if info.kind == "clip":
            return min(info.frames, round(info.frames * fps / float(info.rate)))
    return info.frames


def index_of(source: Source) -> SourceIndex | None:
    """The index of a source, ``None`` if it is damaged and its frames cannot be listed."""
    try:
        return source.index
    except InputError:
        return None


def _rate_and_step(settings: ExtractSettings) -> tuple[Fraction | None, int]:
    """The maximum number of frames per second, if there is one, and every how many frames are selected."""
    how = settings.sampling
    return (exact_rate(how.fps), 1) if isinstance(how, AtRate) else (None, how.every)
