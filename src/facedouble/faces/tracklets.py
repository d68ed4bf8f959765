"""Tracking faces through a segment of frames, with the detector consulted only now and then.

A detector takes far longer than landmarks do. So it searches the whole frame at both ends of a segment; in
between each face is tracked by the motion of its picture, its landmarks are refined on every frame, and the
detector verifies the face alone every few frames. Where a step is implausible, the whole frame is searched
again. A face that appears inside the segment is tracked backwards to where it came in. The result depends
on the segment's own frames only, so segments can be analysed in parallel, and again after a crash, with the
same result.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from facedouble.faces.align import inverse
from facedouble.faces.analyser import DetectedFace, FaceAnalyser
from facedouble.faces.landmarks import box_around, eye_distance
from facedouble.faces.motion import FaceMotion, estimate_motion
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Alignment, Box, FloatArray, Grey, Image, Landmarks, Origin, PredictedLandmarks

_VERIFY_EVERY = 6  # frames between verifications of a tracked face
_PATIENCE = 12  # frames for which a face may go unverified before it is dropped
_IDLE_EVERY = 3  # frames between searches while no face is tracked
_MIN_TRACKED = 0.5  # share of points whose motion must be known
_MAX_MISFIT = 0.012  # median distance of points from their common motion, as a share of the patch's side
_MAX_SCALING = 0.18  # natural logarithm, from frame to frame
_MAX_TURN = 0.3  # radians, from frame to frame
_MAX_DISAGREEMENT = 0.12  # between motion and landmarks, as a share of the eye distance
_SAME_FACE = 0.4  # overlap of two boxes (intersection over union)


class DecodedFrame(Protocol):
    """A frame to analyse. Its luma is requested several times."""

    def grey(self) -> Grey: ...

    def rgb(self, part: Box | None = None) -> Image: ...


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


class _Segment:
    """The frames of a segment and the questions that can be asked about them."""

    def __init__(self, frames: Sequence[DecodedFrame], cuts: Collection[int], analyser: FaceAnalyser) -> None:
        self.frames, self.cuts, self.analyser = frames, cuts, analyser
        self.scheme: LandmarkScheme = analyser.scheme

    def grey(self, position: int) -> Grey:
        return self.frames[position].grey()

    def search(self, position: int, *, thorough: bool) -> list[DetectedFace]:
        return self.analyser.search(self._input(position), self.grey(position), thorough=thorough)

    def verify(self, position: int, landmarks: Landmarks) -> float | None:
        return self.analyser.verify(self._input(position), landmarks)

    def step(
        self, start: int, end: int, landmarks: Landmarks
    ) -> tuple[PredictedLandmarks, FaceMotion] | None:
        """Landmarks on the neighbouring frame ``end`` and how the picture moved; ``None`` if it is doubtful
        that this is still the face."""
        with self.analyser.timed("landmarks"):
            moved = estimate_motion(self.grey(start), self.grey(end), landmarks, self.scheme)
        if not _plausible(moved):
            return None
        expected = landmarks @ moved.matrix[:, :2].T + moved.matrix[:, 2]
        found = self.analyser.refine(self.grey(end), expected.astype(np.float32))
        stable = list(self.scheme.stable)
        apart = np.linalg.norm(found.points[stable] - expected[stable], axis=1).mean()
        if apart / eye_distance(found.points, self.scheme) > _MAX_DISAGREEMENT:
            return None
        if not self._inside(found.points):
            return None
        return found, moved

    def overlap(self, a: Landmarks, b: Landmarks) -> bool:
        """Whether two sets of landmarks lie on one face."""
        return box_around(a, self.scheme).overlap(box_around(b, self.scheme)) >= _SAME_FACE

    def _input(self, position: int) -> Image | Grey:
        """The picture for the detector."""
        return self.frames[position].rgb() if self.analyser.detector.colour else self.grey(position)

    def _inside(self, landmarks: Landmarks) -> bool:
        """Whether the middle of the face lies in the frame."""
        height, width = self.grey(0).shape
        x, y = self.scheme.points(landmarks, self.scheme.inner).mean(axis=0)
        return bool(0 <= x < width and 0 <= y < height)


def track_faces(
    frames: Sequence[DecodedFrame], cuts: Collection[int], analyser: FaceAnalyser, *, smallest: int = 1
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
            fresh = _search(segment, position, due, tracked, doubtful)
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
        found, moved = step
        tracklet.observations.append(
            replace(
                tracklet.last,
                position=position,
                landmarks=found.points,
                depth=found.depth,
                origin="followed",
                motion=moved.matrix,
            )
        )
        _verify(segment, tracklet)
        tracked.append(tracklet)
    return tracked, doubtful


def _verify(segment: _Segment, tracklet: Tracklet) -> None:
    """Let the detector verify the last observation, if that is due."""
    last = tracklet.last
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
    fresh = []
    for found in segment.search(position, thorough=thorough):
        seen = Observation(
            position,
            found.landmarks,
            found.confidence,
            found.rotation,
            "detected",
            depth=found.found.depth,
        )
        known = next((t for t in tracked if segment.overlap(t.last.landmarks, found.landmarks)), None)
        if known is not None:
            known.observations[-1] = replace(known.last, confidence=found.confidence, origin="detected")
            known.verified = position
            continue
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
        found, moved = step
        if any(
            at == position - 1 and segment.overlap(other, found.points) for (at, _), other in taken.items()
        ):
            break
        back.observations[-1] = replace(back.last, motion=inverse(moved.matrix))
        back.observations.append(
            Observation(
                position - 1,
                found.points,
                back.last.confidence,
                first.rotation,
                "followed",
                depth=found.depth,
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
