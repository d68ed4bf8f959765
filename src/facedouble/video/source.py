"""One way to read frames, whether they come from a clip or from a folder of images.

Leave PyAV's logging off (as it is): a decoder closed while its threads log waits for itself forever.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

import av
import av.error
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from facedouble.errors import InputError
from facedouble.types import Frame
from facedouble.video.images import IMAGE_SUFFIXES, read_image, read_pixels
from facedouble.video.orientation import display_matrix, orientation
from facedouble.video.picture import Picture, Pixels, Shown, planar
from facedouble.video.raw import PLANAR_FORMATS, FileFrame, PlanarFrame, RawFrame, RgbFrame
from facedouble.video.yuv import UNSPECIFIED, YuvColour, is_full_range, matrix_of, reformatter, to_rgb


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source before its frames are read.

    ``width`` and ``height`` are of the frames as they are given out, upright. ``frames`` is what
    the container says, 0 when it does not say; to be sure, count them. ``rate`` is frames per
    second, the average where the rate varies. The four colour fields are FFmpeg's numbers (ITU-T
    H.273), 2 meaning "unspecified"; ``colour_range`` 1 is limited, 2 full, 0 unspecified.
    ``sample_aspect`` is the width of a pixel divided by its height. ``is_film`` is false for images
    that do not follow one another in time.
    """

    path: Path
    kind: str
    width: int
    height: int
    frames: int
    rate: Fraction
    time_base: Fraction
    pixel_format: str = "rgb24"
    colour_range: int = 0
    colour_matrix: int = UNSPECIFIED
    colour_primaries: int = UNSPECIFIED
    colour_transfer: int = UNSPECIFIED
    has_audio: bool = False
    sample_aspect: Fraction = Fraction(1)
    is_film: bool = True


class Source(Protocol):
    """Frames in presentation order, from the start, as often as asked."""

    @property
    def info(self) -> SourceInfo: ...

    def frames(self) -> Iterator[Frame]:
        """Yield every frame, with strictly rising times. Raises ``InputError`` where one cannot be read."""
        ...

    def raw_frames(self) -> Iterator[RawFrame]:
        """The same frames, not yet in RGB. Raises ``InputError`` where a clip cannot be read; an
        image of a folder does so when it is looked at."""
        ...

    def pictures(self) -> Iterator[Shown]:
        """The same frames with all the bits that they have: in the planes they were decoded to, where
        those are luma and chroma, else in RGB. Raises ``InputError`` where one cannot be read."""
        ...


class ClipSource:
    """A video file, read with PyAV (FFmpeg's libraries).

    Frames are turned upright (display matrix of phone clips) and converted to RGB by the clip's own
    colour matrix and range. A clip that does not say its matrix is taken as BT.709 from 720 coded
    lines up and as BT.601 below; one that does not say its range, as limited. Eight bits of each
    channel are kept, so of a 10-bit clip the upper eight. Times are the clip's own, except that
    those of an MPEG stream, whose clock starts anywhere, are counted from the stream's start.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _open_clip(path) as container:
            stream = _video_stream(container, path)
            stream.thread_type = "AUTO"
            context = stream.codec_context
            shown = _check_index(container, stream, path)
            rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            first = next(_decode(container, stream, path), None)
            if first is None:
                raise InputError(f"{path}: the clip has no frame that can be decoded")
            self._coded_size = first.width, first.height
            self._turn = orientation(display_matrix(first), path)
            aspect = stream.sample_aspect_ratio or Fraction(1)
            swapped = self._turn.transposed
            self._info = SourceInfo(
                path=path,
                kind="clip",
                width=first.height if swapped else first.width,
                height=first.width if swapped else first.height,
                frames=stream.frames if shown is None else shown,
                rate=Fraction(rate),
                time_base=Fraction(stream.time_base or 1 / rate),
                pixel_format=context.pix_fmt or first.format.name,
                colour_range=int(context.color_range),
                colour_matrix=int(context.colorspace),
                colour_primaries=int(context.color_primaries),
                colour_transfer=int(context.color_trc),
                has_audio=bool(container.streams.audio),
                sample_aspect=1 / aspect if swapped else aspect,
            )
            self._colouring = YuvColour(
                matrix_of(self._info.colour_matrix, first.height, path),
                is_full_range(self._info.colour_range, self._info.pixel_format),
            )

    @property
    def info(self) -> SourceInfo:
        return self._info

    def frames(self) -> Iterator[Frame]:
        for raw in self.raw_frames():
            yield Frame(index=raw.index, pts=raw.pts, time_base=raw.time_base, image=raw.rgb())

    def raw_frames(self) -> Iterator[RawFrame]:
        reformatter = VideoReformatter()
        for index, pts, decoded in self._decoded():
            time_base = self._info.time_base
            even = decoded.width % 2 == 0 and decoded.height % 2 == 0
            if decoded.format.name in PLANAR_FORMATS and even:
                planes = np.asarray(decoded.to_ndarray(), dtype=np.uint8)
                yield PlanarFrame(index, pts, time_base, planes, self._colouring, self._turn)
            else:
                image = self._turn.apply(to_rgb(decoded, self._colouring, reformatter))
                yield RgbFrame(index, pts, time_base, image)

    def pictures(self) -> Iterator[Shown]:
        for index, pts, decoded in self._decoded():
            picture: Picture | None = planar(decoded, self._colouring, self._turn)
            if picture is None:
                deep = any(component.bits > 8 for component in decoded.format.components)
                rgb = to_rgb(decoded, self._colouring, reformatter(), format="rgb48le" if deep else "rgb24")
                picture = self._turn.apply(rgb)
            yield Shown(index, pts, self._info.time_base, picture)

    def _decoded(self) -> Iterator[tuple[int, int, av.VideoFrame]]:
        """Number, time and picture of every frame, all of one size."""
        for index, (pts, decoded) in enumerate(self._timed()):
            if (decoded.width, decoded.height) != self._coded_size:
                width, height = self._coded_size
                raise InputError(
                    f"{self.path}: frame {index} is {decoded.width}x{decoded.height}, those before it "
                    f"{width}x{height}; cut the clip where its size changes"
                )
            yield index, pts, decoded

    def times(self) -> list[int]:
        """The ``pts`` of every frame, as ``frames`` gives them, without the cost of their colours."""
        return [pts for pts, _ in self._timed()]

    def _timed(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decoded frames, each with its time, strictly rising.

        A frame without a time (AVI has none) takes its decoding time, else follows the one before by
        one nominal frame. One that is not later than the frame before it is put one tick after that.
        """
        step = max(1, round(1 / (self._info.rate * self._info.time_base)))
        previous: int | None = None
        with _open_clip(self.path) as container:
            stream = _video_stream(container, self.path)
            stream.thread_type = "AUTO"
            start = round(clock_start(container) / self._info.time_base)
            for decoded in _decode(container, stream, self.path):
                pts = decoded.pts if decoded.pts is not None else decoded.dts
                if pts is not None:
                    pts -= start
                else:
                    pts = 0 if previous is None else previous + step
                if previous is not None and pts <= previous:
                    pts = previous + 1
                previous = pts
                yield pts, decoded


class FolderSource:
    """The images of a folder in natural order of their names, one frame each at 25 per second.

    They are taken as a film when their names are numbered without a gap and they are all alike in kind
    (``shot_0001.png``, ``shot_0002.png``), else as single pictures. The size is that of the first
    that can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # A leading dot: what macOS leaves beside images on foreign disks, and half-written files.
            entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        self.files = sorted(
            (entry for entry in entries if entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file()),
            key=_natural_key,
        )
        if not self.files:
            raise InputError(f"{path}: the folder holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
        first = self._first()
        height, width = first.shape[:2]
        self._info = SourceInfo(
            path=path,
            kind="folder",
            width=width,
            height=height,
            frames=len(self.files),
            rate=Fraction(25),
            time_base=Fraction(1, 25),
            pixel_format="rgb24" if first.dtype == np.uint8 else "rgb48le",
            is_film=_numbered(self.files),
        )

    def _first(self) -> Pixels:
        problem = None
        for file in self.files:
            try:
                return read_pixels(file)
            except InputError as error:
                problem = problem or error
        raise problem or InputError(f"{self.path}: the folder holds no image")

    @property
    def info(self) -> SourceInfo:
        return self._info

    def frames(self) -> Iterator[Frame]:
        for index, file in enumerate(self.files):
            yield Frame(
                index=index,
                pts=index,
                time_base=self._info.time_base,
                image=read_image(file),
                name=file.name,
            )

    def pictures(self) -> Iterator[Shown]:
        for index, file in enumerate(self.files):
            yield Shown(index, index, self._info.time_base, read_pixels(file), file.name)

    def raw_frames(self) -> Iterator[RawFrame]:
        for index, file in enumerate(self.files):
            yield FileFrame(index, index, self._info.time_base, file)


def open_source(path: Path) -> Source:
    """Open a clip or a folder of images. Raises ``InputError`` with what is wrong."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    return FolderSource(path) if path.is_dir() else ClipSource(path)


def source_hash(path: Path) -> str:
    """SHA-256 that recognises a source: of a clip's bytes, or of a folder's names and bytes."""
    files = FolderSource(path).files if path.is_dir() else [path]
    return _hash(tuple(map(_version, files)), of_folder=path.is_dir())


def is_cover(stream: av.VideoStream) -> bool:
    """Whether a "video" stream is the cover picture of a piece of music."""
    return bool(stream.disposition & Disposition.attached_pic)


def clock_start(container: av.container.InputContainer) -> Fraction:
    """What is taken off every time of a file, in seconds: 0 but for MPEG streams."""
    if container.format.name in ("mpegts", "mpeg") and container.start_time is not None:
        return Fraction(container.start_time, 1_000_000)
    return Fraction(0)


class _Version(NamedTuple):
    """A file as it is now: written anew, it is another one."""

    path: Path
    device: int
    number: int
    size: int
    written: int


def _version(path: Path) -> _Version:
    found = path.stat()
    return _Version(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4)  # one run asks several times, and a clip may be of many gigabytes
def _hash(files: tuple[_Version, ...], *, of_folder: bool) -> str:
    if not of_folder:
        return _file_hash(files[0].path)
    digest = hashlib.sha256()
    for file in files:
        digest.update(os.fsencode(file.path.name))
        digest.update(_file_hash(file.path).encode())
    return digest.hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_clip(path: Path) -> av.container.InputContainer:
    try:
        # The "file:" keeps FFmpeg from taking a name such as "take:1.mp4" for an address.
        return av.open(f"file:{path}")
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: cannot be opened as a clip ({reason(error)})") from error


def _video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    for stream in container.streams.video:
        if not is_cover(stream):
            # A stream whose codec FFmpeg does not know has no context, whatever its type says.
            if stream.codec_context is None:
                raise InputError(f"{path}: its video is of a kind that cannot be decoded")
            return stream
    raise InputError(f"{path}: there is no video in this file")


def _check_index(container: av.container.InputContainer, stream: av.VideoStream, path: Path) -> int | None:
    """Frames that an MP4 or MOV shows, by its index, which leaves out those its edit list hides.

    ``None`` for other files and for fragmented ones, whose index comes in parts. Raises
    ``InputError`` when the index points past the end of the file.
    """
    if "mov" not in container.format.name.split(","):
        return None
    end = shown = 0
    for entry in stream.index_entries:
        end = max(end, entry.pos + entry.size)
        shown += not entry.is_discard
    size = path.stat().st_size
    if end > size:
        raise InputError(f"{path}: the file is cut off, {end - size} bytes are missing; copy it again")
    return shown if stream.frames else None


def _decode(
    container: av.container.InputContainer, stream: av.VideoStream, path: Path
) -> Iterator[av.VideoFrame]:
    """Decoded frames; raises ``InputError`` at the first damaged one, or when the file ends early."""
    count = 0
    end = Fraction(0)  # of what was read of any stream, in seconds
    try:
        for packet in container.demux():
            if packet.pts is not None:
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
            if packet.stream.index != stream.index:
                continue
            for frame in stream.decode(packet):
                if frame.is_corrupt:
                    raise InputError(f"{path}: frame {count} is damaged; repair the clip or cut it there")
                yield frame
                count += 1
    except av.error.FFmpegError as error:
        raise InputError(f"{path}: damaged after {count} frames ({reason(error)})") from error
    # Matroska says how long it is, but does not notice that its end is missing.
    if "matroska" in container.format.name and container.duration:
        missing = Fraction(container.duration, 1_000_000) - end
        rate = stream.average_rate or Fraction(25)
        if missing > max(Fraction(1, 2), 2 / rate):
            raise InputError(
                f"{path}: the file is cut off, its last {float(missing):.1f} s are missing; copy it again"
            )


def reason(error: Exception) -> str:
    """What an error of FFmpeg or the system says, in its own few words."""
    return getattr(error, "strerror", None) or str(error)


def _numbered(files: Sequence[Path]) -> bool:
    """Whether file names differ in one last number only, which goes up by one from each to the next."""
    if len(files) < 2:
        return False
    matches = [re.fullmatch(r"(.*?)(\d+)(\D*)", file.name) for file in files]
    parts = [match.groups() for match in matches if match is not None]
    if len(parts) < len(files) or len({(before, after) for before, _, after in parts}) > 1:
        return False
    numbers = [int(number) for _, number, _ in parts]
    return all(later == earlier + 1 for earlier, later in pairwise(numbers))


def _natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    parts = re.split(r"(\d+)", path.name.lower())
    # isdecimal, as isdigit is also true of "²", which int refuses.
    key = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
    return key, path.name
