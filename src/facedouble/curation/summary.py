"""A summary of a faceset: frames, faces by where they are and why, people, tracks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import get_args

import numpy as np

from facedouble.curation.attributes import Array, face_attributes
from facedouble.curation.crop_order import folder_of, person_name
from facedouble.faces.clustering import UNKNOWN_PERSON, assign_people
from facedouble.faceset.codec import FrameRecord, SourceRecord
from facedouble.faceset.layout import BLURRY, CROPS, DROPPED
from facedouble.types import Face, FaceStatus

_TRACKS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class TrackSummary:
    """One track: its person, how many faces it has, its first and last frame and their times in seconds."""

    track: int
    person: int
    faces: int
    first: int
    last: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Quartiles:
    """How an attribute is distributed over the faces in use: minimum, quartiles, maximum."""

    minimum: float
    lower: float
    median: float
    upper: float
    maximum: float

    @classmethod
    def of(cls, values: Array) -> Quartiles:
        return cls(*np.quantile(values, [0, 0.25, 0.5, 0.75, 1]).tolist())


@dataclass(frozen=True, slots=True)
class FacesetSummary:
    """Counts of a faceset. ``dropped`` is by status; ``"kept"`` there means dropped by hand.

    ``deleted`` counts faces whose crop was deleted, ``uncropped`` those that never had one, by status.
    ``people`` maps each person to the number of their faces. The quartiles are those of the faces in use,
    ``None`` if there are none.
    """

    frames: int
    frames_without_face: int
    frames_unreadable: int
    faces: int
    in_use: int
    blurry: int
    dropped: dict[FaceStatus, int]
    deleted: int
    uncropped: dict[FaceStatus, int]
    people: dict[int, int]
    tracks: list[TrackSummary]
    sharpness: Quartiles | None
    width: Quartiles | None
    yaw: Quartiles | None
    pitch: Quartiles | None


def summarise(frames: Sequence[FrameRecord], faces: Sequence[Face], time_base: Fraction) -> FacesetSummary:
    """Summarise frames and all their known faces. ``time_base`` is in seconds per unit of ``pts``."""
    in_use = [face for face in faces if folder_of(face) == CROPS]
    unreadable = {frame.index for frame in frames if frame.problem is not None}
    seen = unreadable | {face.frame_index for face in faces}
    person_of = assign_people(faces)
    persons = Counter(person_of.values())
    measured = face_attributes(in_use)
    return FacesetSummary(
        frames=len(frames),
        frames_without_face=sum(frame.index not in seen for frame in frames),
        frames_unreadable=len(unreadable),
        faces=len(faces),
        in_use=len(in_use),
        blurry=sum(folder_of(face) == BLURRY for face in faces),
        dropped=_by_status(face for face in faces if folder_of(face) == DROPPED),
        deleted=sum(face.cropped and face.crop is None for face in faces),
        uncropped=_by_status(face for face in faces if not face.cropped),
        people=dict(sorted(persons.items(), key=lambda item: (item[0] == UNKNOWN_PERSON, item[0]))),
        tracks=_tracks(frames, faces, person_of, time_base),
        sharpness=Quartiles.of(measured.sharpness) if in_use else None,
        width=Quartiles.of(measured.width) if in_use else None,
        yaw=Quartiles.of(measured.yaw) if in_use else None,
        pitch=Quartiles.of(measured.pitch) if in_use else None,
    )


def _by_status(faces: Iterable[Face]) -> dict[FaceStatus, int]:
    counts = Counter(face.status for face in faces)
    statuses: tuple[FaceStatus, ...] = get_args(FaceStatus)
    return {status: counts[status] for status in statuses if counts[status]}


def _tracks(
    frames: Sequence[FrameRecord],
    faces: Sequence[Face],
    person_of: dict[tuple[int, int], int],
    time_base: Fraction,
) -> list[TrackSummary]:
    seconds = {frame.index: float(frame.pts * time_base) for frame in frames}
    tracks: dict[int, list[Face]] = {}
    for face in faces:
        tracks.setdefault(face.track, []).append(face)
    result = []
    for track, members in sorted(tracks.items()):
        numbers = [face.frame_index for face in members]
        first, last = min(numbers), max(numbers)
        person = person_of[members[0].frame_index, members[0].face_index]
        result.append(
            TrackSummary(
                track, person, len(members), first, last, seconds.get(first, 0.0), seconds.get(last, 0.0)
            )
        )
    return result


def source_line(source: SourceRecord) -> str:
    """What is known about the source of a faceset, as one line of text."""
    parts = [f"{source.path}: {source.width}x{source.height}"]
    if source.index is not None:
        seconds = float((source.index.end - int(source.index.times[0])) * source.time_base)
        parts.append(f"{source.index.count} frames, {seconds:.1f} s")
    return ", ".join(parts)


def summary_lines(result: FacesetSummary) -> list[str]:
    """A summary as lines of text."""
    lines = [
        f"{result.frames} frames: {result.frames_without_face} without a face, "
        f"{result.frames_unreadable} that could not be read",
        f"{result.faces} faces:",
        f"  {result.in_use:6d} in use, in {CROPS}/",
        f"  {result.blurry:6d} converted but not trained on, in {BLURRY}/",
        f"  {sum(result.dropped.values()):6d} left out, in {DROPPED}/{_named(result.dropped, 'by hand')}",
        f"  {result.deleted:6d} left out, deleted by hand",
    ]
    if result.uncropped:
        lines.append(
            f"  {sum(result.uncropped.values()):6d} never cropped{_named(result.uncropped, 'not yet')}"
        )
    lines.append("people, by the number of their faces:")
    for person, count in result.people.items():
        share = count / max(result.faces, 1)
        lines.append(f"  {person_name(person):<16} {count:6d} faces  {share:4.0%}")
    lines.append("tracks:")
    longest = sorted(result.tracks, key=lambda track: (-track.faces, track.track))[:_TRACKS_SHOWN]
    for track in sorted(longest, key=lambda track: track.track):
        lines.append(
            f"  track {track.track:<4d} {person_name(track.person):<16} {track.faces:6d} faces  "
            f"frames {track.first} to {track.last}  {track.start:.1f} to {track.end:.1f} s"
        )
    if len(result.tracks) > len(longest):
        rest = sum(track.faces for track in result.tracks) - sum(track.faces for track in longest)
        lines.append(f"  and {len(result.tracks) - len(longest)} shorter ones with {rest} faces")
    spreads = (
        ("sharpness", result.sharpness),
        ("width in pixels", result.width),
        ("yaw in degrees", result.yaw),
        ("pitch in degrees", result.pitch),
    )
    if result.in_use:
        heads = ("min", "25%", "median", "75%", "max")
        lines.append(f"{'of those in use:':<20}" + " ".join(f"{head:>8}" for head in heads))
    for name, spread in spreads:
        if spread is not None:
            values = (spread.minimum, spread.lower, spread.median, spread.upper, spread.maximum)
            lines.append(f"  {name:<18}" + " ".join(f"{value:8.0f}" for value in values))
    return lines


def _named(counts: Mapping[FaceStatus, int], kept: str) -> str:
    """Counts by status as text after a colon; those with status ``kept`` are called ``kept``."""
    words = [f"{count} {kept if status == 'kept' else status}" for status, count in counts.items()]
    return ": " + ", ".join(words) if words else ""
