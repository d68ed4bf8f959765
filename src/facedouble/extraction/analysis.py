"""What a worker of extraction does: detect, track and describe the faces of one segment.

:func:`analyse_segment` depends on nothing but the segment and the settings, and returns a value, so segments
may be analysed in any order, on any machine.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, pairwise

import cv2
import numpy as np

from facedouble.errors import InputError
from facedouble.extraction.segments import Segment
from facedouble.faces.align import align
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.landmarks import box_around
from facedouble.faces.pose import head_pose
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.faces.tracklets import Observation, Tracklet, track_faces
from facedouble.faces.tracks import Handover
from facedouble.faces.views import StillPicture
from facedouble.faceset.codec import FrameRecord
from facedouble.faceset.shard import Shard
from facedouble.files import name_text, path_text
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Box, Face, FloatArray, Grey, Image, Landmarks
from facedouble.video.frame import Frame
from facedouble.video.planes import YuvPlanes
from facedouble.video.shot_boundaries import THUMBNAIL, is_cut

_MAX_PROBLEM = 1000  # characters
_MAX_TRACKLETS = 1000  # per segment; gives each tracklet of a clip a number of its own
_POSES = 12  # of observations that are compared, to describe the most frontal one
_DESCRIBE_EVERY = 90  # frames of a face that fills its segments


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """What was found in a segment, and the seconds it took by kind of work."""

    shard: Shard
    seconds: Mapping[str, float]


@dataclass(slots=True)
class _KnownFrame:
    """A frame that several questions are asked about. Its luma is kept once all of it was wanted."""

    frame: Frame
    shown_size: tuple[int, int]
    luma: Grey | None = None

    def grey(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Grey:
        if part is not None and self.luma is None:
            return self.frame.grey(part, size)
        if self.luma is None:
            self.luma = self.frame.grey()
        return StillPicture(self.luma).grey(part, size)

    def rgb(self, part: Box | None = None, size: tuple[int, int] | None = None) -> Image:
        return self.frame.rgb(part, size)


@dataclass(frozen=True, slots=True)
class _Scan:
    """A first look at frames: those that can be read, by index; by position, why a frame cannot be read;
    positions of the last frame of each shot."""

    known: Mapping[int, _KnownFrame]
    problems: Mapping[int, str]
    shot_ends: frozenset[int]


def analyse_segment(segment: Segment, analyser: FaceAnalyser, settings: ExtractSettings) -> SegmentResult:
    """Detect, track and describe the faces of a segment. A frame that cannot be read splits it in two."""
    before = dict(analyser.seconds)
    faces: list[Face] = []
    handovers: list[Handover] = []
    scan = _scan(segment.frames)
    numbers = count(segment.frames[0].index * _MAX_TRACKLETS)
    for span in _readable_spans(len(segment.frames), scan.problems):
        frames = segment.frames[span.start : span.stop]
        known = [scan.known[frame.index] for frame in frames]
        cuts = {end - span.start + 1 for end in scan.shot_ends if span.start <= end < span.stop - 1}
        # The last frame belongs to the next segment, unless it cannot be read.
        shared = segment.has_next and span.stop == len(segment.frames)
        own = len(frames) - 1 if shared else len(frames)
        for tracklet in track_faces(known, cuts, analyser, smallest=settings.min_face_size):
            number = next(numbers)
            found = list(_faces_of(tracklet, number, frames, own, analyser, settings.size))
            faces += found
            if found:
                handovers += _handovers_of(tracklet, number, frames, own, analyser.scheme)
    records = (
        frame_record(frame, scan.problems.get(place), ends_shot=place in scan.shot_ends)
        for place, frame in enumerate(segment.own)
    )
    seconds = {name: spent - before[name] for name, spent in analyser.seconds.items()}
    return SegmentResult(Shard(tuple(records), _numbered(faces), tuple(handovers)), seconds)


def frame_record(frame: Frame, problem: str | None, *, ends_shot: bool = False) -> FrameRecord:
    """The record of a frame, in text that can be stored: names on disk may be none."""
    return FrameRecord(
        frame.index,
        frame.pts,
        None if frame.name is None else name_text(frame.name),
        ends_shot,
        None if problem is None else path_text(problem)[:_MAX_PROBLEM],
    )


def _scan(frames: Sequence[Frame]) -> _Scan:
    known: dict[int, _KnownFrame] = {}
    problems: dict[int, str] = {}
    shot_ends: set[int] = set()
    previous, last = None, 0
    for position, frame in enumerate(frames):
        try:
            known[frame.index], current = _first_look(frame)
        except InputError as error:
            problems[position] = str(error)
            continue
        if previous is not None and is_cut(previous, current):
            shot_ends.add(last)
        previous, last = current, position
    return _Scan(known, problems, frozenset(shot_ends))


def _first_look(frame: Frame) -> tuple[_KnownFrame, Grey]:
    """A frame and its thumbnail. Raises ``InputError`` if it cannot be read."""
    if isinstance(frame.content, YuvPlanes):
        return _KnownFrame(frame, frame.shown_size), frame.grey(size=THUMBNAIL)
    luma = frame.grey()  # as its file is here: it will not be read again for this
    small = np.asarray(cv2.resize(luma, THUMBNAIL, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return _KnownFrame(frame, (luma.shape[1], luma.shape[0]), luma), small


def _readable_spans(length: int, problems: Mapping[int, str]) -> Iterator[range]:
    """Spans of consecutive positions without a problem."""
    edges = [-1, *sorted(problems), length]
    for before, after in pairwise(edges):
        if after - before > 1:
            yield range(before + 1, after)


def _faces_of(
    tracklet: Tracklet,
    number: int,
    frames: Sequence[Frame],
    own: int,
    analyser: FaceAnalyser,
    size: int,
) -> Iterator[Face]:
    """The faces of a tracklet on the first ``own`` frames, the most frontal one described if that is due."""
    observations = [seen for seen in tracklet.observations if seen.position < own]
    described = _to_describe(tracklet, observations, frames, own, analyser.scheme)
    expressions = _expressions(observations, analyser)
    for seen, expression in zip(observations, expressions, strict=True):
        frame = frames[seen.position]
        descriptor = None
        if seen is described:
            descriptor = analyser.describe(*_portrait(frame, seen.landmarks, analyser.scheme))
        yield Face(
            frame_index=frame.index,
            face_index=0,
            box=box_around(seen.landmarks, analyser.scheme),
            confidence=seen.confidence,
            landmarks=seen.landmarks,
            smoothed=seen.landmarks,
            alignment=align(seen.landmarks, size, analyser.scheme),
            crop_size=size,
            scheme=analyser.scheme.name,
            depth=seen.depth,
            descriptor=descriptor,
            motion=seen.motion,
            tracklet=number,
            rotation=seen.rotation,
            origin=seen.origin,
            expression=expression,
        )


def _expressions(observations: Sequence[Observation], analyser: FaceAnalyser) -> Sequence[FloatArray | None]:
    """Expression values of each observation. Where the head is turned so far that its face is carried, they
    are those of the nearest frame on which it was seen."""
    seen = [place for place, own in enumerate(observations) if own.origin != "carried"]
    if not seen:
        return analyser.expressions([own.landmarks for own in observations])
    found = dict(
        zip(seen, analyser.expressions([observations[place].landmarks for place in seen]), strict=True)
    )
    return [found[min(seen, key=lambda other: abs(other - place))] for place in range(len(observations))]


def _to_describe(
    tracklet: Tracklet,
    observations: Sequence[Observation],
    frames: Sequence[Frame],
    own: int,
    scheme: LandmarkScheme,
) -> Observation | None:
    """The most frontal observation of some. ``None`` if the tracklet fills the segment and continues in the
    next one, which may describe it, and it is not yet due again; or if the face was seen in profile only."""
    continues = len(observations) == own and tracklet.last.position == own
    due = (frames[0].index - 1) // _DESCRIBE_EVERY < frames[own - 1].index // _DESCRIBE_EVERY
    if continues and not due:
        return None
    known = [seen for seen in observations if seen.origin != "carried"]
    return min(
        known[:: max(1, len(known) // _POSES)],
        key=lambda seen: abs(head_pose(seen.landmarks, scheme, seen.depth).yaw),
        default=None,
    )


def _handovers_of(
    tracklet: Tracklet, number: int, frames: Sequence[Frame], own: int, scheme: LandmarkScheme
) -> Iterator[Handover]:
    """Where a tracklet is on the frame that belongs to the next segment."""
    for seen in tracklet.observations:
        if seen.position == own:
            yield Handover(number, frames[own].index, seen.landmarks, seen.motion, scheme.name)


def _portrait(frame: Frame, landmarks: Landmarks, scheme: LandmarkScheme) -> tuple[Image, Landmarks]:
    """The region of a frame around a face in RGB, and the landmarks in that region."""
    width, height = frame.shown_size
    box = box_around(landmarks, scheme)
    margin = box.width // 2
    region = Box(
        max(0, min(box.left - margin, width - 1)),
        max(0, min(box.top - margin, height - 1)),
        max(1, min(box.right + margin, width)),
        max(1, min(box.bottom + margin, height)),
    )
    return frame.rgb(region), landmarks - np.array((region.left, region.top), dtype=np.float32)


def _numbered(faces: Iterable[Face]) -> tuple[Face, ...]:
    """Faces in order of frames with their number in their frame, the largest first."""
    numbers: Counter[int] = Counter()
    result = []
    for face in sorted(faces, key=lambda face: (face.frame_index, -face.box.width, face.tracklet)):
        result.append(face.with_(face_index=numbers[face.frame_index]))
        numbers[face.frame_index] += 1
    return tuple(result)


# -- in a process or a thread of a pool ----------------------------------------------------------------

_own = threading.local()


def prepare_worker(settings: ExtractSettings) -> None:
    """Called once in each process or thread, before :func:`analyse_in_worker`."""
    cv2.setNumThreads(1)
    _own.settings, _own.analyser = settings, None


def analyse_in_worker(segment: Segment) -> SegmentResult:
    """:func:`analyse_segment` with this worker's settings, and an analyser that it makes when it first needs
    one."""
    settings: ExtractSettings = _own.settings
    if _own.analyser is None:
        _own.analyser = FaceAnalyser.from_settings(settings)
    return analyse_segment(segment, _own.analyser, settings)
