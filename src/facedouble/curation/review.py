"""Faces that look wrong, worst first, each with the reason.

Every check scores faces on one scale: at 1 it calls a face wrong, 2 is twice as far off. Most limits come
from the faceset's own distribution, because people and clips differ: a number of robust standard deviations
(1.4826 times the median absolute deviation) from the median, but never less than a floor below which nobody
would call a face wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from facedouble.curation.attributes import Array, side_in_frame
from facedouble.curation.crop_order import FrameSize
from facedouble.faces.align import inverse
from facedouble.faces.clustering import assign_people
from facedouble.faces.identity import SAME_PERSON
from facedouble.faces.pose import face_poses
from facedouble.types import Descriptor, Face

_ENOUGH = 10
"""The fewest faces that make a distribution."""

_EYE_SHARE = 0.25  # distance of the eyes of the mean face, as a share of its crop's side


class Reason(NamedTuple):
    """Why a face looks wrong: by how much, 1 being the limit, as text, and by which check."""

    score: float
    text: str
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
    def text(self) -> str:
        return "; ".join(reason.text for reason in self.reasons)


def review(faces: Sequence[Face], frame_size: FrameSize) -> list[SuspectFace]:
    """Faces that look wrong among ``faces``, worst first.

    ``faces`` are all those of a faceset, because the checks compare each with the others.
    """
    reasons: dict[int, list[Reason]] = {}
    for check in _CHECKS:
        for position, score, text in check(faces, frame_size):
            if score >= 1:
                reasons.setdefault(position, []).append(Reason(score, text, check.__name__))
    found = [
        SuspectFace(faces[position], tuple(sorted(known, key=lambda reason: -reason.score)))
        for position, known in reasons.items()
    ]
    return sorted(found, key=lambda s: (-s.score, s.face.frame_index, s.face.face_index))


# -- checks: each yields the position of a face, its score, and the reason ----------------------------------

_Finding = tuple[int, float, str]


def _landmarks(faces: Sequence[Face], _: FrameSize) -> Iterator[_Finding]:
    """Landmarks that fit a head much worse or better than others of the same person.

    Better ones too, because a predictor that sees no face returns an average face.
    """
    if not faces:
        return
    misfits = face_poses(faces, "landmarks")[:, 3]
    person_of = assign_people(faces)
    persons = np.array([person_of[face.key] for face in faces])
    for person in np.unique(persons):
        own = np.flatnonzero(persons == person)
        usual, limit = _median_and_limit(misfits if len(own) < _ENOUGH else misfits[own], 6, floor=0.025)
        for position in own.tolist():
            misfit = float(misfits[position])
            text = f"landmarks fit the head unlike others ({misfit:.3f}, usual {usual:.3f})"
            yield position, abs(misfit - usual) / limit, text


def _identity(faces: Sequence[Face], _: FrameSize) -> Iterator[_Finding]:
    """Faces whose descriptor is far from the mean of the others in their track.

    Often only one face of a tracklet has a descriptor; it stands for all of them.
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
        usual, deviation = _median_and_limit(np.array(list(distances.values())), 6, floor=0.15)
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
    """Crops that lie off the straight line between the previous and the next one of their track."""
    corners = [_corners(face) for face in faces]
    jumps: dict[int, float] = {}
    neighbours: dict[int, tuple[int, int]] = {}
    for positions in _tracks(faces).values():
        positions.sort(key=lambda position: faces[position].frame_index)
        for before, at, after in zip(positions, positions[1:], positions[2:], strict=False):
            gaps = {faces[b].frame_index - faces[a].frame_index for a, b in ((before, at), (at, after))}
            if len(gaps) > 1:  # across a longer gap a face may move further
                continue
            aside = corners[at] - (corners[before] + corners[after]) / 2
            jumps[at] = float(np.sqrt((aside**2).sum(axis=1).mean())) / side_in_frame(faces[at])
            neighbours[at] = before, after
    if len(jumps) < _ENOUGH:
        return
    usual, deviation = _median_and_limit(np.array(list(jumps.values())), 8, floor=0.015)
    for at, jump in jumps.items():
        # The neighbours of a jump lie off their line as well, but less.
        if all(jump >= jumps.get(beside, 0.0) for beside in neighbours[at]):
            yield at, jump / (usual + deviation), f"the crop jumps by {jump:.1%} of its side"


def _trembling(faces: Sequence[Face], _: FrameSize) -> Iterator[_Finding]:
    """Measured landmarks that are far from the smoothed ones."""
    away = []
    for face in faces:
        squares = ((face.landmarks.astype(np.float64) - face.smoothed) ** 2).sum(axis=1)
        away.append(float(np.sqrt(np.nanmean(squares))) / (_EYE_SHARE * side_in_frame(face)))
    if len(away) < _ENOUGH:
        return
    usual, deviation = _median_and_limit(np.array(away), 8, floor=0.08)
    for position, distance in enumerate(away):
        score = distance / (usual + deviation)
        yield position, score, f"landmarks lie {distance:.0%} of the eyes' distance off their smooth path"


def _short_track(faces: Sequence[Face], _: FrameSize) -> Iterator[_Finding]:
    """Tracks of one or two faces where others are long: momentary false detections."""
    tracks = _tracks(faces)
    lengths = [len(tracks[face.track]) for face in faces]
    if not lengths or np.median(lengths) < _ENOUGH:
        return
    for positions in tracks.values():
        if len(positions) <= 2:
            text = "its track is 1 frame long" if len(positions) == 1 else "its track is 2 frames long"
            for position in positions:
                yield position, 2 / len(positions), text


def _outside(faces: Sequence[Face], frame_size: FrameSize) -> Iterator[_Finding]:
    """Faces cut off by the frame's border."""
    # The frames of a folder need not have one size: then only the upper left border is known.
    last = np.array(frame_size, dtype=np.float64) - 0.5 if frame_size else np.array([np.inf, np.inf])
    for position, face in enumerate(faces):
        share = float(((face.smoothed < -0.5) | (face.smoothed > last)).any(axis=1).mean())
        yield position, share / 0.1, f"{share:.0%} of its landmarks lie outside the frame"


def _unsure(faces: Sequence[Face], _: FrameSize) -> Iterator[_Finding]:
    """Faces with a much lower detection confidence than others."""
    if len(faces) < 2 * _ENOUGH:
        return
    confidence = np.array([face.confidence for face in faces])
    usual, limit = _median_and_limit(confidence, 4, floor=0.5 * abs(float(np.median(confidence))))
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


def _median_and_limit(values: Array, deviations: float, *, floor: float) -> tuple[float, float]:
    """The median of ``values``, and ``deviations`` robust standard deviations of them, at least ``floor``."""
    median = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - median)))
    return median, max(deviations * spread, floor)


def _corners(face: Face) -> Array:
    """The corners of a face's crop (4, 2) in frame pixels."""
    back = inverse(face.alignment)
    last = face.crop_size - 1
    corners = np.array([[0, 0], [last, 0], [0, last], [last, last]], dtype=np.float64)
    return np.asarray(corners @ back[:, :2].T + back[:, 2])
