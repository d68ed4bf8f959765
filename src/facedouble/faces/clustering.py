"""Grouping the faces of a clip by person: tracks are clustered by their descriptors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from facedouble.types import Descriptor, Face

UNKNOWN_PERSON = -1
"""The person of a face whose track has no descriptor."""

_AT_ONCE = 2000  # tracks in one tree

CLUSTER_DISTANCE = 0.48
"""Largest mean distance at which groups of track descriptors are merged into one person.

Lower than dlib's 0.6, which is meant for two single pictures: the mean of a track has little noise left,
and single pictures of different people come as close as 0.51. Measured on 17 clips and photographs of 13
people, cut into tracks of 3, 10, 25 and 100 descriptors: correct groups merge at up to 0.51, 0.49, 0.45 and
0.43 (with a hand in front of the face in part of one clip), the first wrong ones at 0.507. Wrong merges
occur earliest among people whom dlib's network distinguishes least well, young women and East Asians.
"""


def cluster_descriptors(
    descriptors: npt.NDArray[np.floating], weights: npt.ArrayLike
) -> npt.NDArray[np.int64]:
    """Cluster N descriptors (N, 128): labels (N,), 0 for the group with the largest total weight.

    Groups are merged, nearest first, by the mean distance between their members (average linkage), as long as
    that is at most :data:`CLUSTER_DISTANCE`. ``weights`` (N,) decide only the order of the labels.
    """
    count = len(descriptors)
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    heaviest = np.argsort(-np.asarray(weights, dtype=np.float64), kind="stable")
    groups = _groups(descriptors.astype(np.float64), np.arange(count) if count <= _AT_ONCE else heaviest)
    totals = np.bincount(groups, weights=np.asarray(weights, dtype=np.float64))
    # Groups of equal weight in order of appearance, so that the result does not depend on the tree.
    _, first = np.unique(groups, return_index=True)
    order = np.lexsort((first, -totals))
    labels = np.zeros(len(order), dtype=np.int64)
    labels[order] = np.arange(len(order))
    return np.asarray(labels[groups], dtype=np.int64)


def _groups(descriptors: npt.NDArray[np.float64], order: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """The group of each descriptor. A tree of many takes time and memory by their square: they are grouped
    some at a time, in this order, and those that come later join the groups there are where they belong."""
    from scipy.cluster.hierarchy import fcluster, linkage  # takes a third of a second, and is seldom needed

    groups = np.zeros(len(descriptors), dtype=np.int64)
    found = 0
    while len(order):
        some, order = order[:_AT_ONCE], order[_AT_ONCE:]
        own = np.zeros(1, dtype=np.int64)
        if len(some) > 1:
            tree = linkage(descriptors[some], method="average")
            own = fcluster(tree, CLUSTER_DISTANCE, criterion="distance").astype(np.int64) - 1
        groups[some] = own + found
        members = np.bincount(own)
        left = []
        for part in np.array_split(order, len(order) // _AT_ONCE + 1):
            distances = _distances(descriptors[part], descriptors[some])
            # One column for each group: the mean distance from its members.
            means = np.add.reduceat(
                distances[:, np.argsort(own, kind="stable")],
                np.concatenate([[0], np.cumsum(members)[:-1]]),
                axis=1,
            )
            means /= members
            nearest = means.argmin(axis=1)
            joins = means[np.arange(len(part)), nearest] <= CLUSTER_DISTANCE
            groups[part[joins]] = nearest[joins] + found
            left.append(part[~joins])
        order = np.concatenate(left)
        found += len(members)
    return groups


def _distances(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The distance of each of ``a`` (N, 128) from each of ``b`` (M, 128), as (N, M), by one product."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * (a @ b.T)
    distances: npt.NDArray[np.float64] = np.sqrt(np.maximum(squares, 0))
    return distances


def assign_people(faces: Sequence[Face]) -> dict[tuple[int, int], int]:
    """The person of each face, by its key (frame and face number); 0 is the one with the most faces.

    All faces of a track belong to one person, who is determined by the mean of the track's descriptors;
    :data:`UNKNOWN_PERSON` if it has none. Faces that somebody named belong to one person for each name: the
    group that most faces of that name are in, or one of their own.
    """
    means = track_descriptors(faces)
    lengths: dict[int, int] = {}
    for face in faces:
        lengths[face.track] = lengths.get(face.track, 0) + 1
    tracks = sorted(means)
    person = dict.fromkeys(lengths, UNKNOWN_PERSON)
    if tracks:
        labels = cluster_descriptors(
            np.stack([means[track] for track in tracks]), [lengths[track] for track in tracks]
        )
        person.update(zip(tracks, labels.tolist(), strict=True))
    return _by_name(faces, {face.key: person[face.track] for face in faces})


def _by_name(faces: Sequence[Face], found: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    """People by likeness, with those whom somebody named put together."""
    counts = Counter((face.person, found[face.key]) for face in faces if face.person is not None)
    person_of: dict[str | None, int] = {}
    moved: dict[int, int] = {}
    free = max(found.values(), default=UNKNOWN_PERSON) + 1
    for (name, group), _ in sorted(counts.items(), key=lambda it: (-it[1], str(it[0]))):
        known = group == UNKNOWN_PERSON or group in moved
        if name not in person_of:
            person_of[name] = free if known else group
            free += known
        if group != UNKNOWN_PERSON:
            moved.setdefault(group, person_of[name])
    return {
        face.key: moved.get(found[face.key], found[face.key])
        if face.person is None
        else person_of[face.person]
        for face in faces
    }


def track_descriptors(faces: Iterable[Face]) -> dict[int, Descriptor]:
    """The mean descriptor (128,) of each track that has any."""
    known: dict[int, list[Descriptor]] = {}
    for face in faces:
        if face.descriptor is not None:
            known.setdefault(face.track, []).append(face.descriptor)
    return {track: np.mean(found, axis=0, dtype=np.float32) for track, found in known.items()}
