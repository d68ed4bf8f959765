"""Decoding a clip, from its first frame or from a seek point, with every frame checked against the index."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Stream

from facedouble.errors import InputError
from facedouble.settings.reading import Reading
from facedouble.video.demux import packets, video_stream
from facedouble.video.index import SeekPoint, Ticks
from facedouble.video.last_gop import LastGop
from facedouble.video.libav import LIBAV_ERRORS, open_clip, reason

# Demuxers that find a time by searching the file land between packets: they need some room in front of it.
_SEARCHING = {"mpegts": Fraction(1), "mpeg": Fraction(1)}  # seconds


class OutOfStepError(Exception):
    """Decoding gave other frames than the index says."""


def stamp_of(frame: av.VideoFrame) -> int | None:
    """A frame's time stamp in its container; its decoding time where it has no other (AVI)."""
    return frame.pts if frame.pts is not None else frame.dts


def decode_all(path: Path, reading: Reading | None = None) -> Iterator[av.VideoFrame]:
    """All frames of a clip, from the first.

    Raises ``InputError`` at the first damaged frame, or at the end of a file that is cut off.
    """
    count = 0
    with open_clip(path, reading) as container:
        stream = video_stream(container, path, reading)
        tail = LastGop(container, stream)
        try:
            for packet in tail.watched(packets(container, stream, path)):
                for frame in stream.decode(packet):
                    if frame.is_corrupt:
                        raise _damaged_frame(path, count)
                    yield frame
                    count += 1
        except LIBAV_ERRORS as error:
            raise _damaged_after(path, count, error) from error
        if tail.is_damaged():
            raise _damaged_frame(path, count - 1)


def decode_from(
    path: Path, stamps: Ticks, point: SeekPoint, *, seek: bool = True, reading: Reading | None = None
) -> Iterator[av.VideoFrame]:
    """The frames of a clip from that of ``point`` on; ``stamps`` are those of all its frames.

    With ``seek`` the container is asked to go there, which needs time stamps that rise; without, its packets
    are read from the start, and decoded from the seek point on. Raises ``OutOfStepError`` when other frames
    come out than the index has, ``InputError`` for a clip that is damaged behind the first of them.
    """
    number = point.frame
    with open_clip(path, reading) as container:
        stream = video_stream(container, path, reading)
        tail = LastGop(container, stream)
        try:
            if seek:
                _seek(container, stream, point)
            skip = 0 if seek else point.packet
            found = tail.watched(packets(container, stream, path))
            for packet in _from_keyframe(found, point, skip):
                for frame in stream.decode(packet):
                    stamp = stamp_of(frame)
                    if number == point.frame and stamp is not None and stamp < point.pts:
                        continue  # the leading frames of an open GOP, whose references are missing
                    if number >= len(stamps) or stamp != stamps[number]:
                        raise OutOfStepError(f"frame {number} has the time stamp {stamp}")
                    if frame.is_corrupt:
                        if number == point.frame:
                            raise OutOfStepError("the seek point cannot be decoded by itself")
                        raise _damaged_frame(path, number)
                    yield frame
                    number += 1
        except LIBAV_ERRORS as error:
            if number == point.frame:
                raise OutOfStepError(reason(error)) from error
            raise _damaged_after(path, number, error) from error
        if tail.is_damaged():
            raise _damaged_frame(path, number - 1)
    if number < len(stamps):
        raise OutOfStepError(f"the clip ends after {number} frames")


def _seek(container: av.container.InputContainer, stream: av.VideoStream, point: SeekPoint) -> None:
    target = point.dts
    if container.format.name in _SEARCHING and stream.time_base:
        target -= round(_SEARCHING[container.format.name] / stream.time_base)
    container.seek(target, stream=stream)


def _from_keyframe(found: Iterator[Packet[Stream]], point: SeekPoint, skip: int) -> Iterator[Packet[Stream]]:
    """The packets from the seek point's own on, which comes after the first ``skip``.

    Raises ``OutOfStepError`` when it is not among them.
    """
    for packet in islice(found, skip, None):
        if packet.is_keyframe and packet.pts == point.pts and not packet.is_discard:
            yield packet
            break
        if packet.is_keyframe and packet.pts is not None and packet.pts > point.pts:
            raise OutOfStepError(f"the seek went past {point.pts}")
    else:
        raise OutOfStepError(f"there is no keyframe at {point.pts}")
    yield from found


def _damaged_frame(path: Path, number: int) -> InputError:
    return InputError(f"{path}: frame {number} is damaged; repair the clip or cut it there")


def _damaged_after(path: Path, count: int, error: BaseException) -> InputError:
    return InputError(f"{path}: damaged after {count} frames ({reason(error)})")
