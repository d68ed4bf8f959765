"""A clip's container: video packets interleaved with the streams copied from the source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Stream

from facedouble.errors import OutputError
from facedouble.files import claim, sync_path
from facedouble.video.info import SourceInfo
from facedouble.video.libav import LIBAV_ERRORS, create_clip, open_clip
from facedouble.video.registry import CLIP_FORMATS
from facedouble.video.sinks.base import Marking, write_error
from facedouble.video.sinks.encoder import Encoding
from facedouble.video.sinks.matroska_aspect import add_display_size
from facedouble.video.sinks.other_streams import suffixes_for
from facedouble.video.sinks.stream_copy import Span, StreamCopy
from facedouble.video.sinks.tags import moved_timecode, source_tags, with_comment

_MATROSKA = {".mkv", ".webm"}


class ClipFile:
    """A container, written as ``draft`` and renamed to ``path`` when it is complete.

    The sound streams of ``audio_from`` are copied, and where that is ``like`` itself also its subtitles
    and chapters; ``spans`` restricts that to parts of the source. ``remarks`` says what the result does not
    have, or has otherwise. Raises ``OutputError`` when the container cannot hold the picture or a stream
    that was asked for, or cannot be written, ``InputError`` when the source cannot be read.
    """

    def __init__(
        self,
        path: Path,
        draft: Path,
        like: SourceInfo,
        encoding: Encoding,
        *,
        audio_from: Path | None,
        marking: Marking | None,
        spans: Sequence[Span] | None = None,
    ) -> None:
        self._path, self._draft, self._marking, self._like = path, draft, marking, like
        self._stream_copy: StreamCopy | None = None
        self.remarks = list(encoding.remarks)
        tags, video_tags = source_tags(like)
        if spans:
            frames = round((spans[0].start - spans[0].target) * like.rate)
            tags, video_tags = (moved_timecode(one, like.rate, frames) for one in (tags, video_tags))
        if marking is not None:
            tags = with_comment(tags, marking.comment) | dict(marking.tags)
        format = CLIP_FORMATS[path.suffix.lower()]
        try:
            claim(draft)
            self._container = create_clip(draft, format, _options(format, like))
        except LIBAV_ERRORS as error:
            raise write_error(path, error) from error
        try:
            self._container.metadata.update(tags)
            self.stream = self._add_video(encoding)
            self.stream.metadata.update(video_tags)
            if audio_from is not None:
                whole = like.kind == "clip" and audio_from == like.path
                self._stream_copy = StreamCopy(
                    audio_from,
                    self._container,
                    path,
                    whole=whole,
                    streams=encoding.streams,
                    video_stream=like.video_stream,
                    spans=spans,
                )
                self.remarks += self._stream_copy.remarks
            self.attempt(self._container.start_encoding)
        except BaseException:
            self.abort()
            raise

    def mux(self, packets: Iterable[Packet[Stream]]) -> None:
        """Write video packets, interleaved with the copied streams."""
        for packet in packets:
            if self._stream_copy is not None and packet.dts is not None:
                for copied in self._stream_copy.until(packet.dts * packet.time_base):
                    self._container.mux(copied)
            self._container.mux(packet)

    def finish(self) -> None:
        """Write the rest of the copied streams, mark the clip, and rename it to its final name."""
        if self._stream_copy is not None:
            for packet in self._stream_copy.until(None):
                self._container.mux(packet)
            self._stream_copy.close()
        self._container.close()
        self._add_shape()
        if self._marking is not None and self._marking.clip is not None:
            self._marking.clip(self._draft, self._path)
        sync_path(self._draft)
        self._draft.replace(self._path)
        if os.name != "nt":  # Windows cannot open a folder to flush it
            sync_path(self._path.parent)

    def _add_shape(self) -> None:
        """Say in Matroska and WebM that pixels are not square, where FFmpeg's muxer did not."""
        shown, stored = self._like.shown_size, (self._like.width, self._like.height)
        if shown == stored or self._path.suffix.lower() not in _MATROSKA:
            return
        with open_clip(self._draft) as written:
            if written.streams.video[0].sample_aspect_ratio not in (None, 1):
                return  # the coded pictures say it
        if not add_display_size(self._draft, stored, shown):
            raise OutputError(f"{self._path}: {self._path.suffix} cannot say that its pixels are not square")

    def abort(self) -> None:
        """Close and delete the draft."""
        if self._stream_copy is not None:
            self._stream_copy.close()
        # Closing writes a trailer to a file that is about to be removed; that may fail again.
        with suppress(*LIBAV_ERRORS):
            self._container.close()
        self._draft.unlink(missing_ok=True)

    def attempt(self, step: Callable[[], None]) -> None:
        """Run one step of writing; errors of FFmpeg and the system become ``OutputError``."""
        try:
            step()
        except LIBAV_ERRORS as error:
            raise write_error(self._path, error) from error

    def _add_video(self, encoding: Encoding) -> av.VideoStream:
        try:
            stream = self._container.add_stream(
                encoding.codec, rate=encoding.rate, time_base=encoding.time_base
            )
        except ValueError as error:
            raise OutputError(
                f"{self._path}: {self._path.suffix} cannot hold video of {encoding.codec}; choose another "
                f"codec{_advice(encoding.codec)}"
            ) from error
        assert isinstance(stream, av.VideoStream)
        encoding.configure(stream.codec_context)
        return stream


def _options(format: str, like: SourceInfo) -> dict[str, str]:
    if format not in ("mp4", "mov"):
        return {}
    ticks = str(like.time_base.denominator)
    # Left alone, the muxer multiplies small time bases, and rounds the start to a millisecond.
    return {"movflags": "+faststart", "video_track_timescale": ticks, "movie_timescale": ticks}


def _advice(codec: str) -> str:
    """Which containers hold video of an encoder."""
    suffixes = suffixes_for(codec)
    return f" (libvpx-vp9 for .webm), or write {' or '.join(suffixes)}" if suffixes else ""
