"""Clips as containers: their video stream, their packets, and what is missing from a damaged one."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Disposition, Stream

from facedouble.errors import InputError


def video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The first video stream that is not a cover picture, set to decode in threads. Raises ``InputError``."""
    for stream in container.streams.video:
        if not is_cover(stream):
            # A stream whose codec FFmpeg does not know has no context, whatever its type says.
            if stream.codec_context is None:
                raise InputError(f"{path}: its video is of a kind that cannot be decoded")
            stream.thread_type = "AUTO"
            return stream
    raise InputError(f"{path}: there is no video in this file")


def is_cover(stream: av.VideoStream) -> bool:
    """Whether a "video" stream is the cover picture of a piece of music."""
    return bool(stream.disposition & Disposition.attached_pic)


def clock_start(container: av.container.InputContainer) -> Fraction:
    """What is subtracted from every time of a file, in seconds: 0 except for MPEG streams."""
    if container.format.name in ("mpegts", "mpeg") and container.start_time is not None:
        return Fraction(container.start_time, 1_000_000)
    return Fraction(0)


def visible_frames(container: av.container.InputContainer, stream: av.VideoStream, path: Path) -> int | None:
    """The number of frames that the sample table of an MP4 or MOV shows, without those that its edit list
    hides.

    ``None`` for other files, and for fragmented ones, whose table comes in pieces. Raises ``InputError``
    when the table points past the end of the file.
    """
    if "mov" not in container.format.name.split(","):
        return None
    end = visible = 0
    for entry in stream.index_entries:
        end = max(end, entry.pos + entry.size)
        visible += not entry.is_discard
    size = path.stat().st_size
    if end > size:
        raise InputError(f"{path}: the file is cut off, {end - size} bytes are missing; copy it again")
    return visible if stream.frames else None


def packets(
    container: av.container.InputContainer, stream: av.VideoStream, path: Path
) -> Iterator[Packet[Stream]]:
    """The packets of a video stream to the end of the file, the last one empty, to flush the decoder.

    Raises ``InputError`` at the end when the file lacks its own. Errors of PyAV are passed on.
    """
    end = Fraction(0)  # of all streams, in seconds
    for packet in container.demux():
        if packet.pts is not None:
            end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        if packet.stream.index == stream.index:
            yield packet
    # Matroska states its duration, but its demuxer does not notice that the end is missing.
    if "matroska" in container.format.name and container.duration:
        missing = Fraction(container.duration, 1_000_000) - end
        rate = stream.average_rate or Fraction(25)
        if missing > max(Fraction(1, 2), 2 / rate):
            raise InputError(
                f"{path}: the file is cut off, its last {float(missing):.1f} s are missing; copy it again"
            )
