"""Edit decision lists and timelines: which frames of a source an event uses."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from facedouble.errors import InputError, SettingsError
from facedouble.video.cuts import CutEvent, find_event, frames_of_event, read_cut

RATE = Fraction(25)
EDL = """TITLE: the cut
FCM: NON-DROP FRAME

001  A001C001 V     C        01:00:00:00 01:00:04:00 00:00:00:00 00:00:04:00
* FROM CLIP NAME: opening wide.mov
* a comment
002  A001C001 A     C        01:00:00:00 01:00:04:00 00:00:00:00 00:00:04:00
003  A001C002 V     C        01:00:10:05 01:00:12:10 00:00:04:00 00:00:06:05
* FROM CLIP NAME: close.mov
004  A001C002 V     C        01:00:12:10 01:00:12:10 00:00:06:05 00:00:06:05
004  A001C003 V     D    012 01:00:20:00 01:00:21:00 00:00:06:05 00:00:07:05
005  AX       B     C        00:00:05:00 00:00:06:00 00:00:07:05 00:00:07:17
M2   AX       050.0                00:00:05:00
"""


def test_an_edl(tmp_path: Path) -> None:
    path = tmp_path / "cut.edl"
    path.write_text(EDL)
    events = read_cut(path, RATE)
    hour = 3600 * 25
    assert [(e.number, e.name, int(e.first), int(e.count)) for e in events] == [
        (1, "opening wide.mov", hour, 100),
        (3, "close.mov", hour + 255, 55),
        (4, "A001C003", hour + 500, 25),
        (5, "AX", 125, 25),
    ]
    assert not events[0].notes
    assert "transition" in events[2].notes[0]
    assert "retimed" in events[3].notes[0]
    path.write_bytes(EDL.replace("wide", "größer").encode("latin-1").replace(b"\n", b"\r\n"))
    assert read_cut(path, RATE)[0].name == "opening größer.mov"


def test_an_edl_with_drop_frames(tmp_path: Path) -> None:
    path = tmp_path / "cut.edl"
    path.write_text("001 R1 V C 00:00:59;28 00:01:00;04 00:00:00;00 00:00:00;04\n")
    (event,) = read_cut(path, Fraction(30_000, 1001))
    assert (int(event.first), int(event.count)) == (1798, 4)


def timeline(path: Path, *, available: int | None = 90_000, rate: float = 25) -> otio.schema.Timeline:
    def span(start: float, length: float) -> Any:
        return otio.opentime.TimeRange(
            otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(length, rate)
        )

    made = otio.schema.Timeline("cut")
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    media = otio.schema.ExternalReference("file:///plates/take.mov")
    if available is not None:
        media.available_range = span(available, 1000)
    track.append(otio.schema.Clip("one", media, span(90_100, 50)))
    track.append(otio.schema.Gap(source_range=span(0, 10)))
    two = otio.schema.Clip("two", media, span(90_300, 24))
    track.append(two)
    half = otio.opentime.RationalTime(6, rate)
    track.append(otio.schema.Transition("mix", in_offset=half, out_offset=half))
    slow = otio.schema.Clip("three", media, span(90_400, 30))
    slow.effects.append(otio.schema.LinearTimeWarp("slow", time_scalar=0.5))
    track.append(slow)
    made.tracks.append(track)
    made.tracks.append(otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio))
    otio.adapters.write_to_file(made, str(path))
    return made


def test_a_timeline(tmp_path: Path) -> None:
    path = tmp_path / "cut.otio"
    timeline(path)
    events = read_cut(path, RATE)
    assert [(e.number, e.name, int(e.first), int(e.count), int(e.offset or 0)) for e in events] == [
        (1, "one", 90_100, 50, 100),
        (2, "two", 90_300, 30, 300),  # with six frames of the transition behind it
        (3, "three", 90_394, 36, 394),  # and six in front of this one
    ]
    assert [len(event.notes) for event in events] == [0, 1, 2]
    timeline(path, available=None)
    assert [event.offset for event in read_cut(path, RATE)] == [None] * 3


@pytest.mark.parametrize(
    ("event", "start", "frames", "expected"),
    [
        # By time code: the source starts an hour in.
        (CutEvent(1, "a", Fraction(90_100), Fraction(50), RATE), 90_000, 1000, (100, 149)),
        # A plate that was pulled with its own time code, from media that begins earlier.
        (CutEvent(1, "a", Fraction(90_100), Fraction(50), RATE, Fraction(100)), 90_092, 66, (8, 57)),
        # A file without time code: by the place in the media.
        (CutEvent(1, "a", Fraction(90_100), Fraction(50), RATE, Fraction(100)), 0, 1000, (100, 149)),
        # A sequence from frame 1001 on.
        (CutEvent(1, "a", Fraction(1010), Fraction(5), RATE), 1001, 100, (9, 13)),
        # A cut at 50 frames a second of a source of 25, and one of 24 of a source of 23.976.
        (CutEvent(1, "a", Fraction(200), Fraction(11), Fraction(50)), 0, 1000, (100, 105)),
        (CutEvent(1, "a", Fraction(100), Fraction(10), Fraction(24_000, 1001)), 0, 200, (100, 109)),
    ],
)
def test_frames_of_an_event(event: CutEvent, start: int, frames: int, expected: tuple[int, int]) -> None:
    rate = Fraction(24) if event.rate == Fraction(24_000, 1001) else RATE
    assert frames_of_event(event, start, frames, rate) == expected


def test_an_event_that_the_source_does_not_have() -> None:
    event = CutEvent(3, "close.mov", Fraction(500), Fraction(50), RATE)
    with pytest.raises(ValueError, match=r"event 3 \(close\.mov\) uses frames 500 to 549.*has 0 to 99"):
        frames_of_event(event, 0, 100, RATE)


def test_which_event_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "cut.edl"
    path.write_text(EDL)
    events = read_cut(path, RATE)
    assert find_event(path, events, 3).name == "close.mov"
    assert find_event(path, events[:1], None).number == 1
    with pytest.raises(SettingsError, match=r"say which: cut\.edl has events 1 \(opening wide\.mov\), 3 "):
        find_event(path, events, None)
    with pytest.raises(SettingsError, match="has no event of this number; it has 1 "):
        find_event(path, events, 2)


def clip_without_range() -> bytes:
    made = otio.schema.Timeline("cut")
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    track.append(otio.schema.Clip("one"))
    made.tracks.append(track)
    return str(otio.adapters.write_to_string(made, "otio_json")).encode()


def changed(**values: Any) -> bytes:
    """A timeline with a number of its first clip replaced."""
    made = otio.schema.Timeline("cut")
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    span = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 25), otio.opentime.RationalTime(10, 25))
    track.append(otio.schema.Clip("one", None, span))
    made.tracks.append(track)
    record = json.loads(otio.adapters.write_to_string(made, "otio_json"))
    record["tracks"]["children"][0]["children"][0]["source_range"]["duration"].update(values)
    return json.dumps(record).encode()


BAD: dict[str, tuple[str, bytes]] = {
    "nothing": ("otio", b""),
    "no JSON": ("otio", b"\0\1\2"),
    "not UTF-8": ("otio", b"\xff\xfe{}"),
    "JSON of something else": ("otio", b'{"a": [1, 2]}'),
    "a list": ("otio", b"[]"),
    "an unknown schema": ("otio", b'{"OTIO_SCHEMA": "Bomb.1"}'),
    "a schema of a far version": ("otio", b'{"OTIO_SCHEMA": "Timeline.999999"}'),
    "a clip alone": ("otio", b'{"OTIO_SCHEMA": "Clip.2", "name": "x"}'),
    "nested too deeply": ("otio", b'{"tracks":' * 100_000),
    "a timeline without tracks": ("otio", b'{"OTIO_SCHEMA": "Timeline.1", "name": "x"}'),
    "a clip without a range": ("otio", clip_without_range()),
    "a rate of 0": ("otio", changed(rate=0)),
    "an infinite rate": ("otio", changed(rate=float("inf"))),
    "a negative length": ("otio", changed(value=-5)),
    "a giant length": ("otio", changed(value=1e300)),
    "text for a number": ("otio", changed(value="many")),
    "an empty EDL": ("edl", b""),
    "binary": ("edl", bytes(range(256)) * 10),
    "a film": ("edl", b"\0\0\0\x20ftypisom"),
    "no such time": ("edl", b"001 R1 V C 00:61:00:00 00:62:00:00 00:00:00:00 00:00:01:00\n"),
    "too many frames a second": ("edl", b"001 R1 V C 00:00:00:30 00:00:01:00 00:00:00:00 00:00:00:01\n"),
    "the end before the start": ("edl", b"001 R1 V C 00:00:02:00 00:00:01:00 00:00:00:00 00:00:00:01\n"),
    "sound only": ("edl", b"001 R1 A C 00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\n"),
    "another kind of file": ("xml", b"<xml/>"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_cut_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    suffix, data = BAD[name]
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_cut(path, RATE)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(path))
