"""Linking tracklets into tracks: the faces of one person through consecutive frames."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from facedouble.faces.identity import SAME_PERSON
from facedouble.faces.landmarks import box_around
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faces.turning import SolidHead, moved_alike
from facedouble.types import Alignment, Descriptor, Face, FloatArray, Landmarks

_LONGEST_GAP = 8  # frames for which a face may be missing between two tracklets of one track
_SAME_FACE = 0.4  # overlap of two boxes in one frame
_NEAR = 0.25  # overlap of the boxes at both ends of a gap


@dataclass(frozen=True, slots=True)
class Handover:
    """Where the face of a tracklet was tracked to, on the first frame of the segment after its own."""

    tracklet: int
    frame_index: int
    landmarks: Landmarks
    motion: Alignment | None
    scheme: str


@dataclass(slots=True, eq=False)
class _Thread:
    """Tracklets linked so far."""

    faces: list[Face] = field(default_factory=list)

    @property
    def is_rough(self) -> bool:
        """Whether the landmarks of no frame are known, as the head was never seen turned less than far."""
        return all(face.origin == "carried" for face in self.faces)

    def descriptor(self) -> Descriptor | None:
        known = [face.descriptor for face in self.faces if face.descriptor is not None]
        return np.mean(known, axis=0) if known else None


def link_tracklets(
    faces: Sequence[Face], handovers: Sequence[Handover], frames: Sequence[int], cuts: Collection[int]
) -> list[list[Face]]:
    """Faces grouped into tracks: each a list of the faces of one person on consecutive frames.

    ``faces`` are in order of frames, each with its tracklet. A tracklet continues in the one to whose face
    it was handed over. Tracklets with a short gap between them are linked if their positions are close,
    their descriptors belong to one person, and no shot begins in between (``cuts``: the numbers of the
    frames at which one does); the frames of the gap are interpolated linearly. ``frames`` holds the numbers
    of all analysed frames, in order. Tracks are numbered by their first frame, larger faces first.
    """
    tracklets: dict[int, _Thread] = {}
    for face in faces:
        tracklets.setdefault(face.tracklet, _Thread()).faces.append(face)
    threads = _hand_over(tracklets, handovers)
    position = {index: place for place, index in enumerate(frames)}
    begins = sorted(position[index] for index in cuts if index in position)
    threads = _bridge_gaps(threads, position, begins)
    threads.sort(key=lambda thread: (thread.faces[0].frame_index, -thread.faces[0].box.width))
    return [
        [face.with_(track=number) for face in _with_gaps_filled(thread.faces, frames, position)]
        for number, thread in enumerate(threads)
    ]


def _hand_over(tracklets: Mapping[int, _Thread], handovers: Sequence[Handover]) -> list[_Thread]:
    """Link each tracklet to the one that begins where it was tracked to."""
    beginnings: dict[int, list[int]] = {}
    for number, thread in tracklets.items():
        beginnings.setdefault(thread.faces[0].frame_index, []).append(number)
    owner = dict(tracklets)  # tracklet number -> the thread it belongs to
    for handover in sorted(handovers, key=lambda h: h.frame_index):
        if handover.tracklet not in owner:
            continue
        here = box_around(handover.landmarks, scheme_of(handover))
        candidates = [
            (owner[number].faces[0].box.overlap(here), number)
            for number in beginnings.get(handover.frame_index, ())
        ]
        overlap, number = max(candidates, default=(0.0, -1))
        if overlap < _SAME_FACE:
            continue
        beginnings[handover.frame_index].remove(number)
        later, thread = owner[number], owner[handover.tracklet]
        _place_again(thread, later, handover.landmarks)
        later.faces[0] = later.faces[0].with_(motion=handover.motion)
        thread.faces += later.faces
        for joined in {face.tracklet for face in later.faces}:
            owner[joined] = thread
    return list(dict.fromkeys(owner.values()))


def _place_again(earlier: _Thread, later: _Thread, handed: Landmarks) -> None:
    """Where a face was seen in nothing but profile, its landmarks are rough. If it is known on the other side
    of a handover, to where the landmarks ``handed`` were carried, the head known there takes its place."""
    depth, first = earlier.faces[-1].depth, later.faces[0]
    if depth is None or first.depth is None:
        return
    end, start = SolidHead(handed, depth), SolidHead(first.landmarks, first.depth)
    if later.is_rough:
        later.faces = [_placed(face, moved_alike(end, start, _head_of(face))) for face in later.faces]
    elif earlier.is_rough:
        earlier.faces = [_placed(face, moved_alike(start, end, _head_of(face))) for face in earlier.faces]


def _head_of(face: Face) -> SolidHead:
    assert face.depth is not None
    return SolidHead(face.landmarks, face.depth)


def _placed(face: Face, head: SolidHead) -> Face:
    return face.with_(
        landmarks=head.points,
        smoothed=head.points,
        depth=head.depth,
        box=box_around(head.points, scheme_of(face)),
    )


def _bridge_gaps(
    threads: Sequence[_Thread], position: Mapping[int, int], begins: Sequence[int]
) -> list[_Thread]:
    """Link threads over short gaps, the best pairs first. Where another face is in the place meanwhile, the
    film was cut there and back, however alike the shots look."""
    there: dict[int, list[Face]] = {}
    for thread in threads:
        for face in thread.faces:
            there.setdefault(position[face.frame_index], []).append(face)
    beginning: dict[int, list[_Thread]] = {}
    for thread in threads:
        beginning.setdefault(position[thread.faces[0].frame_index], []).append(thread)
    pairs = []
    for earlier in threads:
        end = position[earlier.faces[-1].frame_index]
        after = bisect(begins, end)
        next_cut = begins[after] if after < len(begins) else None
        for start in range(end + 1, end + _LONGEST_GAP + 2):
            if start == next_cut:
                break
            for later in beginning.get(start, ()):
                overlap = earlier.faces[-1].box.overlap(later.faces[0].box)
                between = (face for place in range(end + 1, start) for face in there.get(place, ()))
                taken = any(face.box.overlap(earlier.faces[-1].box) >= _SAME_FACE for face in between)
                if overlap >= _NEAR and not taken and _one_person(earlier, later):
                    pairs.append((overlap, earlier, later))
    pairs.sort(key=lambda pair: -pair[0])
    owner = {id(thread): thread for thread in threads}
    continued, continuing = set(), set()
    for _, earlier, later in pairs:
        if id(earlier) in continued or id(later) in continuing:
            continue
        continued.add(id(earlier))
        continuing.add(id(later))
        thread, rest = owner[id(earlier)], owner[id(later)]
        thread.faces += rest.faces
        for name, current in owner.items():
            if current is rest:
                owner[name] = thread
    return list(dict.fromkeys(owner.values()))


def _one_person(a: _Thread, b: _Thread) -> bool:
    """Whether the descriptors belong to one person, or one of the threads has none."""
    first, second = a.descriptor(), b.descriptor()
    return first is None or second is None or float(np.linalg.norm(first - second)) < SAME_PERSON


def _between(start: FloatArray | None, end: FloatArray | None, share: float) -> FloatArray | None:
    """The values at ``share`` (0..1) of the way from ``start`` to ``end``, if both are known."""
    if start is None or end is None:
        return None
    return ((1 - share) * start + share * end).astype(np.float32)


def _with_gaps_filled(
    faces: Sequence[Face], frames: Sequence[int], position: Mapping[int, int]
) -> list[Face]:
    """The faces of a track, with its gaps interpolated linearly."""
    result = [faces[0]]
    for face in faces[1:]:
        before = result[-1]
        start, end = position[before.frame_index], position[face.frame_index]
        for place in range(start + 1, end):
            share = (place - start) / (end - start)
            landmarks = ((1 - share) * before.landmarks + share * face.landmarks).astype(np.float32)
            result.append(
                before.with_(
                    frame_index=frames[place],
                    landmarks=landmarks,
                    smoothed=landmarks,
                    depth=_between(before.depth, face.depth, share),
                    box=box_around(landmarks, scheme_of(face)),
                    confidence=min(before.confidence, face.confidence),
                    descriptor=None,
                    motion=None,
                    expression=_between(before.expression, face.expression, share),
                    origin="filled",
                )
            )
        result.append(face)
    return result
