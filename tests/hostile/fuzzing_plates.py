"""Seeds and readers of what comes with plates: OpenEXR files, edit decision lists, timelines."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio

from facedouble.errors import InputError
from facedouble.video.cuts import frames_of_event, read_cut
from facedouble.video.exr_header import check_offsets, read_exr_header
from facedouble.video.exr_plates import encode_plate, plate_aspect, plate_coding, plate_rate
from facedouble.video.plates import find_picture, plate_of
from facedouble.video.timecode import Timecode, rate_attribute, read_timecode, timecode_attribute

RATE = Fraction(25)


def plate(_: Path) -> bytes:
    made = plate_of(np.full((40, 24, 3), 0.5, np.float32), np.ones((40, 24), np.float32))
    timecode = timecode_attribute(Timecode.parse("01:00:00:00", RATE))
    assert timecode is not None
    return encode_plate(made.with_attributes([rate_attribute(RATE), timecode]))


def read_plate_header(path: Path) -> object:
    """All that is read in front of OpenEXR's library, which has a process of its own."""
    data = path.read_bytes()
    try:
        header = read_exr_header(data)
        check_offsets(data, header)
        part = header.parts[find_picture(header.parts)[0]]
        coding = plate_coding(part)
    except ValueError as error:
        raise InputError(str(error)) from error
    timecode = read_timecode(part.value("timeCode", "timecode"), RATE)
    return plate_aspect(part), plate_rate(part), coding, timecode


def edl(_: Path) -> bytes:
    return (
        b"TITLE: cut\nFCM: DROP FRAME\n"
        b"001  A001 V     C        01:00:00:00 01:00:04:00 00:00:00:00 00:00:04:00\n"
        b"* FROM CLIP NAME: wide.mov\nM2   A001       012.5                01:00:00:00\n"
    )


def timeline(_: Path) -> bytes:
    span = otio.opentime.TimeRange(otio.opentime.RationalTime(90_010, 25), otio.opentime.RationalTime(9, 25))
    whole = otio.opentime.TimeRange(
        otio.opentime.RationalTime(90_000, 25), otio.opentime.RationalTime(99, 25)
    )
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    track.append(otio.schema.Clip("one", otio.schema.ExternalReference("file:///a.mov", whole), span))
    half = otio.opentime.RationalTime(3, 25)
    track.append(otio.schema.Transition("mix", in_offset=half, out_offset=half))
    track.append(otio.schema.Clip("two", otio.schema.ExternalReference("file:///b.mov", whole), span))
    made = otio.schema.Timeline("cut")
    made.tracks.append(track)
    return str(otio.adapters.write_to_string(made, "otio_json")).encode()


def read_events(path: Path) -> object:
    found = []
    for event in read_cut(path, RATE):
        try:
            found.append(frames_of_event(event, 90_000, 100, RATE))
        except ValueError as error:
            raise InputError(str(error)) from error
    return found
