"""Clips as containers: their video stream, their packets, and what is missing from a damaged one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import CodecContext
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext

from facedouble.errors import InputError
from facedouble.settings.reading import Reading
from facedouble.video.main_stream import Candidate, main_candidate


def video_stream(
    container: av.container.InputContainer, path: Path, reading: Reading | None = None
) -> av.VideoStream:
    """The video stream that ``reading`` names, or the main one (:mod:`.main_stream`), set to decode in
    threads. Raises ``InputError``."""
    stream = container.streams.video[video_stream_number(container, path, reading)]
    # A stream whose codec FFmpeg does not know has no context, whatever its type says.
    if stream.codec_context is None:
        raise InputError(f"{path}: its video is of a kind that cannot be decoded")
    stream.thread_type = "AUTO"
    return stream


def video_stream_number(
    container: av.container.InputContainer, path: Path, reading: Reading | None = None
) -> int:
    """The number of that stream among the clip's video streams, from 0. Raises ``InputError``."""
    known = video_candidates(container)
    wanted = None if reading is None else reading.video_stream
    if wanted is not None:
        if wanted >= len(known):
            there = ", ".join(map(str, known)) or "none"
            raise InputError(f"{path}: there is no video stream {wanted}; it has {there}")
        return wanted
    chosen = main_candidate(known)
    if chosen is None:
        if any(one.is_film for one in known):
            raise InputError(f"{path}: its video is of a kind that cannot be decoded")
        raise InputError(f"{path}: there is no video in this file")
    return chosen.number


def video_candidates(container: av.container.InputContainer) -> list[Candidate]:
    """The clip's video streams as its container describes them."""
    return [_candidate(number, stream) for number, stream in enumerate(container.streams.video)]


def _candidate(number: int, stream: av.VideoStream) -> Candidate:
    context: CodecContext | None = stream.codec_context  # the stub does not know of none
    if not isinstance(context, VideoCodecContext):
        return Candidate(number, None, 0, 0, stream.frames, _seconds(stream), Disposition(stream.disposition))
    return Candidate(
        number,
        context.codec.canonical_name,
        context.width,
        context.height,
        stream.frames,
        _seconds(stream),
        Disposition(stream.disposition),
    )


def _seconds(stream: av.VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    # Matroska's statistics, as muxers write them: "00:00:01.200000000".
    said = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if said is None:
        return None
    hours, minutes, seconds = map(float, said.groups())
    return 3600 * hours + 60 * minutes + seconds


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
    last = back = Fraction(0)  # by how much the clock stepped back (:mod:`.clock`)
    for packet in container.demux():
        if packet.pts is not None:
            own = packet.stream.index == stream.index
            time = packet.pts * packet.time_base
            if own and time < last - 1:
                back += last - time
            last = time if own else last
            end = max(end, back + time + (packet.duration or 0) * packet.time_base)
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
