"""First pass of extraction: faces found, followed and described, segment by segment."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import count, pairwise
from typing import TypeVar

import cv2
import numpy as np

from facedouble.errors import InputError
from facedouble.extraction.pool import map_in_processes
from facedouble.faces.align import align
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.landmarks import box_around
from facedouble.faces.pose import head_pose
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.faces.tracklets import Tracklet, track_faces
from facedouble.faces.tracks import Handover
from facedouble.faceset.codec import FrameRecord
from facedouble.faceset.store import Faceset
from facedouble.run.run import Run
from facedouble.settings.extract import AtRate, EveryNth, ExtractSettings
from facedouble.types import Box, Face, Grey, Image, Landmarks
from facedouble.video.frame import Frame
from facedouble.video.sampling import exact_rate, frames_at, sampled, sampled_numbers
from facedouble.video.shot_boundaries import is_cut, thumbnail
from facedouble.video.source import Source

T = TypeVar("T")

_LONGEST_SEGMENT = 30  # frames
_SHORTEST_SEGMENT = 8
_SEGMENT_PIXELS = 60e6  # of all frames of a segment together, so that large frames fit in memory
_CHAINS = 1000  # more than a segment has
_COMMIT_SECONDS = 2.0
_DESCRIBE_EVERY = 90  # frames of a face that fills its segments


@dataclass(frozen=True, slots=True)
class Segment:
    """Frames to be worked on together. ``has_next`` says that the last one is the next segment's
    first, lent to this one so that it can hand its faces over."""

    frames: Sequence[Frame]
    has_next: bool

    @property
    def own(self) -> Sequence[Frame]:
        return self.frames[:-1] if self.has_next else self.frames


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame whose luma was worked out already."""

    frame: Frame
    luma: Grey

    def grey(self) -> Grey:
        return self.luma

    def rgb(self, part: Box | None = None) -> Image:
        return self.frame.rgb(part)


@dataclass(slots=True)
class SegmentResult:
    """What was found in a segment, and the seconds it took by kind of work."""

    frames: list[FrameRecord]
    faces: list[Face]
    handovers: list[Handover]
    seconds: dict[str, float] = field(default_factory=dict)


def detect_faces(source: Source, faceset: Faceset, settings: ExtractSettings, run: Run) -> dict[str, float]:
    """Find the faces of every frame that is not done yet; returns the seconds by kind of work.

    A clip that cannot be read to its end raises ``InputError`` after what was read is stored.
    """
    seconds = {"decode": 0.0}
    done = faceset.frame_indices()
    looked_at, faces = len(done), 0
    stage = run.stage("find", _expected(source, settings), "frames")
    failure: list[InputError] = []
    readable = _until_error(_unfinished(source, settings, done, seconds), failure)
    todo = (
        segment
        for segment in segments(readable, segment_length(source))
        if any(frame.index not in done for frame in segment.own)
    )
    last_commit = stage.start
    try:
        for result in map_in_processes(_work, todo, settings.processes, partial(_prepare, settings), run):
            faceset.add_handovers(result.handovers)  # before the frames, which say that it is done
            by_frame: dict[int, list[Face]] = {}
            for face in result.faces:
                by_frame.setdefault(face.frame_index, []).append(face)
            for frame in result.frames:
                faceset.add_frame(frame, by_frame.get(frame.index, ()))
                if frame.problem:
                    run.warn("source.unreadable_frame", f"left out: {frame.problem}", frame=frame.index)
            looked_at += len(result.frames)
            faces += len(result.faces)
            for name, spent in result.seconds.items():
                seconds[name] = seconds.get(name, 0.0) + spent
            if time.perf_counter() - last_commit > _COMMIT_SECONDS:
                faceset.commit()
                last_commit = time.perf_counter()
            stage.progress(looked_at, faces=faces)
    finally:
        faceset.commit()  # what was found stays found, whatever stopped the run
    stage.finish(frames=looked_at, faces=faces)
    if failure:
        raise failure[0]
    return seconds


def selected_frames(source: Source, settings: ExtractSettings, seconds: dict[str, float]) -> Iterator[Frame]:
    """The frames that the settings choose; the time that reading takes is added to ``seconds``."""
    rate, every = _rate_and_step(settings)
    frames = sampled(source.frames(), rate)
    for frame, taken in timed(frames, seconds):
        if taken and frame.index % every == 0:
            yield frame


def selected_numbers(source: Source, settings: ExtractSettings) -> list[int]:
    """The numbers of the frames that the settings choose. Raises ``InputError`` for a damaged clip whose
    frames cannot be listed."""
    rate, every = _rate_and_step(settings)
    return [number for number in sampled_numbers(source.index, rate) if number % every == 0]


def _rate_and_step(settings: ExtractSettings) -> tuple[Fraction | None, int]:
    """Frames a second at most, and every how many of them."""
    how = settings.sampling
    return (exact_rate(how.fps), 1) if isinstance(how, AtRate) else (None, how.every)


def timed(items: Iterator[T], seconds: dict[str, float]) -> Iterator[T]:
    """``items``; the time that it takes to get them is added to ``seconds`` as decoding."""
    while True:
        start = time.perf_counter()
        try:
            item = next(items)
        except StopIteration:
            return
        finally:
            seconds["decode"] += time.perf_counter() - start
        yield item


def _unfinished(
    source: Source, settings: ExtractSettings, done: Collection[int], seconds: dict[str, float]
) -> Iterator[Frame]:
    """The frames from the first segment on that is not done."""
    try:
        numbers = selected_numbers(source, settings)
    except InputError:  # up to where it can be read
        return selected_frames(source, settings, seconds)
    length = segment_length(source)
    finished = next((place for place, number in enumerate(numbers) if number not in done), len(numbers))
    return timed(frames_at(source, numbers[finished - finished % length :]), seconds)


def segment_length(source: Source) -> int:
    """Frames in a segment: one where the source is no film, as its frames are not neighbours in time."""
    if not source.info.is_film:
        return 1
    pixels = source.info.width * source.info.height
    return int(np.clip(_SEGMENT_PIXELS // pixels, _SHORTEST_SEGMENT, _LONGEST_SEGMENT))


def segments(frames: Iterator[Frame], length: int) -> Iterator[Segment]:
    """Frames in segments of ``length``, each but the last with the next one's first frame."""
    held: list[Frame] = []
    for frame in frames:
        held.append(frame)
        if length == 1:
            yield Segment(held, False)
            held = []
        elif len(held) > length:
            yield Segment(held, True)
            held = [frame]
    if held:
        yield Segment(held, False)


def _until_error(frames: Iterator[Frame], failure: list[InputError]) -> Iterator[Frame]:
    """The frames up to where the source cannot be read; the error is put into ``failure``."""
    try:
        yield from frames
    except InputError as error:
        failure.append(error)


def _expected(source: Source, settings: ExtractSettings) -> int:
    """How many frames will be looked at, more or less."""
    info = source.info
    match settings.sampling:
        case EveryNth(every=every):
            return -(-info.frames // every)
        case AtRate(fps=fps) if info.kind == "clip":
            return min(info.frames, round(info.frames * fps / float(info.rate)))
    return info.frames


# -- in a worker process -----------------------------------------------------------------------------

_loaded: tuple[FaceAnalyser, ExtractSettings] | None = None  # by this process, when it first finds something
_settings: ExtractSettings | None = None


def _prepare(settings: ExtractSettings) -> None:
    global _settings, _loaded
    cv2.setNumThreads(1)
    _settings, _loaded = settings, None


def _work(segment: Segment) -> SegmentResult:
    global _loaded
    assert _settings is not None
    if _loaded is None:
        angles = parse_angles(_settings.rotate_images)
        _loaded = FaceAnalyser(_settings.detector, angles=angles), _settings
    return analyse_segment(segment, *_loaded)


def analyse_segment(segment: Segment, analyser: FaceAnalyser, settings: ExtractSettings) -> SegmentResult:
    """The faces of one segment. Frames that cannot be read are named, and cut it in two."""
    before = dict(analyser.seconds)
    result = SegmentResult([], [], [])
    greys, problems, shot_ends = _survey(segment.frames)
    identities = count(segment.frames[0].index * _CHAINS)
    for run in _readable(segment.frames, problems):
        frames = segment.frames[run.start : run.stop]
        seen = [_Seen(frame, greys[frame.index]) for frame in frames]
        cuts = {at - run.start + 1 for at in shot_ends if run.start <= at < run.stop - 1}
        tracklets = track_faces(seen, cuts, analyser, smallest=settings.min_face_size)
        lent = len(frames) - 1 if segment.has_next and run.stop == len(segment.frames) else len(frames)
        for tracklet in tracklets:
            faces, handover = _faces(tracklet, next(identities), frames, lent, analyser, settings.size)
            result.faces += faces
            result.handovers += handover
    _number(result.faces)
    for position, frame in enumerate(segment.own):
        result.frames.append(
            FrameRecord(frame.index, frame.pts, frame.name, position in shot_ends, problems.get(position))
        )
    result.seconds = {name: spent - before[name] for name, spent in analyser.seconds.items()}
    return result


def _survey(frames: Sequence[Frame]) -> tuple[dict[int, Grey], dict[int, str], set[int]]:
    """Luma by frame number; positions of frames that cannot be read, with the reason; positions of
    the last frames of shots."""
    greys: dict[int, Grey] = {}
    problems: dict[int, str] = {}
    ends: set[int] = set()
    previous, last = None, 0
    for position, frame in enumerate(frames):
        try:
            greys[frame.index] = frame.grey()
        except InputError as error:
            problems[position] = str(error)
            continue
        current = thumbnail(greys[frame.index])
        if previous is not None and is_cut(previous, current):
            ends.add(last)
        previous, last = current, position
    return greys, problems, ends


def _readable(frames: Sequence[Frame], problems: dict[int, str]) -> Iterator[range]:
    """Ranges of neighbouring frames that can be read."""
    edges = [-1, *sorted(problems), len(frames)]
    for before, after in pairwise(edges):
        if after - before > 1:
            yield range(before + 1, after)


def _faces(
    tracklet: Tracklet,
    identity: int,
    frames: Sequence[Frame],
    lent: int,
    analyser: FaceAnalyser,
    size: int,
) -> tuple[list[Face], list[Handover]]:
    """The faces of a chain on the segment's own frames, the one seen most from the front described
    where that is due; and where the chain is handed over to the next segment."""
    own = [observation for observation in tracklet.observations if observation.position < lent]
    goes_on = len(own) == lent and tracklet.last.position == lent  # so the next segment may describe it
    due = (frames[0].index - 1) // _DESCRIBE_EVERY < frames[lent - 1].index // _DESCRIBE_EVERY
    described = None
    if due or not goes_on:
        described = min(own, key=lambda s: abs(head_pose(s.landmarks, analyser.scheme).yaw), default=None)
    faces = []
    for observation in own:
        frame = frames[observation.position]
        descriptor = None
        if observation is described:
            descriptor = analyser.describe(*_portrait(frame, observation.landmarks, analyser.scheme))
        faces.append(
            Face(
                frame_index=frame.index,
                face_index=0,
                box=box_around(observation.landmarks, analyser.scheme),
                confidence=observation.confidence,
                landmarks=observation.landmarks,
                smoothed=observation.landmarks,
                alignment=align(observation.landmarks, size, analyser.scheme),
                crop_size=size,
                descriptor=descriptor,
                motion=observation.motion,
                tracklet=identity,
                rotation=observation.rotation,
                origin=observation.origin,
                scheme=analyser.scheme.name,
                expression=analyser.expression(observation.landmarks),
            )
        )
    handovers = [
        Handover(identity, frames[s.position].index, s.landmarks, s.motion, analyser.scheme.name)
        for s in tracklet.observations
        if s.position == lent
    ]
    return faces, handovers if faces else []


def _portrait(
    frame: Frame, landmarks: Landmarks, scheme: LandmarkScheme
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], Landmarks]:
    """The part of a frame around a face in RGB, and the landmarks in it."""
    width, height = frame.size
    box = box_around(landmarks, scheme)
    grow = box.width // 2
    part = Box(
        max(0, min(box.left - grow, width - 1)),
        max(0, min(box.top - grow, height - 1)),
        max(1, min(box.right + grow, width)),
        max(1, min(box.bottom + grow, height)),
    )
    return frame.rgb(part), landmarks - np.array((part.left, part.top), dtype=np.float32)


def _number(faces: list[Face]) -> None:
    """Give the faces of each frame their numbers, the largest first."""
    faces.sort(key=lambda face: (face.frame_index, -face.box.width, face.tracklet))
    numbers: dict[int, int] = {}
    for place, face in enumerate(faces):
        number = numbers.get(face.frame_index, 0)
        numbers[face.frame_index] = number + 1
        faces[place] = face.with_(face_index=number)


def parse_angles(text: str) -> tuple[int, ...]:
    """Angles in degrees at which a frame is looked at again (``rotate_images``): the multiples of one number
    up to a full turn, or the numbers of a list."""
    numbers = [int(part) for part in text.split(",") if part.strip()]
    if len(numbers) == 1:
        return tuple(range(numbers[0], 360, numbers[0]))
    return tuple(numbers)
