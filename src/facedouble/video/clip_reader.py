"""Decoding a clip, from its first frame or from a seek point, with every frame checked against the index.

A damaged frame does not end a clip: it is marked, and takes its place, so that all others keep their numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
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


class Decoded(NamedTuple):
    """A decoded frame, its time stamp, and whether it is damaged: then its picture is what the decoder made
    of it, or that of a neighbour where it made nothing."""

    frame: av.VideoFrame
    stamp: int | None
    damaged: bool


def decode_all(
    path: Path, reading: Reading | None = None, stamps: Ticks | None = None, *, threads: bool = True
) -> Iterator[Decoded]:
    """All frames of a clip, from the first. Without ``threads`` what is made of damage is always the same.

    With the ``stamps`` of all its frames, one that damage swallows has its place taken by a neighbour. Raises
    ``InputError`` for a clip of which nothing can be decoded, and at the end of one that is cut off.
    """
    with open_clip(path, reading) as container:
        stream = video_stream(container, path, reading)
        _use_threads(stream, threads)
        tail = LastGop(container, stream)
        decoder = _Decoder(stream)
        found = decoder.frames(tail.watched(packets(container, stream, path)))
        rising = stamps is not None and bool((np.diff(stamps) > 0).all())
        try:
            yield from _without_gaps(tail.checked(found), decoder, stamps if rising else None)
        except LIBAV_ERRORS as error:
            raise _damaged_after(path, decoder.count, error) from error
        if not decoder.count and decoder.error is not None:
            raise _damaged_after(path, 0, decoder.error) from decoder.error


def decode_from(
    path: Path,
    stamps: Ticks,
    point: SeekPoint,
    *,
    seek: bool = True,
    reading: Reading | None = None,
    threads: bool = True,
) -> Iterator[Decoded]:
    """The frames of a clip from that of ``point`` on; ``stamps`` are those of all its frames.

    With ``seek`` the container is asked to go there, which needs time stamps that rise; without, its packets
    are read from the start, and decoded from the seek point on. Raises ``OutOfStepError`` when other frames
    come out than the index has, ``InputError`` for a clip whose packets cannot be read behind the first.
    """
    number = point.frame
    with open_clip(path, reading) as container:
        stream = video_stream(container, path, reading)
        _use_threads(stream, threads)
        tail = LastGop(container, stream)
        decoder = _Decoder(stream)
        try:
            if seek:
                _seek(container, stream, point)
            skip = 0 if seek else point.packet
            found = tail.watched(packets(container, stream, path))
            frames = decoder.frames(_from_keyframe(found, point, skip))
            shown = (
                (frame, damaged)
                for frame, damaged in tail.checked(frames)
                # The leading frames of an open GOP, whose references are missing.
                if number > point.frame or (stamp := stamp_of(frame)) is None or stamp >= point.pts
            )
            rising = bool((np.diff(stamps) > 0).all())
            for decoded in _without_gaps(shown, decoder, stamps[number:] if rising else None):
                if number >= len(stamps) or decoded.stamp != stamps[number]:
                    raise OutOfStepError(f"frame {number} has the time stamp {decoded.stamp}")
                if decoded.damaged and number == point.frame:
                    raise OutOfStepError("the seek point cannot be decoded by itself")
                yield decoded
                number += 1
        except LIBAV_ERRORS as error:
            if number == point.frame:
                raise OutOfStepError(reason(error)) from error
            raise _damaged_after(path, number, error) from error
    if number < len(stamps):
        raise OutOfStepError(f"the clip ends after {number} frames")


def _use_threads(stream: av.VideoStream, threads: bool) -> None:
    if not threads:
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1


class _Decoder:
    """Decodes packets, passing over those that cannot be: ``errors`` counts them, ``error`` is the first."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._stream = stream
        self.errors = self.count = 0
        self.error: BaseException | None = None

    def frames(self, found: Iterable[Packet[Stream]]) -> Iterator[av.VideoFrame]:
        for packet in found:
            try:
                decoded = self._stream.decode(packet)
            except LIBAV_ERRORS as error:
                self.errors += 1
                self.error = self.error or error
                continue
            self.count += len(decoded)
            yield from decoded


def _without_gaps(
    frames: Iterator[tuple[av.VideoFrame, bool]], decoder: _Decoder, stamps: Ticks | None
) -> Iterator[Decoded]:
    """The frames, with neighbours in the place of those that did not come out; ``stamps`` rise."""
    expected = deque(() if stamps is None else stamps.tolist())
    last: av.VideoFrame | None = None
    for frame, damaged in frames:
        stamp = stamp_of(frame)
        while decoder.errors and stamp is not None and expected and expected[0] < stamp:
            yield Decoded(last or frame, expected.popleft(), True)
        if expected and expected[0] == stamp:
            expected.popleft()
        yield Decoded(frame, stamp, damaged)
        last = frame
    if decoder.errors and last is not None:
        for stamp in expected:
            yield Decoded(last, stamp, True)


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


def _damaged_after(path: Path, count: int, error: BaseException) -> InputError:
    return InputError(f"{path}: damaged after {count} frames ({reason(error)})")
