"""Following faces through a stretch of frames, with the detector asked only now and then.

A detector takes far longer than landmarks do. So it looks at the whole frame at both ends of a
stretch; in between each face is followed by the motion of its picture, its landmarks are placed
anew on every frame, and the detector looks at the face alone every few frames. Where a step is not
plausible, the whole frame is looked at again. A face that turns up inside the stretch is followed
back to where it came in. What a stretch gives depends on its own frames only, so that stretches can
be worked on side by side, and again after a crash, with the same result.
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
from facedouble.types import Alignment, Box, Grey, Image, Landmarks, Origin

_CONFIRM_EVERY = 6  # frames between looks at a face that is followed
_PATIENCE = 12  # frames that a face may go unconfirmed before it is given up
_IDLE_EVERY = 3  # frames between looks while nothing is followed
_LEAST_FOLLOWED = 0.5  # share of points whose motion must be known
_MOST_MISFIT = 0.012  # of the patch's side, median distance of points from a common motion
_MOST_SCALING = 0.18  # natural logarithm, from frame to frame
_MOST_TURN = 0.3  # radians, from frame to frame
_MOST_DISAGREEMENT = 0.12  # between motion and landmarks, of the eye distance
_SAME_FACE = 0.4  # overlap of two boxes
_RIGID = slice(27, 48)  # nose and eyes


class DecodedFrame(Protocol):
    """What is looked at, such as a ``video.raw.RawFrame``. Its luma is asked for several times."""

    def grey(self) -> Grey: ...

    def rgb(self, part: Box | None = None) -> Image: ...


@dataclass(frozen=True, slots=True)
class Observation:
    """A face on one frame of a stretch; ``position`` counts from the stretch's first frame.

    ``motion`` (2, 3) takes points of the frame before to this one, as the picture moved; ``None``
    where that is not known, as where the face is first seen.
    """

    position: int
    landmarks: Landmarks
    confidence: float
    rotation: int
    origin: Origin
    motion: Alignment | None = None


@dataclass(slots=True, eq=False)
class Tracklet:
    """One face on consecutive frames. ``confirmed`` is the last position where the detector saw it."""

    sightings: list[Observation] = field(default_factory=list)
    confirmed: int = 0

    @property
    def last(self) -> Observation:
        return self.sightings[-1]


class _Stretch:
    """The frames of a stretch, and what can be asked of them."""

    def __init__(self, frames: Sequence[DecodedFrame], cuts: Collection[int], finder: FaceAnalyser) -> None:
        self.frames, self.cuts, self.finder = frames, cuts, finder

    def grey(self, position: int) -> Grey:
        return self.frames[position].grey()

    def look(self, position: int, *, thorough: bool) -> list[DetectedFace]:
        return self.finder.look(self._seen(position), self.grey(position), thorough=thorough)

    def confirm(self, position: int, landmarks: Landmarks) -> float | None:
        return self.finder.confirm(self._seen(position), landmarks)

    def step(self, start: int, end: int, landmarks: Landmarks) -> tuple[Landmarks, FaceMotion] | None:
        """Landmarks on the neighbouring frame ``end``, and how the picture moved; ``None`` when it
        is doubtful that this is still the face."""
        with self.finder.timed("landmarks"):
            moved = estimate_motion(self.grey(start), self.grey(end), landmarks)
        if not _plausible(moved):
            return None
        expected = landmarks @ moved.matrix[:, :2].T + moved.matrix[:, 2]
        found = self.finder.refine(self.grey(end), expected.astype(np.float32))
        apart = np.linalg.norm(found[_RIGID] - expected[_RIGID], axis=1).mean() / eye_distance(found)
        if apart > _MOST_DISAGREEMENT or not self._inside(found):
            return None
        return found, moved

    def _seen(self, position: int) -> Image | Grey:
        """What the detector looks at."""
        return self.frames[position].rgb() if self.finder.detector.colour else self.grey(position)

    def _inside(self, landmarks: Landmarks) -> bool:
        """Whether the middle of the face lies in the frame."""
        height, width = self.grey(0).shape
        x, y = landmarks[17:].mean(axis=0)
        return bool(0 <= x < width and 0 <= y < height)


def track_faces(
    frames: Sequence[DecodedFrame], cuts: Collection[int], finder: FaceAnalyser, *, smallest: int = 1
) -> list[Tracklet]:
    """The faces of a stretch of frames.

    ``cuts`` holds the positions at which a new shot begins. The last frame should be the first of
    the next stretch, so that faces which turn up between looks are found and chains can be joined.
    Faces narrower than ``smallest`` pixels are reported where they are seen, and not followed.
    """
    stretch = _Stretch(frames, cuts, finder)
    done: list[Tracklet] = []
    active: list[Tracklet] = []
    for position in range(len(frames)):
        begins = position == 0 or position in cuts
        if begins:
            done += active
            active = []
        carried, doubtful = _carry_on(stretch, position, active)
        due = begins or bool(doubtful) or position == len(frames) - 1
        if due or (not carried and position % _IDLE_EVERY == 0):
            fresh = _take_in(stretch, position, due, carried, doubtful)
            for chain in fresh:
                if _width(chain.last.landmarks) < smallest:
                    done.append(chain)
                    continue
                _follow_back(stretch, chain, [*done, *carried])
                carried.append(chain)
        active, doubles = _without_doubles(carried)
        done += doubtful + doubles
    for chain in done + active:
        _trim(stretch, chain)
    return done + active


def _carry_on(
    stretch: _Stretch, position: int, active: Sequence[Tracklet]
) -> tuple[list[Tracklet], list[Tracklet]]:
    """The chains that reach ``position`` by following, and those of which it is doubtful."""
    carried, doubtful = [], []
    for chain in active:
        step = stretch.step(position - 1, position, chain.last.landmarks)
        if step is None or position - chain.confirmed > _PATIENCE:
            doubtful.append(chain)
            continue
        landmarks, moved = step
        chain.sightings.append(
            replace(
                chain.last, position=position, landmarks=landmarks, origin="followed", motion=moved.matrix
            )
        )
        _confirm(stretch, chain)
        carried.append(chain)
    return carried, doubtful


def _confirm(stretch: _Stretch, chain: Tracklet) -> None:
    """Ask the detector about the chain's last sighting, when that is due."""
    last = chain.last
    if abs(last.position - chain.confirmed) < _CONFIRM_EVERY:
        return
    confidence = stretch.confirm(last.position, last.landmarks)
    if confidence is not None:
        chain.sightings[-1] = replace(last, confidence=confidence)
        chain.confirmed = last.position


def _take_in(
    stretch: _Stretch, position: int, thorough: bool, carried: list[Tracklet], doubtful: list[Tracklet]
) -> list[Tracklet]:
    """Look at the whole frame; bear out the chains that are seen, bring back doubtful ones, and
    return a chain for every other face."""
    fresh = []
    for found in stretch.look(position, thorough=thorough):
        seen = Observation(position, found.landmarks, found.confidence, found.rotation, "detected")
        known = next((c for c in carried if _same(c.last.landmarks, found.landmarks)), None)
        if known is not None:
            known.sightings[-1] = replace(known.last, confidence=found.confidence, origin="detected")
            known.confirmed = position
            continue
        lost = next((c for c in doubtful if _same(c.last.landmarks, found.landmarks)), None)
        if lost is not None:
            lost.sightings.append(seen)
            lost.confirmed = position
            doubtful.remove(lost)
            carried.append(lost)
            continue
        fresh.append(Tracklet([seen], position))
    return fresh


def _follow_back(stretch: _Stretch, chain: Tracklet, others: Sequence[Tracklet]) -> None:
    """Put before a chain the frames on which its face was there already and nobody had looked."""
    first = chain.sightings[0]
    back = Tracklet([first], first.position)
    taken = {(s.position, i): s.landmarks for i, other in enumerate(others) for s in other.sightings}
    while (position := back.last.position) > 0 and position not in stretch.cuts:
        step = stretch.step(position, position - 1, back.last.landmarks)
        if step is None or abs(back.confirmed - position) > _PATIENCE:
            break
        landmarks, moved = step
        if any(at == position - 1 and _same(points, landmarks) for (at, _), points in taken.items()):
            break
        back.sightings[-1] = replace(back.last, motion=inverse(moved.matrix))
        back.sightings.append(
            Observation(position - 1, landmarks, back.last.confidence, first.rotation, "followed")
        )
        _confirm(stretch, back)
    _trim(stretch, back)
    back.sightings[-1] = replace(back.last, motion=None)
    chain.sightings[:1] = back.sightings[::-1]


def _without_doubles(chains: Sequence[Tracklet]) -> tuple[list[Tracklet], list[Tracklet]]:
    """Of chains that have come to lie on one face, the one with the longest past goes on; the others
    end before this frame."""
    kept: list[Tracklet] = []
    doubles: list[Tracklet] = []
    for chain in sorted(chains, key=lambda chain: -len(chain.sightings)):
        if any(_same(chain.last.landmarks, other.last.landmarks) for other in kept):
            del chain.sightings[-1]
            if chain.sightings:
                chain.confirmed = min(chain.confirmed, chain.last.position)
                doubles.append(chain)
        else:
            kept.append(chain)
    return kept, doubles


def _trim(stretch: _Stretch, chain: Tracklet) -> None:
    """Take away the end of a chain, as far as the detector sees no face there any more."""
    while chain.last.position != chain.confirmed:
        if stretch.confirm(chain.last.position, chain.last.landmarks) is not None:
            return
        del chain.sightings[-1]


def _plausible(moved: FaceMotion) -> bool:
    scaling = float(np.log(max(np.hypot(moved.matrix[0, 0], moved.matrix[1, 0]), 1e-6)))
    turn = float(np.arctan2(moved.matrix[1, 0], moved.matrix[0, 0]))
    return (
        moved.followed >= _LEAST_FOLLOWED
        and moved.misfit <= _MOST_MISFIT
        and abs(scaling) <= _MOST_SCALING
        and abs(turn) <= _MOST_TURN
    )


def _same(a: Landmarks, b: Landmarks) -> bool:
    return box_around(a).overlap(box_around(b)) >= _SAME_FACE


def _width(landmarks: Landmarks) -> int:
    return box_around(landmarks).width
