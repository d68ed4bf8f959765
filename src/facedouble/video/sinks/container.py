"""The file of a clip: packets of the picture, with everything else of the source beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import av
import av.error
from av.packet import Packet
from av.stream import Stream

from facedouble.errors import OutputError
from facedouble.video.sinks.base import Marking, unwritable
from facedouble.video.sinks.encoder import Encoding
from facedouble.video.sinks.streams import Companions, Span
from facedouble.video.sinks.tags import marked, tags_of
from facedouble.video.source import SourceInfo

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


class ClipFile:
    """A container that is written as ``draft`` and renamed to ``path`` when it is whole.

    The sound streams of ``audio_from`` are copied, and where that is ``like`` itself also its subtitles
    and chapters; of those only what lies in ``spans``, where they are given. Raises ``OutputError`` when
    the container cannot hold one of them or cannot be written, ``InputError`` when the source cannot be
    read.
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
        self._path, self._draft, self._marking = path, draft, marking
        self._companions: Companions | None = None
        tags, video_tags = tags_of(like)
        if marking is not None:
            tags = marked(tags, marking.comment) | dict(marking.tags)
        format = FORMATS[path.suffix.lower()]
        try:
            self._container = av.open(f"file:{draft}", "w", format=format, options=_options(format, like))
        except (av.error.FFmpegError, OSError) as error:
            raise unwritable(path, error) from error
        try:
            self._container.metadata.update(tags)
            self.stream = self._add_video(encoding)
            self.stream.metadata.update(video_tags)
            if audio_from is not None:
                whole = like.kind == "clip" and audio_from == like.path
                self._companions = Companions(audio_from, self._container, path, subtitles=whole, spans=spans)
            self.attempt(self._container.start_encoding)
        except BaseException:
            self.abort()
            raise

    def mux(self, packets: Iterable[Packet[Stream]]) -> None:
        """Write packets of the picture, each after what of the sound comes before it."""
        for packet in packets:
            if self._companions is not None and packet.dts is not None:
                for earlier in self._companions.until(packet.dts * packet.time_base):
                    self._container.mux(earlier)
            self._container.mux(packet)

    def finish(self) -> None:
        """Write what is left of the sound, mark the clip, and give it its name."""
        if self._companions is not None:
            for packet in self._companions.until(None):
                self._container.mux(packet)
            self._companions.close()
        self._container.close()
        if self._marking is not None and self._marking.clip is not None:
            self._marking.clip(self._draft, self._path)
        flush(self._draft)
        self._draft.replace(self._path)
        if os.name != "nt":  # Windows cannot open a folder to flush it
            flush(self._path.parent)

    def abort(self) -> None:
        """Give up and leave nothing."""
        if self._companions is not None:
            self._companions.close()
        # Closing writes the end of a file that is about to be removed; that may fail again.
        with suppress(av.error.FFmpegError, OSError):
            self._container.close()
        self._draft.unlink(missing_ok=True)

    def attempt(self, step: Callable[[], None]) -> None:
        """Do a step of the writing; what FFmpeg or the system says of it becomes an ``OutputError``."""
        try:
            step()
        except (av.error.FFmpegError, OSError) as error:
            raise unwritable(self._path, error) from error
        except ValueError as error:  # PyAV's, where a stream does not fit its container
            raise OutputError(f"{self._path}: cannot be written ({error})") from error

    def _add_video(self, encoding: Encoding) -> av.VideoStream:
        try:
            stream = self._container.add_stream(
                encoding.codec, rate=encoding.rate, time_base=encoding.time_base
            )
        except ValueError as error:
            raise OutputError(
                f"{self._path}: {self._path.suffix} cannot hold video of {encoding.codec}; "
                "choose another codec (libvpx-vp9 for .webm), or write .mkv"
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


def flush(path: Path) -> None:
    """Have the system put a file or folder on the disk before going on."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
