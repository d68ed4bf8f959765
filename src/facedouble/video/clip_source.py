"""A clip as a source of frames."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import count, islice
from pathlib import Path

import av

from facedouble.errors import InputError
from facedouble.settings.reading import Reading
from facedouble.video.clip_reader import Decoded, OutOfStepError, decode_all, decode_from
from facedouble.video.clip_remarks import clip_remarks
from facedouble.video.colour_management import managed_coding
from facedouble.video.demux import (
    clock_start,
    video_stream,
    video_stream_number,
    visible_frames,
)
from facedouble.video.frame import Frame
from facedouble.video.frame_extras import (
    field_order,
    has_alpha,
    light_level,
    lost_extras,
    mastering_display,
)
from facedouble.video.frame_rate import frame_rate
from facedouble.video.hashing import source_versions
from facedouble.video.hdr import hdr_coding
from facedouble.video.index import SourceIndex, rising_times
from facedouble.video.index_cache import forget_index, load_index, store_index
from facedouble.video.indexing import index_clip, nominal_duration
from facedouble.video.info import SourceInfo
from facedouble.video.libav import LIBAV_ERRORS, open_clip, reason, side_data
from facedouble.video.orientation import Orientation, display_matrix, orientation
from facedouble.video.pixels import Pixels
from facedouble.video.planes import YuvPlanes, decoded_planes
from facedouble.video.yuv import CONVERSION, YuvColour, is_full_range, matrix_of, reformatter, to_rgb

_HELD_BACK = 8  # frames, more than a decoder puts in another order in practice
_TIMED_FRAMES = 120  # from which the rate is measured
_DAMAGED = "the clip is damaged here"
_STEPS_BACK = (0, 1, 4)  # seek points before the nearest one that are tried

_Numbered = tuple[int, int, Decoded]
"""The number and time of a decoded frame."""


class ClipSource:
    """A video file, read with PyAV (FFmpeg's libraries).

    Frames are turned upright (the display matrix of phone clips) and keep the samples that they are decoded
    to. A clip that does not say its matrix is taken as BT.709 from 720 coded lines up and as BT.601 below;
    one that does not say its range, as limited. Times are the clip's own, except that those of an MPEG
    stream, whose clock starts anywhere, are counted from the stream's start; they always rise.

    Raises ``InputError`` for a file that is not a clip that can be decoded, or is cut off.
    """

    def __init__(self, path: Path, reading: Reading | None = None) -> None:
        self.path, self._reading = path, reading
        self._resized: str | None = None  # said once frames of another size were seen
        self._wanted = None if reading is None else reading.video_stream
        self._index = load_index(path, source_versions(path), self._wanted)
        if self._index is not None:
            self._info = self._index.info
            self._coded_size, self._turn = self._index.coded_size, self._index.orientation
        else:
            self._info, self._coded_size, self._turn = _probe(path, reading)
        info = self._info
        (reading or Reading()).check(path, *self._coded_size)
        self._colour = YuvColour(
            matrix_of(info.colour_matrix, self._coded_size[1], path),
            is_full_range(info.colour_range, info.pixel_format),
        )
        self._coding = managed_coding(reading) or hdr_coding(info)

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def index(self) -> SourceIndex:
        """All frames by time, and where decoding can start; made at first use and kept in the cache folder.

        Raises ``InputError`` for a clip whose frames cannot be listed, as it is damaged.
        """
        if self._index is None:
            self._index = self._make_index()
        return self._index

    @property
    def remarks(self) -> Sequence[str]:
        """What has to be said of the clip, a line each."""
        return clip_remarks(self._info, self._resized, self._reading)

    def times(self) -> list[int]:
        """The ``pts`` of every frame, as ``frames`` gives them."""
        found: list[int] = self.index.times.tolist()
        return found

    def frames(self, first: int = 0, last: int | None = None) -> Iterator[Frame]:
        """The frames from number ``first`` to ``last`` (exclusive; ``None``: to the end)."""
        for number, pts, (picture, _, damaged) in self._span(first, last):
            try:
                content = self._content(self._sized(number, picture))
            except LIBAV_ERRORS as error:
                raise InputError(
                    f"{self.path}: the pixels of frame {number} ({picture.format.name}) cannot be read "
                    f"({reason(error)})"
                ) from error
            yield Frame(
                number,
                pts,
                self._info.time_base,
                content,
                pixel_aspect=self._info.sample_aspect,
                duration=self._duration(number, picture),
                problem=_DAMAGED if damaged else None,
                coding=self._coding,
            )

    def _duration(self, number: int, decoded: av.VideoFrame) -> int | None:
        if self._index is not None and number == self._index.count - 1:
            return self._index.duration(number)  # an edit list, or the end of a file, may know it better
        return decoded.duration or None

    def _content(self, decoded: av.VideoFrame) -> YuvPlanes | Pixels:
        planes = decoded_planes(decoded, self._colour, self._turn)
        if planes is not None:
            return planes
        deep = any(component.bits > 8 for component in decoded.format.components)
        formats = ("rgba64le", "rgba") if has_alpha(self._info.pixel_format) else ("rgb48le", "rgb24")
        rgb = to_rgb(decoded, self._colour, reformatter(), format=formats[0 if deep else 1])
        return self._turn.apply(rgb)

    def _sized(self, number: int, picture: av.VideoFrame) -> av.VideoFrame:
        """The picture in the size of the clip: that of a video call changes with its connection."""
        size = picture.width, picture.height
        if size == self._coded_size:
            return picture
        if not self._resized:
            self._resized = (
                f"its size changes at frame {number} to {size[0]}x{size[1]}; all are "
                f"scaled to the {self._coded_size[0]}x{self._coded_size[1]} of the first frame"
            )
        return reformatter("sizing", *size).reformat(
            picture, *self._coded_size, format=picture.format.name, interpolation=CONVERSION
        )

    def _span(self, first: int, last: int | None) -> Iterator[_Numbered]:
        if last is not None and last <= first:
            return
        position = first  # the next frame to give out
        for way in self._ways(first):
            try:
                for number, pts, frame in self._steadied(way(position)):
                    if number < position:
                        continue
                    yield number, pts, frame
                    position = number + 1
                    if position == last:
                        return
            except OutOfStepError:
                continue  # the next way begins at the frame that is still to be given out
            return

    def _steadied(self, found: Iterator[_Numbered]) -> Iterator[_Numbered]:
        """Frames as they are decoded, except those of a damaged GOP.

        What a decoder makes of damage depends on its threads and on what it decoded before, so a damaged GOP
        is decoded by itself, in one thread. A few frames are held back: those that are shown in front of a
        damaged one may refer to it.
        """
        held: deque[_Numbered] = deque()
        while True:
            for item in found:
                held.append(item)
                index = self._index
                if item[2].damaged and index is not None:
                    break
                if len(held) > _HELD_BACK:
                    yield held.popleft()
            else:
                yield from held
                return
            assert index is not None
            first, end = _gop_of(index, held[-1][0])
            start = max(first, held[0][0])
            yield from (item for item in held if item[0] < first)
            held.clear()
            yield from (item for item in self._alone(index, first, end) if item[0] >= start)
            if end >= index.count:
                return
            found = self._from(end, seek=index.can_seek)

    def _alone(self, index: SourceIndex, first: int, end: int) -> Iterator[_Numbered]:
        """The frames from number ``first`` to ``end``, decoded in one thread from the last seek point whose
        own frame is whole, or from the start."""
        for back in count():
            point = index.seek_point(first, back)
            if point is None or index.stamps is None:
                every = decode_all(self.path, self._reading, index.stamps, threads=False)
                yield from _numbered(index, every, 0, first, end)
                return
            found = decode_from(
                self.path, index.stamps, point, seek=index.can_seek, reading=self._reading, threads=False
            )
            try:
                for item in _numbered(index, found, point.frame, first, end):
                    yield item
                    first = item[0] + 1
                return
            except OutOfStepError:
                continue

    def _ways(self, first: int) -> Iterator[Callable[[int], Iterator[_Numbered]]]:
        """Ways to decode from a frame on, cheapest first. All give the same frames; the last one always
        works."""
        index = self._index_or_none() if first > 0 else None
        if index is not None and first >= index.count:
            return
        if index is not None and index.seek_point(first) is not None:
            for back in _STEPS_BACK if index.can_seek else ():
                yield partial(self._from, back=back)
            yield partial(self._from, seek=False)
            if not index.decoded:  # its packets did not tell the truth
                self._index = None
                self._index = self._index_or_none(decode=True)
                yield self._from
        yield lambda _frame: self._linear()

    def _from(self, frame: int, *, back: int = 0, seek: bool = True) -> Iterator[_Numbered]:
        """Frames from the seek point before ``frame`` on."""
        index = self._index
        point = None if index is None else index.seek_point(frame, back)
        if index is None or index.stamps is None or point is None:
            raise OutOfStepError("there is no seek point")
        found = decode_from(self.path, index.stamps, point, seek=seek, reading=self._reading)
        for number, decoded in enumerate(found, point.frame):
            yield number, int(index.times[number]), decoded

    def _linear(self) -> Iterator[_Numbered]:
        """All frames, from the first."""
        with open_clip(self.path, self._reading) as container:
            start = round(clock_start(container) / self._info.time_base)
        index = self._index_or_none()
        expected = None if index is None or index.decoded else index.stamps
        decoded: list[Decoded] = []

        def stamps() -> Iterator[int | None]:
            for number, frame in enumerate(decode_all(self.path, self._reading, expected)):
                decoded.append(frame)
                self._compare(number, frame.stamp)
                yield frame.stamp

        for number, pts in enumerate(rising_times(stamps(), start, nominal_duration(self._info))):
            yield number, self._time(number, pts), decoded.pop()

    def _time(self, number: int, pts: int) -> int:
        """The time of a frame: that of the index, in which jumps of the clock are put right."""
        index = self._index
        return pts if index is None or number >= index.count else int(index.times[number])

    def _compare(self, number: int, stamp: int | None) -> None:
        """Drop an index that was made from packets and proves wrong."""
        index = self._index
        if index is None or index.decoded or index.stamps is None:
            return
        if number >= index.count or index.stamps[number] != stamp:
            forget_index(source_versions(self.path), self._wanted)
            self._index = None

    def _make_index(self, *, decode: bool = False) -> SourceIndex:
        versions = source_versions(self.path)
        index = index_clip(self._info, self._coded_size, self._turn, reading=self._reading, decode=decode)
        store_index(index, versions, self._wanted)
        return index

    def _index_or_none(self, *, decode: bool = False) -> SourceIndex | None:
        """The index, ``None`` for a clip that is damaged: it is then decoded from its start."""
        if self._index is None:
            try:
                self._index = self._make_index(decode=decode)
            except InputError:
                return None
        return self._index


def _gop_of(index: SourceIndex, frame: int) -> tuple[int, int]:
    """The frames from the seek point before ``frame``, or the start, to the next one, or the end."""
    starts = [0, *index.seek_points[:, 0].tolist(), index.count]
    place = min(bisect_right(starts, frame), len(starts) - 1)
    return starts[place - 1], starts[place]


def _numbered(
    index: SourceIndex, found: Iterator[Decoded], number: int, first: int, end: int
) -> Iterator[_Numbered]:
    """Decoded frames, of which the first is ``number``, with numbers and times: those from ``first`` to
    ``end``."""
    for at, decoded in enumerate(islice(found, end - number), number):
        if at >= first:
            yield at, int(index.times[at]), decoded


def _probe(path: Path, reading: Reading | None) -> tuple[SourceInfo, tuple[int, int], Orientation]:
    """What the container and its first frame say, the size of that, and how it is turned upright."""
    with open_clip(path, reading) as container:
        stream = video_stream(container, path, reading)
        context = stream.codec_context
        visible = visible_frames(container, stream, path)
        rate = frame_rate(stream.average_rate, stream.guessed_rate, partial(_first_times, path, reading))
        decoded = next(decode_all(path, reading), None)
        if decoded is None:
            raise InputError(f"{path}: the clip has no frame that can be decoded")
        first = decoded.frame
        extras = side_data(first)
        turn = orientation(display_matrix(extras), path)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        size = first.width, first.height
        width, height = size[::-1] if turn.transposed else size
        info = SourceInfo(
            path=path,
            kind="clip",
            width=width,
            height=height,
            frames=stream.frames if visible is None else visible,
            rate=Fraction(rate),
            time_base=Fraction(stream.time_base or 1 / rate),
            pixel_format=_pixel_format(context.pix_fmt or first.format.name, first),
            colour_range=int(context.color_range),
            colour_matrix=int(context.colorspace),
            colour_primaries=int(context.color_primaries),
            colour_transfer=int(context.color_trc),
            has_audio=bool(container.streams.audio),
            sample_aspect=1 / aspect if turn.transposed else aspect,
            mastering_display=mastering_display(extras),
            light_level=light_level(extras),
            field_order=field_order(first, context),
            lost_extras=lost_extras(extras),
            video_stream=video_stream_number(container, path, reading),
        )
    return info, size, turn


def _first_times(path: Path, reading: Reading | None) -> list[Fraction]:
    """The times of the first frames in seconds, in decoding order, as far as their packets have any."""
    with open_clip(path, reading) as container:
        stream = video_stream(container, path, reading)
        times = (p.pts * p.time_base for p in container.demux(stream) if p.pts is not None)
        try:
            return list(islice(times, _TIMED_FRAMES))
        except LIBAV_ERRORS as error:
            raise InputError(f"{path}: cannot be read ({reason(error)})") from error


def _pixel_format(name: str, first: av.VideoFrame) -> str:
    """The pixel format of a clip. An animated GIF always has an alpha channel, and seldom needs it."""
    if name != "bgra" or not has_alpha(name):
        return name
    opacity = first.to_ndarray(format="bgra")[..., 3]
    return "bgr0" if bool((opacity == 255).all()) else name
