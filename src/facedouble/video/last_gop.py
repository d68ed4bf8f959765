"""The end of a clip whose container does not say how long it is.

FFmpeg's decoders mark a damaged frame while they decode it. With several threads, the last frames can be
given out before that, and a recording that was cut off passes for a whole one. So the last GOP of an MPEG
stream is decoded a second time, in one thread.
"""

from __future__ import annotations

from collections.abc import Iterator

import av
from av.packet import Packet
from av.stream import Stream

from facedouble.video.keyframes import is_safe_keyframe
from facedouble.video.libav import LIBAV_ERRORS

_FORMATS = {"mpegts", "mpeg"}
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

    def is_damaged(self) -> bool:
        """Whether a frame from the last keyframe on is damaged; to be asked at the end of the stream."""
        if not self._packets:
            return False
        context = av.CodecContext.create(self._context.name, "r")
        assert isinstance(context, av.VideoCodecContext)
        context.extradata, context.thread_count = self._context.extradata, 1
        start = self._packets[0].pts
        try:
            frames = [frame for packet in [*self._packets, None] for frame in context.decode(packet)]
        except LIBAV_ERRORS:
            return True
        return any(
            frame.is_corrupt
            for frame in frames
            if start is None or frame.pts is None or frame.pts >= start  # not the leading ones of an open GOP
        )

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
