"""Reading the clock of a file; :mod:`.clock` says what that is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import av

from facedouble.settings.reading import Reading
from facedouble.video.clock import CLOCK_FORMATS, JOINED_FORMATS, Clock, Stamp, read_clock
from facedouble.video.demux import clock_start, video_candidates
from facedouble.video.hashing import FileVersion, source_versions
from facedouble.video.libav import LIBAV_ERRORS, open_clip
from facedouble.video.main_stream import main_candidate

_SAID = 3  # jumps that are said one by one


def clock_of(path: Path, reading: Reading | None = None) -> Clock:
    """The clock of a clip or a file of sound. Files whose clock can jump are read for it, once.

    Raises ``InputError`` for a file that cannot be opened.
    """
    (version,) = source_versions(path)
    return _clock(version, reading)


def jumps_in_words(clock: Clock) -> str | None:
    """What is said of a clock that jumps or steps back, in one line; ``None`` for one that runs on."""
    if not clock.jumps and not clock.overlaps:
        return None
    many = "1 packet of sound" if clock.overlaps == 1 else f"{clock.overlaps} packets of sound"
    left_out = f"{many} overlapping with what is heard before left out"
    if not clock.jumps:
        return left_out
    said = [f"{float(jump.by):+.1f} s at {float(jump.at):.1f} s" for jump in clock.jumps[:_SAID]]
    more = len(clock.jumps) - _SAID
    rest = f" and {more} more" if more > 0 else ""
    text = f"its clock jumps ({', '.join(said)}{rest}); sound and picture go on as if it did not"
    return f"{text}; {left_out}" if clock.overlaps else text


@lru_cache(maxsize=8)
def _clock(version: FileVersion, reading: Reading | None) -> Clock:
    with open_clip(version.path, reading) as container:
        mpeg = container.format.name in CLOCK_FORMATS
        if not mpeg and container.format.name not in JOINED_FORMATS:
            return Clock()
        # A file of sound has no picture; its clock may jump all the same.
        main = main_candidate(video_candidates(container))
        stream = 0 if main is None else container.streams.video[main.number].index
        found = read_clock(_stamps(container), stream, clock_start(container), mpeg=mpeg)
        # Times in milliseconds overlap by rounding.
        return found if mpeg or found.jumps else Clock()


def _stamps(container: av.container.InputContainer) -> Iterator[Stamp]:
    """All packets up to the end of the file, or to the first damage, which whoever needs it reports."""
    try:
        for packet in container.demux():
            if not packet.size and packet.dts is None:  # PyAV's end-of-stream marker
                continue
            tick = packet.time_base
            yield Stamp(
                packet.stream.index,
                packet.stream.type,
                None if packet.pts is None else packet.pts * tick,
                None if packet.dts is None else packet.dts * tick,
                (packet.duration or 0) * tick,
            )
    except LIBAV_ERRORS:
        return
