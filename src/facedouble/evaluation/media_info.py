"""What a swap must leave alone besides the pictures: number and times of frames, sound and tags."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from facedouble.errors import InputError
from facedouble.settings.reading import Reading
from facedouble.video.clock_reader import clock_of
from facedouble.video.libav import LIBAV_ERRORS, open_clip, reason
from facedouble.video.played_packets import played_packets
from facedouble.video.source import open_source


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """Everything about a clip or folder but its pictures. ``times`` of its frames in seconds, empty for a
    folder; ``sound`` is the SHA-256 of each audio stream's packets,
    without those that an edit list hides; ``tags`` are the colour tags and the
    pixel aspect ratio."""

    frames: int
    size: tuple[int, int]
    times: tuple[float, ...]
    sound: tuple[str, ...]
    tags: tuple[int | Fraction, ...]
    is_clip: bool


def read_media_info(path: Path, reading: Reading | None = None) -> MediaInfo:
    """Read a clip or folder to its end. Raises ``InputError``."""
    source = open_source(path, reading)
    info = source.info
    times: list[float] = []
    count = 0
    # Decoded to planes only; nothing is converted to RGB.
    for frame in source.frames():
        count += 1
        times.append(float(frame.pts * frame.time_base))
    is_clip = info.kind == "clip"
    tags = (
        info.colour_matrix,
        info.colour_primaries,
        info.colour_transfer,
        info.colour_range,
        info.sample_aspect,
    )
    return MediaInfo(
        frames=count,
        size=(info.width, info.height),
        times=tuple(times) if is_clip else (),
        sound=_sound(path, reading) if is_clip else (),
        tags=tags if is_clip else (),
        is_clip=is_clip,
    )


def _sound(path: Path, reading: Reading | None) -> tuple[str, ...]:
    try:
        with open_clip(path, reading) as container:
            streams = container.streams.audio
            digests = {stream.index: hashlib.sha256() for stream in streams}
            for packet in played_packets(container, streams, clock_of(path, reading)):
                digests[packet.stream.index].update(bytes(packet))
            return tuple(digest.hexdigest() for digest in digests.values())
    except LIBAV_ERRORS as error:
        raise InputError(f"{path}: its sound cannot be read ({reason(error)})") from error
