"""Which frames of a source one event of a cut uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.errors import InputError
from facedouble.settings.convert import ConvertSettings, FrameChoice
from facedouble.settings.reading import Reading
from facedouble.video.cuts import find_event, frames_of_event, read_cut
from facedouble.video.source import Source
from facedouble.video.source_timecode import source_timecode


@dataclass(frozen=True, slots=True)
class CutRanges:
    """The frames of an event by their places in the source, and what has to be said, a line each."""

    ranges: FrameRanges
    notes: tuple[str, ...]


def cut_ranges(source: Source, choice: FrameChoice, reading: Reading) -> CutRanges:
    """The frames of the event that ``choice`` names, with their handles as far as the source has them.

    Raises ``InputError`` for a cut that cannot be read, or an event that is not in the source, and
    ``SettingsError`` for an event that the cut does not have.
    """
    assert choice.cut is not None
    info = source.info
    event = find_event(choice.cut, read_cut(choice.cut, info.rate), choice.event)
    start = source_timecode(info, reading)
    counted = start.frame if start is not None else info.first_number or 0
    times = source.index.times.tolist()
    numbers = times if info.first_number is not None else list(range(len(times)))
    count = numbers[-1] + 1
    try:
        first, last = frames_of_event(event, counted, count, info.rate)
    except ValueError as error:
        raise InputError(f"{choice.cut}: {error}") from error
    notes = list(event.notes)
    before, behind = min(choice.handles, first), min(choice.handles, count - 1 - last)
    if min(before, behind) < choice.handles:
        notes.append(
            f"the source has {before} of {choice.handles} frames in front of event {event.number}, and "
            f"{behind} behind it"
        )
    ranges = FrameRanges(((first - before, last + behind),)).placed(numbers, "frames.event")
    return CutRanges(ranges, tuple(notes))


def frame_notes(
    source: Source, ranges: FrameRanges, settings: ConvertSettings, *, is_clip: bool
) -> Iterator[tuple[str, str]]:
    """What has to be said of frames that are left out of a clip, or of a folder: a code and a line each."""
    choice = settings.frames
    if choice is None or not choice.leaves_out:
        return
    if choice.cut is not None:
        for note in cut_ranges(source, choice, settings.reading).notes:
            yield "convert.cut", note
    elif is_clip and len(ranges.bounds) > 1 and source_timecode(source.info, settings.reading) is not None:
        yield (
            "convert.timecode",
            "the time code is right for the first frames, and runs on over those that are left out",
        )
