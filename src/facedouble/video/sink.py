"""One way to write frames, whether as a clip with its sound or as a folder of images."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av
import av.error
import numpy as np
from av.codec.context import CodecContext
from av.packet import Packet
from av.stream import Stream
from av.video.reformatter import ColorRange, VideoReformatter

from facedouble.config import VideoSettings
from facedouble.errors import InputError, OutputError, SettingsError
from facedouble.types import Frame, Image
from facedouble.video.images import IMAGE_SUFFIXES, write_png
from facedouble.video.rgb import CONVERSION, UNSPECIFIED, is_full_range, matrix_of
from facedouble.video.source import SourceInfo, clock_start, reason

_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
CLIP_SUFFIXES = frozenset(_FORMATS)

# Files that cannot hold the time of each frame, or that hold one picture: never the name of a folder.
_OTHER_SUFFIXES = IMAGE_SUFFIXES | {
    ".3gp", ".avi", ".flv", ".gif", ".m2ts", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".wmv",
}  # fmt: skip

# What describes the source's file or its encoding and is not true of the one written.
_NOT_COPIED = re.compile(
    r"major_brand|minor_version|compatible_brands|encoder|rotate|duration|bps|number_of_(frames|bytes)"
    r"|_statistics_.*",
    re.IGNORECASE,
)
_X26X_PRESETS = [
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
]
_NUMBERED = re.compile(r"\d{6,}\.png")


class Sink(Protocol):
    """Takes frames in presentation order. A context manager: leaving it by an exception aborts."""

    def write(self, frame: Frame, image: Image | None = None) -> None:
        """Write ``image``, or ``frame.image``, with the frame's time or name.

        Raises ``OutputError`` when it cannot be written.
        """
        ...

    def close(self) -> None:
        """Finish: the output is whole once this returns. Raises ``OutputError``."""
        ...

    def abort(self) -> None:
        """Give up: what is unfinished is removed. After ``close`` it does nothing."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()


@dataclass(frozen=True, slots=True)
class Marking:
    """How what is written is marked as synthetic, before it appears under its name.

    ``comment`` goes into a clip's ``comment`` and the text "Comment" of every PNG, ``tags`` among the
    other tags of a clip. ``image`` is called with the data of an image file and its name and returns what
    to write; ``clip`` with the finished clip and the name it is about to get.
    """

    comment: str
    tags: Mapping[str, str] = field(default_factory=dict)
    image: Callable[[bytes, str], bytes] | None = None
    clip: Callable[[Path, Path], object] | None = None


def open_sink(
    path: Path,
    like: SourceInfo,
    settings: VideoSettings,
    *,
    audio_from: Path | None,
    overwrite: bool,
    marking: Marking | None = None,
) -> Sink:
    """Open ``path`` for writing: a clip where its suffix is one of ``CLIP_SUFFIXES``, else a folder.

    ``like`` gives a clip its size, times and colours. ``audio_from`` is a file whose sound streams
    are copied; a folder cannot hold them. ``marking`` says how what is written is marked.

    Raises ``OutputError`` before any work when the output exists and ``overwrite`` is false, when it
    is what is being read, when the place cannot be written to, and when the container cannot hold
    the codec or the sound; ``SettingsError`` for a preset that the encoder does not have.
    """
    for read in (like.path, audio_from):
        if read is not None and path.exists() and read.exists() and path.samefile(read):
            raise OutputError(f"{path} is what is being read; choose another output")
    suffix = path.suffix.lower()
    if suffix in CLIP_SUFFIXES:
        if path.is_dir():
            raise OutputError(f"{path} is a folder; choose another name for the clip")
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists; choose another output, or say to overwrite it")
        return ClipSink(path, like, settings, audio_from=audio_from, marking=marking)
    if suffix in _OTHER_SUFFIXES:
        known = ", ".join(sorted(CLIP_SUFFIXES))
        raise OutputError(f"{path}: cannot write {suffix}; choose one of {known}, or the name of a folder")
    return FolderSink(path, overwrite=overwrite, marking=marking)


class ClipSink(Sink):
    """A clip, written beside its final name and renamed when it is whole.

    *Times.* Every frame keeps its time, so a variable rate stays variable and the sound stays in
    step. MP4 and MOV keep the source's time base; Matroska and WebM count in milliseconds, and move
    sound and picture together where a time is below 0.

    *Colours.* RGB becomes YUV by the matrix and range that ``like`` names, by the same rules as
    ``ClipSource``, and the tags are written as they were. ``like`` may be held as RGB itself (a
    folder): the clip then has BT.709 from 720 lines up, BT.601 below, limited range, and says so.

    *Pixels.* ``yuv420p`` where the encoder has it. H.264 and H.265 have it only for even sizes, so
    a clip of an odd width or height is ``yuv444p``, which VLC, FFmpeg and editors read but browsers
    and QuickTime may not. Interlaced clips become progressive ones.

    *Sound.* The packets of every sound stream of ``audio_from`` are copied as they are. Subtitles,
    data streams and chapters are not; the timecode of MOV and MP4 and what the container can hold of
    the source's metadata are.

    *Quality.* ``settings.crf`` goes to the encoder's constant quality (``crf``, NVENC's ``cq``).
    Encoders without one are accepted when they are lossless or made for editing (FFV1, ProRes).
    """

    def __init__(
        self,
        path: Path,
        like: SourceInfo,
        settings: VideoSettings,
        *,
        audio_from: Path | None = None,
        marking: Marking | None = None,
    ) -> None:
        self.path = path
        self._draft = path.with_name(f".{path.stem}.partial{path.suffix}")
        self._like, self._settings = like, settings
        self._size = like.width, like.height
        self._frames = 0
        self._done = False
        self._sound: _Sound | None = None
        self._reformatter = VideoReformatter()
        if not path.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {path.parent}; make it first")
        tags, video_tags = _tags(like)
        self._marking = marking
        if marking is not None:
            tags = _marked(tags, marking.comment) | dict(marking.tags)
        self._container = av.open(
            f"file:{self._draft}",
            "w",
            format=_FORMATS[path.suffix.lower()],
            options=_container_options(path, like),
        )
        try:
            self._container.metadata.update(tags)
            self._stream = self._add_video()
            self._stream.metadata.update(video_tags)
            if audio_from is not None:
                self._sound = _Sound(audio_from, self._container, self.path)
            self._attempt(self._container.start_encoding)
        except BaseException:
            self.abort()
            raise

    def write(self, frame: Frame, image: Image | None = None) -> None:
        picture = frame.image if image is None else image
        height, width = picture.shape[:2]
        if (width, height) != self._size:
            raise OutputError(
                f"{self.path}: frame {frame.index} is {width}x{height}, the clip is "
                f"{self._size[0]}x{self._size[1]}; all frames of a clip have one size"
            )
        yuv = self._to_yuv(picture)
        yuv.pts, yuv.time_base = frame.pts, frame.time_base
        self._attempt(lambda: self._mux(self._stream.encode(yuv)))
        self._frames += 1

    def close(self) -> None:
        if self._done:
            return
        try:
            if not self._frames:
                raise OutputError(f"{self.path}: there was no frame to write")
            self._attempt(self._finish)
        except BaseException:
            self.abort()
            raise
        self._done = True

    def abort(self) -> None:
        if self._done:
            return
        self._done = True
        if self._sound is not None:
            self._sound.close()
        # Closing writes the end of a file that is about to be removed; that may fail again.
        with suppress(av.error.FFmpegError, OSError):
            self._container.close()
        self._draft.unlink(missing_ok=True)

    def _finish(self) -> None:
        self._mux(self._stream.encode(None))
        if self._sound is not None:
            for packet in self._sound.until(None):
                self._container.mux(packet)
            self._sound.close()
        self._container.close()
        if self._marking is not None and self._marking.clip is not None:
            self._marking.clip(self._draft, self.path)
        _flush(self._draft)
        self._draft.replace(self.path)
        if os.name != "nt":  # Windows cannot open a folder to flush it
            _flush(self.path.parent)

    def _mux(self, packets: list[Packet[Stream]]) -> None:
        """Write packets of the picture, each after the sound that comes before it."""
        for packet in packets:
            if self._sound is not None and packet.dts is not None:
                for earlier in self._sound.until(packet.dts * packet.time_base):
                    self._container.mux(earlier)
            self._container.mux(packet)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (av.error.FFmpegError, OSError) as error:
            raise OutputError(f"{self.path}: cannot be written ({reason(error)}){_advice(error)}") from error
        except ValueError as error:  # PyAV's, where a stream does not fit its container
            raise OutputError(f"{self.path}: cannot be written ({error})") from error

    def _to_yuv(self, image: Image) -> av.VideoFrame:
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        return self._reformatter.reformat(
            rgb,
            format=self._stream.codec_context.pix_fmt,
            src_colorspace=self._matrix,
            dst_colorspace=self._matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG if self._full_range else ColorRange.MPEG,
            interpolation=CONVERSION,
        )

    def _add_video(self) -> av.VideoStream:
        like, name = self._like, self._settings.codec
        codec = _encoder(name, self.path)
        try:
            stream = self._container.add_stream(
                name, rate=like.rate, time_base=like.time_base, width=like.width, height=like.height
            )
        except ValueError as error:
            raise OutputError(
                f"{self.path}: {self.path.suffix} cannot hold video of {name}; "
                "choose another codec (libvpx-vp9 for .webm), or write .mkv"
            ) from error
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.pix_fmt = _pixel_format(codec, like.width, like.height, self.path)
        context.options = _encoder_options(context, self._settings, self.path)
        if like.sample_aspect != 1:
            context.sample_aspect_ratio = like.sample_aspect
        self._matrix = matrix_of(like.colorspace, like.height, self.path)
        self._full_range = is_full_range(like.color_range, like.pixel_format)
        range_tag, matrix_tag = like.color_range, like.colorspace
        if av.VideoFormat(like.pixel_format).is_rgb:
            self._full_range = False
            range_tag = int(ColorRange.MPEG)
            if like.colorspace in (0, UNSPECIFIED):
                matrix_tag = 1 if like.height >= 720 else 6
        context.color_range, context.colorspace = range_tag, matrix_tag
        context.color_primaries, context.color_trc = like.color_primaries, like.color_trc
        return stream


class FolderSink(Sink):
    """A folder of PNG files, made if it is not there.

    A file has the name of the image it comes from, or the frame's number (``000123.png``). Each is
    whole or not there; after an abort those that were written stay. ``overwrite`` allows a folder
    that holds something: images of the same names are replaced, and numbered ones of an earlier,
    longer run are removed at the end.
    """

    def __init__(self, path: Path, *, overwrite: bool = False, marking: Marking | None = None) -> None:
        self.path = path
        self._marking = marking
        self._written: set[str] = set()
        self._done = False
        try:
            self._made = not path.exists()
            path.mkdir(parents=True, exist_ok=True)
            if not overwrite and any(path.iterdir()):
                raise OutputError(f"{path} holds files; choose another output, or say to overwrite it")
            if not os.access(path, os.W_OK):
                raise OutputError(f"{path}: cannot be written to; choose another output")
        except OSError as error:
            raise OutputError(f"{path}: cannot be a folder of images ({error.strerror})") from error

    def write(self, frame: Frame, image: Image | None = None) -> None:
        name = f"{frame.index:06d}.png" if frame.name is None else f"{Path(frame.name).stem}.png"
        if name in self._written:
            raise OutputError(f"{self.path / name}: two images have this name; rename one of them")
        marking = self._marking
        pixels = frame.image if image is None else image
        if marking is None:
            write_png(self.path / name, pixels)
        else:
            write_png(self.path / name, pixels, marking.comment, finish=partial(_finished, marking, name))
        self._written.add(name)

    def close(self) -> None:
        if self._done:
            return
        self._done = True
        try:
            for file in list(self.path.iterdir()):
                if _NUMBERED.fullmatch(file.name) and file.name not in self._written:
                    file.unlink()
        except OSError as error:
            raise OutputError(
                f"{self.path}: images of an earlier run cannot be removed ({error.strerror})"
            ) from error

    def abort(self) -> None:
        if self._done:
            return
        self._done = True
        if self._made and not self._written:
            self.path.rmdir()


def _finished(marking: Marking, name: str, data: bytes) -> bytes:
    return data if marking.image is None else marking.image(data, name)


class _Sound:
    """The sound packets of a file, in its order, ready for the streams added to an output."""

    def __init__(self, source: Path, output: av.container.OutputContainer, path: Path) -> None:
        self._source = source
        try:
            self._container = av.open(f"file:{source}")
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(f"{source}: its sound cannot be read ({reason(error)})") from error
        try:
            self._streams = {s.index: _like_stream(s, output, path) for s in self._container.streams.audio}
        except BaseException:
            self._container.close()
            raise
        self._start = clock_start(self._container)
        self._packets = self._read()
        self._next = next(self._packets, None)

    def until(self, seconds: Fraction | None) -> Iterator[Packet[Stream]]:
        """The packets not yet given out that are due by then; with ``None`` all of them."""
        while (packet := self._next) is not None:
            if seconds is not None and packet.dts is not None and packet.dts * packet.time_base > seconds:
                return
            self._next = next(self._packets, None)
            yield packet

    def close(self) -> None:
        self._container.close()

    def _read(self) -> Iterator[Packet[Stream]]:
        streams = [self._container.streams[index] for index in self._streams]
        if not streams:
            return
        try:
            for packet in self._container.demux(streams):
                if packet.dts is None and not packet.size:  # PyAV's sign that a stream has ended
                    continue
                shift = round(self._start / packet.time_base)
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.dts = None if packet.dts is None else packet.dts - shift
                packet.stream = self._streams[packet.stream.index]
                yield packet
        except av.error.FFmpegError as error:
            raise InputError(f"{self._source}: its sound is damaged ({reason(error)})") from error


def _like_stream(stream: av.AudioStream, output: av.container.OutputContainer, path: Path) -> Stream:
    """A stream added to ``output`` for the packets of ``stream``, with its language and title."""
    context: CodecContext | None = stream.codec_context  # the stub forgets codecs FFmpeg does not know
    codec = context.codec.canonical_name if context is not None else "an unknown codec"
    try:
        copy = output.add_stream_from_template(stream)
    except ValueError as error:
        raise OutputError(
            f"{path}: {path.suffix} cannot hold the source's sound ({codec}); write .mkv or .mov instead"
        ) from error
    copy.metadata.update(_worth_copying(stream.metadata))
    copy.disposition = stream.disposition
    return copy


def _tags(like: SourceInfo) -> tuple[dict[str, str], dict[str, str]]:
    """The source's metadata: of the file and of its picture. Empty for a folder."""
    if like.kind != "clip":
        return {}, {}
    try:
        with av.open(f"file:{like.path}") as container:
            video = container.streams.best("video")
            return _worth_copying(container.metadata), _worth_copying(video.metadata if video else {})
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{like.path}: cannot be opened as a clip ({reason(error)})") from error


def _worth_copying(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if not _NOT_COPIED.fullmatch(key)}


def _marked(tags: dict[str, str], marking: str) -> dict[str, str]:
    """``tags`` with a comment that begins with ``marking`` and keeps what it said before."""
    # Matroska's names are in capitals.
    old = next((text for key, text in tags.items() if key.lower() == "comment"), "")
    comment = old if old.startswith(marking) else f"{marking} | {old}" if old else marking
    return {key: text for key, text in tags.items() if key.lower() != "comment"} | {"comment": comment}


def _container_options(path: Path, like: SourceInfo) -> dict[str, str]:
    if _FORMATS[path.suffix.lower()] not in ("mp4", "mov"):
        return {}
    ticks = str(like.time_base.denominator)
    # Left alone, the muxer multiplies small time bases, and rounds the start to a millisecond.
    return {"movflags": "+faststart", "video_track_timescale": ticks, "movie_timescale": ticks}


def _encoder(name: str, path: Path) -> av.Codec:
    try:
        codec = av.Codec(name, "w")
    except ValueError as error:
        raise OutputError(f"{path}: there is no encoder {name!r} here; libx264 is one that is") from error
    if codec.type != "video":
        raise OutputError(f"{path}: {name} does not encode video; libx264 does")
    return codec


def _pixel_format(codec: av.Codec, width: int, height: int, path: Path) -> str:
    odd = width % 2 or height % 2
    wanted = ["yuv444p", "yuv420p"] if odd else ["yuv420p", "yuv422p", "yuv444p"]
    wanted += ["yuv422p10le", "yuv444p10le"]
    known = {format.name for format in codec.video_formats or ()}
    for name in wanted:
        if name in known:
            return name
    raise OutputError(f"{path}: {codec.name} takes no pixels that can be given to it; choose libx264")


def _encoder_options(context: av.VideoCodecContext, settings: VideoSettings, path: Path) -> dict[str, str]:
    """Quality and preset in the encoder's own terms."""
    known = {option.name: option for option in context.supported_options.private}
    options: dict[str, str] = {}
    quality = next((name for name in ("crf", "cq") if name in known), None)
    if quality is not None:
        options[quality] = str(settings.crf)
    elif not (context.codec.lossless or context.codec.intra_only):
        raise OutputError(f"{path}: {settings.codec} has no constant quality; choose libx264 or libx265")
    if settings.codec.startswith("libx26"):
        if settings.preset not in _X26X_PRESETS:
            raise SettingsError(
                f"there is no preset {settings.preset!r}; choose of {', '.join(_X26X_PRESETS)}"
            )
        options["preset"] = settings.preset
        if settings.codec == "libx265":
            options["x265-params"] = "log-level=error"  # it writes to the terminal by itself
    elif "preset" in known:
        if known["preset"].choices or settings.preset.isdecimal():
            options["preset"] = settings.preset
        elif settings.preset != VideoSettings().preset:
            raise SettingsError(f"{settings.codec} numbers its presets; {settings.preset!r} is none of them")
    return options


def _advice(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "; make room there, or choose another place"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "; choose a place where you may write"
    if isinstance(error, av.error.ExternalError):
        return "; the encoder refused: check the codec, its preset and crf"
    return ""


def _flush(path: Path) -> None:
    """Have the system put a file or folder on the disk before going on."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
