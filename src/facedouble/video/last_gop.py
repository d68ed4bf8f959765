"""The end of a clip whose container does not say how long it is.

FFmpeg's decoders mark a damaged frame while they decode it. With several threads, the last frames can be
given out before that, and the damaged end of a recording that was cut off passes for whole. So the last GOP
of an MPEG stream is decoded a second time, in one thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import av
from av.packet import Packet
from av.stream import Stream

from facedouble.video.keyframes import is_safe_keyframe
from facedouble.video.libav import LIBAV_ERRORS

_FORMATS = {"mpegts", "mpeg"}
_HELD = 20  # frames that threads may give out too early: 16, and the reordering of a few
_MAX_BYTES = 64 << 20  # of packets that are kept; a longer GOP is not looked at again


class LastGop:
    """Keeps the packets of a video stream since its last safe keyframe."""

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        self._context = stream.codec_context
        self._wanted = container.format.name in _FORMATS
        self._packets: list[Packet[Stream]] | None = None
        self._size = 0

    def watched(self, packets: Iterator[Packet[Stream]]) -> Iterator[Packet[Stream]]:
        """``packets``, which are noted on the way."""
        for packet in packets:
            if self._wanted and packet.size:
                self._note(packet)
            yield packet

    def checked(self, frames: Iterator[av.VideoFrame]) -> Iterator[tuple[av.VideoFrame, bool]]:
        """``frames`` as they are decoded, and whether each is damaged. The last ones are held back until the
        end of the stream, when that is known for certain."""
        held: deque[av.VideoFrame] = deque()
        for frame in frames:
            held.append(frame)
            if not self._wanted or len(held) > _HELD:
                first = held.popleft()
                yield first, first.is_corrupt
        damaged = self._damaged()
        for frame in held:
            yield frame, frame.is_corrupt or frame.pts in damaged

    def _damaged(self) -> set[int]:
        """The ``pts`` of damaged frames from the last keyframe on."""
        if not self._packets:
            return set()
        context = av.CodecContext.create(self._context.name, "r")
        assert isinstance(context, av.VideoCodecContext)
        context.extradata, context.thread_count = self._context.extradata, 1
        start = self._packets[0].pts
        found: set[int | None] = set()
        for packet in [*self._packets, None]:
            try:
                found.update(frame.pts for frame in context.decode(packet) if frame.is_corrupt)
            except LIBAV_ERRORS:
                found.add(None if packet is None else packet.pts)
        # Not the leading frames of an open GOP, whose references are missing here.
        return {pts for pts in found if pts is not None and (start is None or pts >= start)}

    def _note(self, packet: Packet[Stream]) -> None:
        data = bytes(packet)
        if packet.is_keyframe and is_safe_keyframe(self._context, data):
            self._packets, self._size = [], 0
        if self._packets is None:
            return
        self._size += len(data)
        if self._size > _MAX_BYTES:
            self._packets = None
            return
        copy: Packet[Stream] = Packet(data)
        copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
        self._packets.append(copy)
