"""Making the index of a clip, from its packets where these tell all, else by decoding it."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from facedouble.errors import InputError
from facedouble.settings.reading import Reading
from facedouble.video.clip_reader import OutOfStepError, decode_all, decode_from
from facedouble.video.clock_reader import clock_of
from facedouble.video.demux import clock_start, packets, video_stream
from facedouble.video.hashing import source_hash
from facedouble.video.index import MAX_FRAMES, SeekPoint, SourceIndex, Ticks, frozen, rising_times, seek_table
from facedouble.video.info import SourceInfo
from facedouble.video.keyframes import is_safe_keyframe, shows_nothing
from facedouble.video.libav import LIBAV_ERRORS, open_clip, reason
from facedouble.video.orientation import Orientation

_MAX_REORDERING = 32  # frames by which decoding order and presentation order may differ
_CHECKED_FRAMES = 32  # decoded at the start, to see that the packets tell the truth


@dataclass(frozen=True, slots=True)
class _Packets:
    """The packets of a video stream in decoding order.

    ``stamps`` of those that are shown, as far as they have any, ``moved`` the same with jumps of the clock
    put right; the seek points among them, each with the number of stamps in front of it as its ``frame``; how
    many packets an edit list hides.
    """

    stamps: array[int]
    moved: array[int]
    complete: bool
    keyframes: Sequence[SeekPoint]
    hidden: int
    end: int
    start: int


def index_clip(
    info: SourceInfo,
    coded_size: tuple[int, int],
    orientation: Orientation,
    *,
    reading: Reading | None = None,
    decode: bool = False,
) -> SourceIndex:
    """The index of the clip at ``info.path``.

    Its packets are read, and decoded only at the start and at the end, to check them. Where packets do not
    tell which frames come out (no time stamps, hidden frames, a clock that steps back), or with ``decode``,
    all of it is decoded once. Raises ``InputError`` for a clip that is damaged or cut off.
    """
    found = _read_packets(info, reading)
    index = SourceIndex(
        info=info,
        fingerprint=source_hash(info.path),
        times=frozen(()),
        stamps=None,
        end=0,
        hidden=found.hidden,
        coded_size=coded_size,
        orientation=orientation,
    )
    if not decode:
        for stamps in _predictions(found):
            predicted = _with_stamps(index, stamps, found)
            if _holds(predicted, reading):
                return predicted
    decoded = [frame.stamp for frame in decode_all(info.path, reading)]
    return _with_stamps(replace(index, decoded=True), decoded, found)


def _read_packets(info: SourceInfo, reading: Reading | None) -> _Packets:
    path = info.path
    stamps, moved = array("q"), array("q")
    keyframes: list[SeekPoint] = []
    recent: deque[int] = deque(maxlen=_MAX_REORDERING)
    count = 0
    complete, hidden, end = True, 0, 0
    nominal = nominal_duration(info)
    clock = clock_of(path, reading)
    with open_clip(path, reading) as container:
        stream = video_stream(container, path, reading)
        context = stream.codec_context
        start = round(clock_start(container) / info.time_base)
        try:
            for packet in packets(container, stream, path):
                if not packet.size:
                    continue
                number, count = count, count + 1
                if packet.is_discard:
                    hidden += 1
                    continue
                data = bytes(packet)
                if shows_nothing(context, data):
                    continue
                if packet.pts is None:
                    complete = False
                    continue
                if len(stamps) >= MAX_FRAMES:
                    raise InputError(f"{path}: has more than {MAX_FRAMES} frames; cut it into several clips")
                pts = packet.pts + round(clock.shift(stream.index, number) / info.time_base)
                dts = packet.pts if packet.dts is None else packet.dts
                # Decoding starts only at keyframes that are shown after all that is decoded before them.
                rises = pts > max(recent, default=pts - 1)
                if packet.is_keyframe and rises and is_safe_keyframe(context, data):
                    keyframes.append(SeekPoint(len(stamps), packet.pts, dts, number))
                recent.append(pts)
                stamps.append(packet.pts)
                moved.append(pts)
                end = max(end, pts + (packet.duration or nominal))
        except LIBAV_ERRORS as error:
            raise InputError(f"{path}: damaged after {len(stamps)} frames ({reason(error)})") from error
    return _Packets(stamps, moved, complete, keyframes, hidden, end, start)


def nominal_duration(info: SourceInfo) -> int:
    """The ticks between frames at the average rate."""
    return max(1, round(1 / (info.rate * info.time_base)))


def _predictions(found: _Packets) -> list[Ticks]:
    """Stamps of the frames that decoding will probably give, the likeliest first; empty if packets do not
    tell."""
    stamps, moved = (np.array(values, dtype=np.int64) for values in (found.stamps, found.moved))
    if not found.complete or len(stamps) == 0:
        return []
    order = np.argsort(moved, kind="stable")
    rising = moved[order]
    if (np.diff(rising) <= 0).any() or np.abs(order - np.arange(len(order))).max() > _MAX_REORDERING:
        return []
    # A recording that begins with an open GOP: what is shown in front of its first keyframe is lost.
    shown = stamps[order]
    return [shown, shown[rising >= moved[0]]] if rising[0] < moved[0] else [shown]


def _with_stamps(index: SourceIndex, stamps: Sequence[int | None] | Ticks, found: _Packets) -> SourceIndex:
    info = index.info
    given = [None if stamp is None else int(stamp) for stamp in stamps]
    if not given:
        raise InputError(f"{info.path}: the clip has no frame that can be decoded")
    times = frozen(rising_times(_moved(given, found), found.start, nominal_duration(info)))
    known = [stamp for stamp in given if stamp is not None]
    own = frozen(known) if len(known) == len(given) else None
    end = max(found.end - found.start, int(times[-1]) + 1)
    return replace(index, times=times, stamps=own, end=end, seek_points=_placed(own, found))


def _moved(stamps: Sequence[int | None], found: _Packets) -> Iterator[int | None]:
    """The stamps of frames in presentation order, with jumps of the clock put right."""
    if found.moved == found.stamps:
        yield from stamps
        return
    moved: dict[int, deque[int]] = {}
    for raw, put_right in sorted(zip(found.stamps, found.moved, strict=True), key=lambda pair: pair[1]):
        moved.setdefault(raw, deque()).append(put_right)
    for stamp in stamps:
        known = None if stamp is None else moved.get(stamp)
        yield known.popleft() if known else None


def _placed(stamps: Ticks | None, found: _Packets) -> Ticks:
    """The seek points with the numbers of their frames. There are none where stamps do not tell frames
    apart: within the reordering of a few frames, a stamp must be unique."""
    if stamps is None:
        return seek_table(())
    rising = bool((np.diff(stamps) > 0).all())
    points: list[SeekPoint] = []
    for point in found.keyframes:
        start = 0 if rising else max(0, point.frame - _MAX_REORDERING)
        near = stamps if rising else stamps[start : point.frame + _MAX_REORDERING]
        places = [np.searchsorted(near, point.pts)] if rising else np.flatnonzero(near == point.pts)
        if len(places) != 1 or places[0] >= len(near) or near[places[0]] != point.pts:
            continue
        frame = start + int(places[0])
        if frame > (points[-1].frame if points else 0):
            points.append(point._replace(frame=frame))
    return seek_table(points)


def _holds(index: SourceIndex, reading: Reading | None) -> bool:
    """Whether decoding the start and the end of a clip gives the frames that an index says, as far as it can
    be decoded there: damage is another matter."""
    assert index.stamps is not None
    path, stamps = index.info.path, index.stamps
    number = 0
    try:
        for frame in islice(decode_all(path, reading, stamps), _CHECKED_FRAMES):
            if number >= len(stamps) or frame.stamp != stamps[number]:
                return False
            number += 1
        if number < min(len(stamps), _CHECKED_FRAMES):
            return False
    except InputError:
        pass
    point = index.seek_point(index.count)
    if point is None:
        return True
    try:
        deque(decode_from(path, stamps, point, reading=reading), maxlen=0)
    except OutOfStepError:
        return False
    except InputError:
        pass
    return True
