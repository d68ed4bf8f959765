"""Tracking faces through a segment of frames, with the detector consulted only now and then.

A detector takes far longer than landmarks do. So it searches the whole frame at both ends of a segment; in
between each face is tracked by the motion of its picture, and its landmarks are refined on every frame. A
landmark predictor that knows whether there is a face verifies that by itself; with any other, the detector
verifies the face alone every few frames. Where a step is implausible, the whole frame is searched again. A
face that appears inside the segment is tracked backwards to where it came in. The result depends on the
segment's own frames only, so segments can be analysed in parallel, and again after a crash, with the same
result.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from facedouble.faces.align import inverse, map_points
from facedouble.faces.analyser import SAME_FACE, FaceAnalyser, is_present
from facedouble.faces.landmarks import box_around, eye_distance
from facedouble.faces.motion import FaceMotion, estimate_motion
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.faces.views import Picture
from facedouble.types import Alignment, FloatArray, Landmarks, Origin, PredictedLandmarks

_VERIFY_EVERY = 6  # frames between verifications of a tracked face
_PATIENCE = 12  # frames for which a face may go unverified before it is dropped
_IDLE_EVERY = 3  # frames between searches while no face is tracked
_MIN_TRACKED = 0.5  # share of points whose motion must be known
_MAX_MISFIT = 0.012  # median distance of points from their common motion, as a share of the patch's side
_MAX_SCALING = 0.18  # natural logarithm, from frame to frame
_MAX_TURN = 0.3  # radians, from frame to frame
_MAX_DISAGREEMENT = 0.12  # between motion and landmarks, as a share of the eye distance
_SURE = 0.9  # presence that keeps a face whose motion is unknown
_SMALL = 1 / 9  # of the long side of the frame; every fast search finds larger faces


@dataclass(frozen=True, slots=True)
class Observation:
    """A face on one frame of a segment; ``position`` counts from the segment's first frame.

    ``motion`` (2, 3) takes points of the previous frame to this one, as the picture moved; ``None`` where
    it is unknown, as where the face is first seen. ``depth`` (P,) as in :class:`PredictedLandmarks`.
    """

    position: int
    landmarks: Landmarks
    confidence: float
    rotation: int
    origin: Origin
    motion: Alignment | None = None
    depth: FloatArray | None = None


@dataclass(slots=True, eq=False)
class Tracklet:
    """One face on consecutive frames. ``verified`` is the last position at which the detector saw it."""

    observations: list[Observation] = field(default_factory=list)
    verified: int = 0

    @property
    def last(self) -> Observation:
        return self.observations[-1]


@dataclass(frozen=True, slots=True)
class _Step:
    """A face on a neighbouring frame, and how its picture moved there; ``None`` where that is not known."""

    found: PredictedLandmarks
    motion: Alignment | None


class _Segment:
    """The frames of a segment and the questions that can be asked about them."""

    def __init__(self, frames: Sequence[Picture], cuts: Collection[int], analyser: FaceAnalyser) -> None:
        self.frames, self.cuts, self.analyser = frames, cuts, analyser
        self.scheme: LandmarkScheme = analyser.scheme

    def verify(self, position: int, landmarks: Landmarks) -> float | None:
        return self.analyser.verify(self.frames[position], landmarks)

    def step(self, start: int, end: int, landmarks: Landmarks) -> _Step | None:
        """Landmarks on the neighbouring frame ``end`` and how the picture moved; ``None`` if it is doubtful
        that this is still the face."""
        with self.analyser.timed("landmarks"):
            before, after = self.frames[start].grey(), self.frames[end].grey()
            moved = estimate_motion(before, after, landmarks, self.scheme)
        plausible = _plausible(moved)
        expected = map_points(moved.matrix, landmarks) if plausible else landmarks
        if not (plausible or self.analyser.knows_presence):
            return None
        found = self.analyser.refine(self.frames[end], expected)
        if not is_present(found, _SURE if not plausible else None) or not self._inside(found.points):
            return None
        agrees = plausible and self._agree(expected, found.points)
        if not agrees and not (self.analyser.knows_presence and self.overlap(expected, found.points)):
            return None
        return _Step(found, moved.matrix if agrees else None)

    def _agree(self, expected: Landmarks, found: Landmarks) -> bool:
        """Whether the motion of the picture and the landmarks say the same."""
        stable = list(self.scheme.stable)
        apart = float(np.linalg.norm(found[stable] - expected[stable], axis=1).mean())
        return apart <= _MAX_DISAGREEMENT * eye_distance(found, self.scheme)

    def overlap(self, a: Landmarks, b: Landmarks) -> bool:
        """Whether two sets of landmarks lie on one face."""
        return box_around(a, self.scheme).overlap(box_around(b, self.scheme)) >= SAME_FACE

    def is_small(self, tracklet: Tracklet) -> bool:
        """Whether a fast search could miss it."""
        width = box_around(tracklet.last.landmarks, self.scheme).width
        return bool(width < _SMALL * max(self.frames[0].grey().shape))

    def _inside(self, landmarks: Landmarks) -> bool:
        """Whether the middle of the face lies in the frame."""
        height, width = self.frames[0].grey().shape
        x, y = self.scheme.points(landmarks, self.scheme.inner).mean(axis=0)
        return bool(0 <= x < width and 0 <= y < height)


def track_faces(
    frames: Sequence[Picture], cuts: Collection[int], analyser: FaceAnalyser, *, smallest: int = 1
) -> list[Tracklet]:
    """The faces of a segment of frames.

    ``cuts`` holds the positions at which a new shot begins. The last frame should be the first of the next
    segment, so that faces which appear between searches are found and tracklets can be linked. Faces narrower
    than ``smallest`` pixels are reported where they are seen, and not tracked.
    """
    segment = _Segment(frames, cuts, analyser)
    done: list[Tracklet] = []
    active: list[Tracklet] = []
    for position in range(len(frames)):
        begins = position == 0 or position in cuts
        if begins:
            done += active
            active = []
        tracked, doubtful = _advance(segment, position, active)
        due = begins or bool(doubtful) or position == len(frames) - 1
        if due or (not tracked and position % _IDLE_EVERY == 0):
            thorough = begins or any(segment.is_small(tracklet) for tracklet in doubtful)
            fresh = _search(segment, position, thorough, tracked, doubtful)
            for tracklet in fresh:
                if box_around(tracklet.last.landmarks, segment.scheme).width < smallest:
                    done.append(tracklet)
                    continue
                _track_back(segment, tracklet, [*done, *tracked])
                tracked.append(tracklet)
        active, duplicates = _without_duplicates(segment, tracked)
        done += doubtful + duplicates
    for tracklet in done + active:
        _trim(segment, tracklet)
    return done + active


def _advance(
    segment: _Segment, position: int, active: Sequence[Tracklet]
) -> tuple[list[Tracklet], list[Tracklet]]:
    """The tracklets that could be tracked to ``position``, and those about which there is doubt."""
    tracked, doubtful = [], []
    for tracklet in active:
        step = segment.step(position - 1, position, tracklet.last.landmarks)
        if step is None or position - tracklet.verified > _PATIENCE:
            doubtful.append(tracklet)
            continue
        tracklet.observations.append(
            replace(
                tracklet.last,
                position=position,
                landmarks=step.found.points,
                depth=step.found.depth,
                origin="followed",
                motion=step.motion,
            )
        )
        _verify(segment, tracklet)
        tracked.append(tracklet)
    return tracked, doubtful


def _verify(segment: _Segment, tracklet: Tracklet) -> None:
    """Let the detector verify the last observation, if that is due. A landmark predictor that knows whether
    there is a face has done so already."""
    last = tracklet.last
    if segment.analyser.knows_presence:
        tracklet.verified = last.position
        return
    if abs(last.position - tracklet.verified) < _VERIFY_EVERY:
        return
    confidence = segment.verify(last.position, last.landmarks)
    if confidence is not None:
        tracklet.observations[-1] = replace(last, confidence=confidence)
        tracklet.verified = last.position


def _search(
    segment: _Segment, position: int, thorough: bool, tracked: list[Tracklet], doubtful: list[Tracklet]
) -> list[Tracklet]:
    """Search the whole frame: verify the tracklets that are seen, recover doubtful ones, and return a new
    tracklet for every other face."""
    known = [tracklet.last.landmarks for tracklet in tracked]
    search = segment.analyser.search(segment.frames[position], thorough=thorough, known=known)
    for tracklet, confidence in zip(tuple(tracked), search.known, strict=True):
        if confidence is not None:
            tracklet.observations[-1] = replace(tracklet.last, confidence=confidence, origin="detected")
            tracklet.verified = position
    fresh = []
    for found in search.others:
        if any(segment.overlap(points, found.landmarks) for points in known):
            continue  # its box is far from the landmarks found in it
        seen = Observation(
            position,
            found.landmarks,
            found.confidence,
            found.rotation,
            "detected",
            depth=found.found.depth,
        )
        lost = next((t for t in doubtful if segment.overlap(t.last.landmarks, found.landmarks)), None)
        if lost is not None:
            lost.observations.append(seen)
            lost.verified = position
            doubtful.remove(lost)
            tracked.append(lost)
            continue
        fresh.append(Tracklet([seen], position))
    return fresh


def _track_back(segment: _Segment, tracklet: Tracklet, others: Sequence[Tracklet]) -> None:
    """Prepend the frames on which the face was already there but no search took place."""
    first = tracklet.observations[0]
    back = Tracklet([first], first.position)
    taken = {(o.position, i): o.landmarks for i, other in enumerate(others) for o in other.observations}
    while (position := back.last.position) > 0 and position not in segment.cuts:
        step = segment.step(position, position - 1, back.last.landmarks)
        if step is None or abs(back.verified - position) > _PATIENCE:
            break
        points = step.found.points
        if any(at == position - 1 and segment.overlap(other, points) for (at, _), other in taken.items()):
            break
        motion = None if step.motion is None else inverse(step.motion)
        back.observations[-1] = replace(back.last, motion=motion)
        back.observations.append(
            Observation(
                position - 1,
                points,
                back.last.confidence,
                first.rotation,
                "followed",
                depth=step.found.depth,
            )
        )
        _verify(segment, back)
    _trim(segment, back)
    back.observations[-1] = replace(back.last, motion=None)
    tracklet.observations[:1] = back.observations[::-1]


def _without_duplicates(
    segment: _Segment, tracklets: Sequence[Tracklet]
) -> tuple[list[Tracklet], list[Tracklet]]:
    """Of tracklets that have converged on one face, the longest continues and the others end before this
    frame."""
    kept: list[Tracklet] = []
    duplicates: list[Tracklet] = []
    for tracklet in sorted(tracklets, key=lambda tracklet: -len(tracklet.observations)):
        if any(segment.overlap(tracklet.last.landmarks, other.last.landmarks) for other in kept):
            del tracklet.observations[-1]
            if tracklet.observations:
                tracklet.verified = min(tracklet.verified, tracklet.last.position)
                duplicates.append(tracklet)
        else:
            kept.append(tracklet)
    return kept, duplicates


def _trim(segment: _Segment, tracklet: Tracklet) -> None:
    """Remove the end of a tracklet as far as the detector no longer sees a face there."""
    while tracklet.last.position != tracklet.verified:
        if segment.verify(tracklet.last.position, tracklet.last.landmarks) is not None:
            return
        del tracklet.observations[-1]


def _plausible(moved: FaceMotion) -> bool:
    scaling = float(np.log(max(np.hypot(moved.matrix[0, 0], moved.matrix[1, 0]), 1e-6)))
    turn = float(np.arctan2(moved.matrix[1, 0], moved.matrix[0, 0]))
    return (
        moved.tracked >= _MIN_TRACKED
        and moved.misfit <= _MAX_MISFIT
        and abs(scaling) <= _MAX_SCALING
        and abs(turn) <= _MAX_TURN
    )
