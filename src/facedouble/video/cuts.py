"""Edit lists: which frames of a clip a cut uses.

CMX 3600 (``.edl``) is read here; OpenTimelineIO's files (``.otio``) by its own library (the extra
``plates``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from facedouble.errors import InputError, SettingsError
from facedouble.files import read_source
from facedouble.json_data import parse_json
from facedouble.printable import printable
from facedouble.video.timecode import Timecode

_MAX_FILE = 64 << 20
_MAX_EVENTS = 100_000
_LISTED = 6
_NEAR = Fraction(1, 500)  # 23.976 and 24 count alike
_CODE = r"(\d\d:\d\d:\d\d[:;]\d\d)"
_EVENT = re.compile(
    rf"\s*(\d+)\s+(\S+)\s+(\S+)\s+(C|D|W\d+|KB?O?)\s+(?:\d+\s+)?{_CODE}\s+{_CODE}\s+{_CODE}\s+{_CODE}\s*"
)
_NAME = re.compile(r"\*\s*FROM CLIP NAME:\s*(.*\S)\s*", re.IGNORECASE)
_SPEED = re.compile(r"M2\s+\S+\s+(-?[\d.]+).*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CutEvent:
    """A piece of a source in a cut. ``number`` as people count it; ``name`` is that of its clip or reel.

    ``first`` and ``count`` are frames of the source, at ``rate`` frames a second; ``first`` counts from
    00:00:00:00. ``offset`` counts them from the start of the media that was cut, where the cut says that.
    ``notes`` is what has to be said.
    """

    number: int
    name: str
    first: Fraction
    count: Fraction
    rate: Fraction
    offset: Fraction | None = None
    notes: tuple[str, ...] = ()


def read_cut(path: Path, rate: Fraction) -> list[CutEvent]:
    """The events of a cut's picture in their order. ``rate`` is that of the source in frames a second, at
    which an EDL counts.

    Raises ``InputError`` for a file that is no cut, or has no event.
    """
    try:
        data = read_source(path, _MAX_FILE)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        if path.suffix.lower() == ".otio":
            events = list(_otio_events(data))
        elif path.suffix.lower() == ".edl":
            events = list(_edl_events(data, rate))
        else:
            raise ValueError("not a cut that is read here (.otio, .edl)")
        if not events:
            raise ValueError("the cut has no picture")
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {error}") from error
    return events


def find_event(path: Path, events: Sequence[CutEvent], number: int | None) -> CutEvent:
    """The event of this number; without one, the only event. Raises ``SettingsError``."""
    found = [event for event in events if number is None or event.number == number]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{event.number} ({printable(event.name)[:40]})" for event in events[:_LISTED])
    more = f" and {len(events) - _LISTED} more" if len(events) > _LISTED else ""
    if number is None:
        raise SettingsError("frames.event", problem=f"say which: {path.name} has events {listed}{more}")
    what = "several events" if found else "no event"
    raise SettingsError(
        "frames.event", number, f"{path.name} has {what} of this number; it has {listed}{more}"
    )


def frames_of_event(event: CutEvent, start: int, frames: int, rate: Fraction) -> tuple[int, int]:
    """The first and the last frame of an event in a source of so many ``frames``, counted from its first one.

    ``start`` is what that one counts from 00:00:00:00, by its time code or the number in its name. Where the
    event is not in the source so, its place in the media that was cut counts. Raises ``ValueError`` where
    the source does not hold all of it.
    """
    same = abs(rate / event.rate - 1) <= _NEAR
    scale = Fraction(1) if same else rate / event.rate
    for first in (event.first * scale - start, None if event.offset is None else event.offset * scale):
        if first is not None and first >= 0 and first + event.count * scale <= frames:
            return int(first // 1), int(-(-(first + event.count * scale) // 1)) - 1
    first = event.first * scale
    raise ValueError(
        f"event {event.number} ({printable(event.name)[:40]}) uses frames {int(first)} to "
        f"{int(first + event.count * scale) - 1}, counted from 00:00:00:00, and the source has {start} to "
        f"{start + frames - 1}"
    )


def _edl_events(data: bytes, rate: Fraction) -> Iterator[CutEvent]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\0" in text:
        raise ValueError("not an edit decision list")
    events: list[CutEvent] = []
    for line in text.splitlines():
        if match := _EVENT.fullmatch(line):
            number, reel, track, kind = int(match[1]), match[2], match[3].upper(), match[4]
            # A transition has two lines of one number: what goes out, a cut of no length, and what comes in.
            starts, ends = (Timecode.parse(match[place], rate) for place in (5, 6))
            if not track.startswith(("V", "B")) or starts.frame == ends.frame:
                continue
            if ends.frame < starts.frame:
                raise ValueError(f"event {number} ends before it starts")
            if len(events) == _MAX_EVENTS:
                raise ValueError("the cut has too many events")
            count = Fraction(ends.frame - starts.frame)
            notes = () if kind == "C" else (_mixed(number),)
            events.append(CutEvent(number, reel, Fraction(starts.frame), count, rate, notes=notes))
        elif events and (match := _NAME.fullmatch(line)):
            events[-1] = replace(events[-1], name=match[1])
        elif events and (match := _SPEED.fullmatch(line)):
            events[-1] = replace(events[-1], notes=(*events[-1].notes, _retimed(events[-1].number)))
    yield from events


def _otio_events(data: bytes) -> Iterator[CutEvent]:
    if find_spec("opentimelineio") is None:
        raise ValueError("reading it needs OpenTimelineIO: pip install 'facedouble[plates]'")
    import opentimelineio as otio

    try:
        text = data.decode("utf-8")
        parse_json(text)  # the library follows any depth
        timeline = otio.adapters.read_from_string(text, "otio_json")
    except (otio.exceptions.OTIOError, ValueError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise ValueError("not a timeline of OpenTimelineIO") from error
    if not isinstance(timeline, otio.schema.Timeline):
        raise ValueError("not a timeline of OpenTimelineIO")
    number = 0
    for track in timeline.video_tracks():
        for clip in track.find_clips():
            number += 1
            if number > _MAX_EVENTS:
                raise ValueError("the cut has too many events")
            yield _otio_event(otio, track, clip, number)


def _otio_event(otio: Any, track: Any, clip: Any, number: int) -> CutEvent:
    try:
        used = clip.trimmed_range()
        media = clip.media_reference
        known = None if media is None else media.available_range
    except otio.exceptions.OTIOError as error:
        raise ValueError(f"event {number} does not say which frames it uses") from error
    start, length = used.start_time, used.duration
    if not (0.001 <= start.rate <= 1000 and 0.001 <= length.rate <= 1000):
        raise ValueError(f"event {number} has no frame rate")
    rate = Fraction(start.rate).limit_denominator(1001)
    first, count = (
        Fraction(start.value),
        Fraction(length.value) * Fraction(start.rate) / Fraction(length.rate),
    )
    if abs(first) > 1 << 40 or not 0 < count <= 1 << 40:
        raise ValueError(f"event {number} has no frames")
    notes = []
    if any(isinstance(effect, otio.schema.LinearTimeWarp) for effect in clip.effects):
        notes.append(_retimed(number))
    before, after = _transitions(otio, track, clip, rate)
    offset = None
    if known is not None and known.start_time.rate > 0:
        offset = first - before - Fraction(known.start_time.value) * rate / Fraction(known.start_time.rate)
    if before or after:
        notes.append(_mixed(number))
    return CutEvent(
        number,
        clip.name or (media.name if media is not None else "") or "without a name",
        first - before,
        count + before + after,
        rate,
        offset,
        tuple(notes),
    )


def _transitions(otio: Any, track: Any, clip: Any, rate: Fraction) -> tuple[Fraction, Fraction]:
    """Frames that transitions in front of and behind a clip show of it beyond its range."""
    if clip.parent() is not track:
        return Fraction(0), Fraction(0)
    before, after = track.neighbors_of(clip)
    found = []
    for neighbour, offset in ((before, "in_offset"), (after, "out_offset")):
        frames = Fraction(0)
        if isinstance(neighbour, otio.schema.Transition):
            length = getattr(neighbour, offset)
            if length.rate > 0:
                frames = max(Fraction(0), Fraction(length.value) * rate / Fraction(length.rate))
        found.append(frames)
    return found[0], found[1]


def _mixed(number: int) -> str:
    return f"event {number} has a transition, whose frames are included"


def _retimed(number: int) -> str:
    return f"event {number} is retimed in the cut; its frames are delivered at the source's own speed"
