"""Faces that look wrong, worst first, each with the reason in words.

Every check gives a face a score in one unit: 1 is where it calls the face wrong, 2 is twice as far. Most
limits come from the faceset's own distribution, as what is usual differs between people and clips: so
many robust deviations (1.4826 times the median absolute deviation) from the median, and never less than
a floor below which nobody would call it wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from facedouble.curation.attributes import Array, poses, side_in_frame
from facedouble.curation.crop_order import FrameSize
from facedouble.faces.align import inverse
from facedouble.faces.clustering import assign_people
from facedouble.faces.identity import SAME_PERSON
from facedouble.types import Descriptor, Face

_ENOUGH = 10
"""Faces from which a distribution can be told."""

_EYE_SHARE = 0.25  # distance of the eyes of the mean face, as a share of its crop's side


class Reason(NamedTuple):
    """Why a face looks wrong: by how much, 1 being the limit, in words, and by which check."""

    score: float
    words: str
    check: str = ""


@dataclass(frozen=True, slots=True)
class SuspectFace:
    """A face that looks wrong, and why, the strongest reason first."""

    face: Face
    reasons: tuple[Reason, ...]

    @property
    def score(self) -> float:
        return sum(reason.score for reason in self.reasons)

    @property
    def words(self) -> str:
        return "; ".join(reason.words for reason in self.reasons)


def review(faces: Sequence[Face], frame_size: FrameSize) -> list[SuspectFace]:
    """Faces that look wrong among ``faces``, worst first.

    Give all the faces of a faceset: the checks compare each with the others.
    """
    reasons: dict[int, list[Reason]] = {}
    for check in _CHECKS:
        for position, score, words in check(faces, frame_size):
            if score >= 1:
                reasons.setdefault(position, []).append(Reason(score, words, check.__name__))
    found = [
        SuspectFace(faces[position], tuple(sorted(known, key=lambda reason: -reason.score)))
        for position, known in reasons.items()
    ]
    return sorted(found, key=lambda s: (-s.score, s.face.frame_index, s.face.face_index))


# -- checks: each yields position among the faces, score, and words ----------------------------------

_Finding = tuple[int, float, str]


def _landmarks(faces: Sequence[Face], _: FrameSize) -> Iterator[_Finding]:
    """Landmarks that fit a head much worse or better than those of the same person do.

    Better as well, because a predictor without a face to look at answers with an average face.
    """
    if not faces:
        return
    misfits = poses(faces, "landmarks")[:, 3]
    person_of = assign_people(faces)
    persons = np.array([person_of[face.key] for face in faces])
    for person in np.unique(persons):
        own = np.flatnonzero(persons == person)
        usual, limit = _usual(misfits if len(own) < _ENOUGH else misfits[own], 6, floor=0.025)
        for position in own.tolist():
            misfit = float(misfits[position])
            words = f"landmarks fit the head unlike others ({misfit:.3f}, usual {usual:.3f})"
            yield position, abs(misfit - usual) / limit, words


def _identity(faces: Sequence[Face], _: FrameSize) -> Iterator[_Finding]:
    """Faces whose descriptor is far from the mean of the others in their track.

    Of faces that were followed from frame to frame often only one has a descriptor: it speaks for all.
    """
    tracks: dict[int, dict[int, Descriptor]] = {}
    for position, face in enumerate(faces):
        if face.descriptor is not None:
            tracks.setdefault(face.track, {})[position] = face.descriptor
    distances: dict[int, float] = {}
    for described in tracks.values():
        if len(described) < 2:
            continue
        known = np.stack(list(described.values())).astype(np.float64)
        others = (known.sum(axis=0) - known) / (len(known) - 1)
        distances.update(zip(described, np.linalg.norm(known - others, axis=1).tolist(), strict=True))
    limit = SAME_PERSON
    if len(distances) >= _ENOUGH:
        usual, deviation = _usual(np.array(list(distances.values())), 6, floor=0.15)
        limit = min(SAME_PERSON, usual + deviation)
    chains: dict[int, list[float]] = {}
    for position, distance in distances.items():
        chains.setdefault(faces[position].tracklet, []).append(distance)
    for position, face in enumerate(faces):
        if position in distances:
            distance = distances[position]
        elif face.descriptor is None and face.tracklet in chains:
            distance = float(np.mean(chains[face.tracklet]))
        else:
            continue
        yield position, distance / limit, f"looks unlike the rest of its track ({distance:.2f})"


def _jump(faces: Sequence[Face], _: FrameSize) -> Iterator[_Finding]:
    """Crops that leave the line between those before and after them in their track."""
    corners = [_corners(face) for face in faces]
    jumps: dict[int, float] = {}
    neighbours: dict[int, tuple[int, int]] = {}
    for positions in _tracks(faces).values():
        positions.sort(key=lambda position: faces[position].frame_index)
        for before, at, after in zip(positions, positions[1:], positions[2:], strict=False):
            gaps = {faces[b].frame_index - faces[a].frame_index for a, b in ((before, at), (at, after))}
            if len(gaps) > 1:  # between two frames that are further apart, more may happen
                continue
            aside = corners[at] - (corners[before] + corners[after]) / 2
            jumps[at] = float(np.sqrt((aside**2).sum(axis=1).mean())) / side_in_frame(faces[at])
            neighbours[at] = before, after
    if len(jumps) < _ENOUGH:
        return
    usual, deviation = _usual(np.array(list(jumps.values())), 8, floor=0.015)
    for at, jump in jumps.items():
        # The frames beside a jump leave their line as well, by less.
        if all(jump >= jumps.get(beside, 0.0) for beside in neighbours[at]):
            yield at, jump / (usual + deviation), f"the crop jumps by {jump:.1%} of its side"


def _trembling(faces: Sequence[Face], _: FrameSize) -> Iterator[_Finding]:
    """Landmarks measured far from where the smoothed ones are."""
    away = []
    for face in faces:
        squares = ((face.landmarks.astype(np.float64) - face.smoothed) ** 2).sum(axis=1)
        away.append(float(np.sqrt(np.nanmean(squares))) / (_EYE_SHARE * side_in_frame(face)))
    if len(away) < _ENOUGH:
        return
    usual, deviation = _usual(np.array(away), 8, floor=0.08)
    for position, distance in enumerate(away):
        score = distance / (usual + deviation)
        yield position, score, f"landmarks lie {distance:.0%} of the eyes' distance off their smooth path"


def _short_track(faces: Sequence[Face], _: FrameSize) -> Iterator[_Finding]:
    """Tracks of one or two faces, where others are long: detectors see faces in walls for a moment."""
    tracks = _tracks(faces)
    lengths = [len(tracks[face.track]) for face in faces]
    if not lengths or np.median(lengths) < _ENOUGH:
        return
    for positions in tracks.values():
        if len(positions) <= 2:
            words = "its track is 1 frame long" if len(positions) == 1 else "its track is 2 frames long"
            for position in positions:
                yield position, 2 / len(positions), words


def _outside(faces: Sequence[Face], frame_size: FrameSize) -> Iterator[_Finding]:
    """Faces that are cut by the frame's border."""
    # The frames of a folder need not have one size: then only the upper left border is known.
    last = np.array(frame_size, dtype=np.float64) - 0.5 if frame_size else np.array([np.inf, np.inf])
    for position, face in enumerate(faces):
        share = float(((face.smoothed < -0.5) | (face.smoothed > last)).any(axis=1).mean())
        yield position, share / 0.1, f"{share:.0%} of its landmarks lie outside the frame"


def _unsure(faces: Sequence[Face], _: FrameSize) -> Iterator[_Finding]:
    """Faces of which the detector was much less sure than of others."""
    if len(faces) < 2 * _ENOUGH:
        return
    confidence = np.array([face.confidence for face in faces])
    usual, limit = _usual(confidence, 4, floor=0.5 * abs(float(np.median(confidence))))
    for position, sure in enumerate(confidence.tolist()):
        score = (usual - sure) / max(limit, 1e-9)
        yield position, score, f"the detector was unsure ({sure:.2f}, usual {usual:.2f})"


_CHECKS: tuple[Callable[[Sequence[Face], FrameSize], Iterator[_Finding]], ...] = (
    _landmarks,
    _identity,
    _jump,
    _trembling,
    _short_track,
    _outside,
    _unsure,
)


def _tracks(faces: Sequence[Face]) -> dict[int, list[int]]:
    """Positions of the faces of each track."""
    tracks: dict[int, list[int]] = {}
    for position, face in enumerate(faces):
        tracks.setdefault(face.track, []).append(position)
    return tracks


def _usual(values: Array, deviations: float, *, floor: float) -> tuple[float, float]:
    """The median of ``values``, and so many robust deviations of them, ``floor`` at least."""
    median = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - median)))
    return median, max(deviations * spread, floor)


def _corners(face: Face) -> Array:
    """The corners of a face's crop (4, 2) in frame pixels."""
    back = inverse(face.alignment)
    last = face.crop_size - 1
    corners = np.array([[0, 0], [last, 0], [0, last], [last, last]], dtype=np.float64)
    return np.asarray(corners @ back[:, :2].T + back[:, 2])
