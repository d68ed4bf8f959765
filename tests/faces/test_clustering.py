from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from facedouble.faces import clustering
from facedouble.faces.clustering import (
    CLUSTER_DISTANCE,
    UNKNOWN_PERSON,
    assign_people,
    cluster_descriptors,
    track_descriptors,
)
from facedouble.faces.identity import DlibDescriptor
from facedouble.faces.registry import DETECTORS
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.dlib68_predictor import Dlib68Predictor
from facedouble.video.source import open_source
from tests.factories import descriptor, make_face


def test_groups_are_labelled_by_weight() -> None:
    near, far = CLUSTER_DISTANCE * 0.9, CLUSTER_DISTANCE * 1.5
    points = np.stack([descriptor(0), descriptor(far), descriptor(0, near), descriptor(far, 0, near)])
    assert cluster_descriptors(points, [1, 5, 1, 1]).tolist() == [1, 0, 1, 0]
    assert cluster_descriptors(points, [5, 1, 1, 1]).tolist() == [0, 1, 0, 1]
    assert cluster_descriptors(points, [1, 1, 1, 1]).tolist() == [0, 1, 0, 1], (
        "of one weight in order of appearance"
    )


def test_a_chain_is_not_one_person() -> None:
    """Average linkage, not single: the ends of a chain of small steps are different people."""
    points = np.stack([descriptor(step * 0.4) for step in range(8)])
    assert len(set(cluster_descriptors(points, np.ones(8)).tolist())) >= 3


@pytest.mark.parametrize("count", [0, 1])
def test_few_descriptors(count: int) -> None:
    assert (
        cluster_descriptors(np.zeros((count, 128), dtype=np.float32), np.ones(count)).tolist() == [0] * count
    )


def test_a_face_has_the_person_of_its_track() -> None:
    one, other = descriptor(0.0), descriptor(1.0)
    faces = [
        make_face(0, track=0, descriptor=one),
        make_face(0, track=1, descriptor=other, number=1),
        make_face(1, track=0),  # no descriptor of its own
        make_face(2, track=2, descriptor=other + np.float32(0.01)),
        make_face(3, track=2),
        make_face(4, track=3),  # a track of which nothing is known
    ]
    assert assign_people(faces) == {
        (0, 0): 1,
        (0, 1): 0,
        (1, 0): 1,
        (2, 0): 0,
        (3, 0): 0,
        (4, 0): UNKNOWN_PERSON,
    }
    assert assign_people([]) == {}
    assert assign_people([make_face(0, track=0)]) == {(0, 0): UNKNOWN_PERSON}


def test_a_track_is_known_by_the_mean_of_its_descriptors() -> None:
    means = track_descriptors(
        [
            make_face(0, track=0, descriptor=descriptor(0.0)),
            make_face(1, track=0),
            make_face(2, track=0, descriptor=descriptor(0.2)),
            make_face(2, track=1),
        ]
    )
    assert list(means) == [0]
    assert np.allclose(means[0], descriptor(0.1))


@pytest.mark.slow
def test_two_actors_in_four_clips_are_two_people(clips: dict[str, Path]) -> None:
    detector, predictor, identity = DETECTORS["hog"]("cpu"), Dlib68Predictor(), DlibDescriptor()
    faces = []
    for track, name in enumerate(["sample_01", "sample_02", "sample_03", "sample_04"]):
        for frame in islice(open_source(clips[name]).frames(), 0, 31, 15):
            [found] = detector.detect(frame.rgb())
            points = predictor.predict(frame.rgb(), [found])[0].points
            faces.append(
                make_face(
                    frame.index,
                    track=track,
                    descriptor=identity.describe([frame.rgb()], [points], DLIB68)[0],
                    number=track,
                )
            )
    faces.append(make_face(99, track=0))  # makes the first actor the most frequent
    found_people = assign_people(faces)
    assert {found_people[f.frame_index, f.face_index] for f in faces if f.track in (0, 1)} == {0}
    assert {found_people[f.frame_index, f.face_index] for f in faces if f.track in (2, 3)} == {1}


@pytest.mark.parametrize("count", [20, 200])
def test_many_tracks_are_grouped_some_at_a_time_as_if_at_once(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(3)
    people = random.normal(size=(5, 128))
    people /= np.linalg.norm(people, axis=1, keepdims=True)
    who = random.permutation(np.arange(count) % 5)
    tracks = (people[who] + random.normal(size=(count, 128)) * 0.01).astype(np.float32)
    weights = random.integers(1, 100, count)
    whole = cluster_descriptors(tracks, weights)
    assert len(np.unique(whole)) == 5
    assert len({(a, b) for a, b in zip(who.tolist(), whole.tolist(), strict=True)}) == 5
    monkeypatch.setattr(clustering, "_AT_ONCE", 7)
    assert np.array_equal(cluster_descriptors(tracks, weights), whole)


def test_tracks_that_belong_nowhere_are_each_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "_AT_ONCE", 4)
    labels = cluster_descriptors(np.eye(30, 128, dtype=np.float32), np.arange(30))
    assert sorted(labels.tolist()) == list(range(30))
    assert labels[29] == 0, "the one with the most faces comes first"
