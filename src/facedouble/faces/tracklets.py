"""Tracking faces through a segment of frames, with the detector consulted only now and then.

A detector takes far longer than landmarks do. So it searches the whole frame at both ends of a segment; in
between each face is tracked by the motion of its picture, and its landmarks are refined on every frame. A
landmark predictor that knows whether there is a face verifies that by itself; with any other, the detector
verifies the face alone every few frames. A head that is turned so far that the predictor no longer sees a
face is carried on in space by the motion of its picture (``turning``), as long as the detector sees it. Where
a step is implausible, the whole frame is searched again. A face that appears inside the segment is tracked
backwards to where it came in. The result depends on the segment's own frames only, so segments can be
analysed in parallel, and again after a crash, with the same result.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from facedouble.faces.align import align, inverse, map_points
from facedouble.faces.analyser import SAME_FACE, FaceAnalyser, is_present
from facedouble.faces.landmarks import box_around, eye_distance
from facedouble.faces.motion import FaceMotion, estimate_motion
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.faces.turning import SolidHead, carry, is_turned
from facedouble.faces.views import Picture
from facedouble.types import Alignment, FloatArray, Landmarks, Origin

_VERIFY_EVERY = 6  # frames between verifications of a tracked face
_PATIENCE = 12  # frames for which a face may go unverified before it is dropped
_IDLE_EVERY = 3  # frames between searches while no face is tracked
_MIN_TRACKED = 0.5  # share of points whose motion must be known
_MAX_MISFIT = 0.012  # median distance of points from their common motion, as a share of the patch's side
_MAX_SCALING = 0.18  # natural logarithm, from frame to frame
_MAX_TURN = 0.3  # radians, from frame to frame
_MAX_DISAGREEMENT = 0.12  # between motion and landmarks, as a share of the eye distance
_SURE = 0.9  # presence that keeps a face whose motion is unknown, or that is turned far
_SIGHTINGS = 3  # of the detector, without which a face that was only seen in profile is none
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

    @property
    def head(self) -> SolidHead | None:
        """The head in space, where that is known."""
        return None if self.depth is None else SolidHead(self.landmarks, self.depth)


@dataclass(slots=True, eq=False)
class Tracklet:
    """One face on consecutive frames. ``verified`` is the last position at which it was seen, ``sightings``
    how often the detector saw it."""

    observations: list[Observation] = field(default_factory=list)
    verified: int = 0
    sightings: int = 0

    @property
    def last(self) -> Observation:
        return self.observations[-1]


@dataclass(frozen=True, slots=True)
class _Step:
    """A face on a neighbouring frame, how it was found there, and how its picture moved; ``None`` where that
    is not known."""

    landmarks: Landmarks
    depth: FloatArray | None
    motion: Alignment | None
    origin: Origin = "followed"


class _Segment:
    """The frames of a segment and the questions that can be asked about them."""

    def __init__(self, frames: Sequence[Picture], cuts: Collection[int], analyser: FaceAnalyser) -> None:
        self.frames, self.cuts, self.analyser = frames, cuts, analyser
        self.scheme: LandmarkScheme = analyser.scheme

    def verify(self, position: int, landmarks: Landmarks) -> float | None:
        return self.analyser.verify(self.frames[position], landmarks)

    def step(self, start: int, end: int, last: Observation) -> _Step | None:
        """The face of frame ``start``, last seen as ``last``, on the neighbouring frame ``end``; ``None`` if
        it is doubtful that this is still the face."""
        head = last.head
        if head is not None and self.analyser.knows_presence and is_turned(head, self.scheme):
            return self._turned_step(start, end, head)
        with self.analyser.timed("landmarks"):
            moved = estimate_motion(self.frames[start], self.frames[end], last.landmarks, self.scheme)
        plausible = _plausible(moved)
        expected = map_points(moved.matrix, last.landmarks) if plausible else last.landmarks
        if not (plausible or self.analyser.knows_presence):
            return None
        found = self.analyser.refine(self.frames[end], expected)
        if not is_present(found, _SURE if not plausible else None) or not self._inside(found.points):
            return None
        agrees = plausible and self._agree(expected, found.points)
        if not agrees and not (self.analyser.knows_presence and self.overlap(expected, found.points)):
            return None
        if not agrees and not self.is_one_person(start, last.landmarks, end, found.points):
            return (
                None  # a cut to another face in the same place, which a change of the picture need not show
            )
        return _Step(found.points, found.depth, moved.matrix if agrees else None)

    def _turned_step(self, start: int, end: int, head: SolidHead) -> _Step | None:
        """A step of a head that is turned far: by the landmark predictor where it is sure, else by the motion
        of the picture alone."""
        with self.analyser.timed("landmarks"):
            before, after = self.frames[start].grey(), self.frames[end].grey()
            carried = carry(before, after, head, self.scheme)
        expected = head.points if carried is None else carried.points
        found = self.analyser.refine(self.frames[end], expected)
        if is_present(found, _SURE) and self._inside(found.points) and self.overlap(expected, found.points):
            agrees = carried is not None and self._agree(expected, found.points)
            return _Step(found.points, found.depth, self.motion(head.points, expected) if agrees else None)
        if carried is None or not self._inside(carried.points):
            return None
        motion = self.motion(head.points, carried.points)
        return _Step(carried.points, carried.depth, motion, "carried")

    def motion(self, before: Landmarks, after: Landmarks) -> Alignment:
        """The similarity (2, 3) that takes a face where it went."""
        first, second = (align(points, 1, self.scheme) for points in (before, after))
        back = inverse(second)
        return np.column_stack([back[:, :2] @ first[:, :2], back[:, :2] @ first[:, 2] + back[:, 2]])

    def _agree(self, expected: Landmarks, found: Landmarks) -> bool:
        """Whether the motion of the picture and the landmarks say the same."""
        stable = list(self.scheme.stable)
        apart = float(np.linalg.norm(found[stable] - expected[stable], axis=1).mean())
        return apart <= _MAX_DISAGREEMENT * eye_distance(found, self.scheme)

    def is_one_person(self, start: int, first: Landmarks, end: int, second: Landmarks) -> bool:
        return self.analyser.is_one_person(self.frames[start], first, self.frames[end], second)

    def overlap(self, a: Landmarks, b: Landmarks) -> bool:
        """Whether two sets of landmarks lie on one face."""
        return box_around(a, self.scheme).overlap(box_around(b, self.scheme)) >= SAME_FACE

    def is_small(self, tracklet: Tracklet) -> bool:
        """Whether a fast search could miss it."""
        width = box_around(tracklet.last.landmarks, self.scheme).width
        return bool(width < _SMALL * max(self.frames[0].shown_size))

    def _inside(self, landmarks: Landmarks) -> bool:
        """Whether the middle of the face lies in the frame."""
        width, height = self.frames[0].shown_size
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
        _place_again(segment, tracklet)
    return [tracklet for tracklet in done + active if _is_believed(tracklet)]


def _is_believed(tracklet: Tracklet) -> bool:
    """Whether a face was seen by more than the detector, or by that often enough."""
    known = any(seen.origin != "carried" for seen in tracklet.observations)
    return known or tracklet.sightings >= min(_SIGHTINGS, len(tracklet.observations))


def _place_again(segment: _Segment, tracklet: Tracklet) -> None:
    """Replace the rough landmarks of a face that was first seen in profile, where it later turned so far that
    they are known: the head is carried back from there."""
    seen = tracklet.observations
    first = next((place for place, own in enumerate(seen) if own.origin != "carried"), 0)
    for place in reversed(range(first)):
        after, rough, now = seen[place + 1].head, seen[place].head, seen[place].position
        if after is None or rough is None:
            return
        with segment.analyser.timed("landmarks"):
            before, here = segment.frames[seen[place + 1].position].grey(), segment.frames[now].grey()
            head = carry(before, here, after, segment.scheme)
        if head is None:
            return
        motion = segment.motion(head.points, after.points)
        seen[place + 1] = replace(seen[place + 1], motion=motion)
        seen[place] = replace(seen[place], landmarks=head.points, depth=head.depth)
    if first:
        seen[0] = replace(seen[0], motion=None)


def _advance(
    segment: _Segment, position: int, active: Sequence[Tracklet]
) -> tuple[list[Tracklet], list[Tracklet]]:
    """The tracklets that could be tracked to ``position``, and those about which there is doubt."""
    tracked, doubtful = [], []
    for tracklet in active:
        step = segment.step(position - 1, position, tracklet.last)
        if step is None or position - tracklet.verified > _PATIENCE:
            doubtful.append(tracklet)
            continue
        tracklet.observations.append(
            replace(
                tracklet.last,
                position=position,
                landmarks=step.landmarks,
                depth=step.depth,
                origin=step.origin,
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
    if segment.analyser.knows_presence and last.origin != "carried":
        tracklet.verified = last.position
        return
    if abs(last.position - tracklet.verified) < _VERIFY_EVERY:
        return
    confidence = segment.verify(last.position, last.landmarks)
    if confidence is not None:
        tracklet.observations[-1] = replace(last, confidence=confidence)
        tracklet.verified = last.position
        tracklet.sightings += 1


def _search(
    segment: _Segment, position: int, thorough: bool, tracked: list[Tracklet], doubtful: list[Tracklet]
) -> list[Tracklet]:
    """Search the whole frame: verify the tracklets that are seen, recover doubtful ones, and return a new
    tracklet for every other face."""
    known = [tracklet.last.landmarks for tracklet in tracked]
    search = segment.analyser.search(segment.frames[position], thorough=thorough, known=known, profiles=True)
    for tracklet, confidence in zip(tuple(tracked), search.known, strict=True):
        if confidence is not None:
            origin: Origin = "carried" if tracklet.last.origin == "carried" else "detected"
            tracklet.observations[-1] = replace(tracklet.last, confidence=confidence, origin=origin)
            tracklet.verified = position
            tracklet.sightings += 1
    fresh = []
    for found in search.others:
        if any(segment.overlap(points, found.landmarks) for points in known):
            continue  # its box is far from the landmarks found in it
        seen = Observation(
            position,
            found.landmarks,
            found.confidence,
            found.rotation,
            "detected" if found.seen else "carried",
            depth=found.found.depth,
        )
        lost = next((t for t in doubtful if _continues(segment, t.last, seen)), None)
        if lost is not None:
            lost.observations.append(seen)
            lost.verified = position
            lost.sightings += 1
            doubtful.remove(lost)
            tracked.append(lost)
            continue
        fresh.append(Tracklet([seen], position, 1))
    return fresh


def _continues(segment: _Segment, last: Observation, seen: Observation) -> bool:
    """Whether a face about which there was doubt is the one that was found in the whole frame."""
    if not segment.overlap(last.landmarks, seen.landmarks):
        return False
    if "carried" in (last.origin, seen.origin):
        return True  # a profile does not say who it is
    return segment.is_one_person(last.position, last.landmarks, seen.position, seen.landmarks)


def _track_back(segment: _Segment, tracklet: Tracklet, others: Sequence[Tracklet]) -> None:
    """Prepend the frames on which the face was already there but no search took place."""
    first = tracklet.observations[0]
    back = Tracklet([first], first.position, tracklet.sightings)
    taken = {(o.position, i): o.landmarks for i, other in enumerate(others) for o in other.observations}
    while (position := back.last.position) > 0 and position not in segment.cuts:
        step = segment.step(position, position - 1, back.last)
        if step is None or abs(back.verified - position) > _PATIENCE:
            break
        points = step.landmarks
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
                step.origin,
                depth=step.depth,
            )
        )
        _verify(segment, back)
    _trim(segment, back)
    tracklet.sightings = back.sightings
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
