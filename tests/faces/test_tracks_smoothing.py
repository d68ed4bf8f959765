"""Tracks made of tracklets, and steady landmarks, on made-up paths with a known answer."""

import numpy as np
import pytest

from facedouble.faces.align import align, inverse
from facedouble.faces.landmarks import eye_distance
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.smoothing import smooth_track
from facedouble.faces.tracks import Handover, link_tracklets
from facedouble.types import Face
from tests.factories import descriptor, make_face

EYES = eye_distance(DLIB68.mean_shape * 256, DLIB68)


def tracks(faces: list[Face], handovers: list[Handover], frames: range, cuts: set[int]) -> list[list[int]]:
    return [[f.frame_index for f in track] for track in link_tracklets(faces, handovers, frames, cuts)]


def test_a_tracklet_goes_on_where_it_was_handed_over() -> None:
    first, second = [make_face(i) for i in range(3)], [make_face(i, tracklet=1) for i in range(3, 6)]
    motion = np.eye(2, 3)
    handover = Handover(0, 3, second[0].landmarks + 2, motion, "dlib68")
    (track,) = link_tracklets([*first, *second], [handover], range(6), set())
    assert [f.frame_index for f in track] == list(range(6))
    assert {f.track for f in track} == {0}
    assert track[3].motion is motion
    elsewhere = Handover(0, 3, second[0].landmarks + 400, motion, "dlib68")
    assert len(link_tracklets([*first, *second], [elsewhere], range(6), {3})) == 2


def test_two_people_keep_their_tracks_through_stretches() -> None:
    faces = [make_face(i, tracklet=i // 3 * 2 + side, x=300.0 * side) for i in range(9) for side in (0, 1)]
    handovers = [
        Handover(
            tracklet, 3 + tracklet // 2 * 3, make_face(0, x=300.0 * (tracklet % 2)).landmarks, None, "dlib68"
        )
        for tracklet in range(4)
    ]
    found = link_tracklets(faces, handovers, range(9), set())
    assert [[f.frame_index for f in track] for track in found] == [list(range(9))] * 2
    assert [{f.landmarks[0, 0] < 200 for f in track} for track in found] == [{True}, {False}]


def test_a_short_gap_is_filled_by_a_straight_line() -> None:
    low, high = np.zeros(68, np.float32), np.full(68, 8, np.float32)
    faces = [
        *(make_face(i, depth=low, expression=low[:2]) for i in range(4)),
        *(make_face(i, tracklet=1, x=30.0, depth=high, expression=high[:2]) for i in range(7, 10)),
    ]
    (track,) = link_tracklets(faces, [], range(10), set())
    assert [f.frame_index for f in track] == list(range(10))
    assert [f.origin for f in track[3:8]] == ["detected", "filled", "filled", "filled", "detected"]
    assert [float(f.landmarks[0, 0] - track[0].landmarks[0, 0]) for f in track[3:8]] == pytest.approx(
        [0, 7.5, 15, 22.5, 30], abs=1e-3
    )
    for name in ("depth", "expression"):
        assert [float(getattr(f, name)[1]) for f in track[3:8]] == pytest.approx([0, 2, 4, 6, 8])


def test_gaps_are_counted_in_frames_looked_at() -> None:
    faces = [make_face(0), make_face(20, tracklet=1)]
    assert tracks(faces, [], range(0, 30, 10), set()) == [[0, 10, 20]]


@pytest.mark.parametrize(
    ("faces", "cuts"),
    [
        ([make_face(0), make_face(20, tracklet=1)], set()),
        ([make_face(0), make_face(3, tracklet=1)], {2}),
        ([make_face(0), make_face(3, tracklet=1, x=400.0)], set()),
        (
            [make_face(0, descriptor=descriptor(1)), make_face(3, tracklet=1, descriptor=descriptor(0, 1))],
            set(),
        ),
    ],
    ids=["long", "cut", "far", "another person"],
)
def test_what_is_not_one_person_going_on_is_two_tracks(faces: list[Face], cuts: set[int]) -> None:
    assert len(link_tracklets(faces, [], range(30), cuts)) == 2


def film(path: np.ndarray, noise: float, seed: int = 0, *, seen: bool = True) -> list[Face]:
    """Faces that move along ``path`` (N, 2) pixels, with landmarks as trembling as real ones: most of
    the error is common to all points."""
    random = np.random.default_rng(seed)
    faces = []
    for i, (x, y) in enumerate(path):
        error = random.normal(0, noise * EYES, 2)
        motion = np.eye(2, 3)
        if i:
            motion[:, 2] = path[i] - path[i - 1] + random.normal(0, noise * EYES / 5, 2)
        faces.append(make_face(i, x=x + error[0], y=y + error[1], motion=motion if i and seen else None))
    return faces


def middles(faces: list[Face], which: str) -> np.ndarray:
    back = [inverse(align(getattr(f, which), 256, DLIB68)) for f in faces]
    return np.array([m[:, :2] @ (127.5, 127.5) + m[:, 2] for m in back])


def jitter(path: np.ndarray) -> float:
    return float(np.sqrt((np.diff(path, n=2, axis=0) ** 2).sum(axis=1).mean())) / EYES


def test_the_tremble_of_a_still_face_goes() -> None:
    faces = film(np.zeros((120, 2)), 0.005)
    done = smooth_track(faces)
    assert jitter(middles(faces, "landmarks")) / jitter(middles(done, "smoothed")) > 8
    assert np.abs(middles(done, "smoothed") - middles(done, "smoothed").mean(axis=0)).max() < 0.01 * EYES


def test_a_shaken_head_is_followed_without_lag() -> None:
    """Five shakes a second of a tenth of the eye distance: what smoothing alone would flatten."""
    t = np.arange(120) / 30
    path = np.stack([0.1 * EYES * np.sin(2 * np.pi * 5 * t), np.zeros_like(t)], axis=1)
    error = (
        middles(smooth_track(film(path, 0.005)), "smoothed") - middles([make_face(0)], "landmarks")[0] - path
    )
    blind = middles(smooth_track(film(path, 0.005, seen=False)), "smoothed")
    blind_error = blind - middles([make_face(0)], "landmarks")[0] - path
    assert np.sqrt((error**2).mean()) < 0.008 * EYES
    assert np.sqrt((blind_error**2).mean()) > 3 * np.sqrt((error**2).mean())


def test_a_sudden_start_is_not_smeared() -> None:
    path = np.zeros((60, 2))
    path[30:, 0] = np.arange(30) * 0.08 * EYES
    result = middles(smooth_track(film(path, 0.003)), "smoothed") - middles([make_face(0)], "landmarks")[0]
    assert np.abs(result - path).max() < 0.03 * EYES


def test_gaps_are_bridged_smoothly_and_an_expression_stays() -> None:
    faces = film(np.zeros((30, 2)), 0.0)
    for i in (14, 15, 16):
        faces[i] = faces[i].with_(origin="filled", landmarks=faces[i].landmarks + 9, motion=None)
    result = middles(smooth_track(faces), "smoothed") - middles([make_face(0)], "landmarks")[0]
    assert np.abs(result).max() < 0.6, "what was filled in does not pull the path to it"
    open_mouth = DLIB68.mean_shape * 256
    open_mouth[55:60, 1] += 20
    talking = [
        f.with_(landmarks=open_mouth.astype(np.float32)) if 10 <= f.frame_index < 14 else f
        for f in film(np.zeros((30, 2)), 0.0)
    ]
    lip = [float(f.smoothed[57, 1]) - DLIB68.mean_shape[57, 1] * 256 for f in smooth_track(talking)]
    assert max(lip) > 18


def test_none_is_none_and_few_faces_are_left_alone() -> None:
    faces = film(np.zeros((9, 2)), 0.01)
    assert all(np.array_equal(f.smoothed, f.landmarks) for f in smooth_track(faces, 0))
    assert all(np.array_equal(f.smoothed, f.landmarks) for f in smooth_track(faces[:2]))
