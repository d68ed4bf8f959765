"""Following faces on real clips, against the detector on every frame."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.faces.analyser import FaceAnalyser, rotation_matrix
from facedouble.faces.landmarks import eye_distance
from facedouble.faces.motion import estimate_motion
from facedouble.faces.tracklets import Tracklet, track_faces
from facedouble.faces.views import StillPicture
from facedouble.video.source import open_source


def stills(clip: Path, count: int, start: int = 0) -> list[StillPicture]:
    return [StillPicture(frame.rgb()) for frame in islice(open_source(clip).frames(), start, start + count)]


def positions(tracklet: Tracklet) -> list[int]:
    return [observation.position for observation in tracklet.observations]


@pytest.fixture(scope="module")
def analyser() -> FaceAnalyser:
    return FaceAnalyser("hog")


@pytest.fixture(scope="module")
def talking(clips: dict[str, Path]) -> list[StillPicture]:
    """Frames of the clip with the fastest motion."""
    return stills(clips["sample_02"], 31, 40)


@pytest.fixture(scope="module")
def tracklets(talking: list[StillPicture], analyser: FaceAnalyser) -> list[Tracklet]:
    return track_faces(talking, (), analyser)


def detected(frames: Sequence[StillPicture], analyser: FaceAnalyser) -> list[np.ndarray]:
    return [analyser.search(frame).others[0].landmarks for frame in frames]


def test_one_face_is_one_tracklet_over_all_frames(tracklets: list[Tracklet]) -> None:
    assert [positions(tracklet) for tracklet in tracklets] == [list(range(31))]
    origins = [observation.origin for observation in tracklets[0].observations]
    assert origins[0] == origins[-1] == "detected"
    assert origins.count("followed") >= 25
    assert [observation.motion is None for observation in tracklets[0].observations] == [True] + [False] * 30


def test_landmarks_are_those_of_detecting_every_frame(
    talking: list[StillPicture], tracklets: list[Tracklet], analyser: FaceAnalyser
) -> None:
    apart = [
        np.linalg.norm(observation.landmarks - landmarks, axis=1).mean()
        / eye_distance(landmarks, analyser.scheme)
        for observation, landmarks in zip(tracklets[0].observations, detected(talking, analyser), strict=True)
    ]
    assert np.mean(apart) < 0.015
    assert max(apart) < 0.04


def test_a_face_that_comes_in_is_tracked_back_to_where_it_came_in(
    talking: list[StillPicture], analyser: FaceAnalyser
) -> None:
    empty = StillPicture(np.full_like(talking[0].image, 200))
    frames = [*[empty] * 7, *talking[:14]]
    found = track_faces(frames, {7}, analyser)
    assert [positions(tracklet) for tracklet in found] == [list(range(7, 21))]
    # Without being told of the cut, it is found out between two looks, and followed back.
    assert [positions(tracklet) for tracklet in track_faces(frames, (), analyser)] == [list(range(7, 21))]


def test_a_face_that_goes_is_not_seen_in_what_comes_after(
    talking: list[StillPicture], analyser: FaceAnalyser
) -> None:
    random = np.random.default_rng(0)
    leaves = StillPicture(random.integers(0, 255, talking[0].image.shape, dtype=np.uint8))
    frames = [*talking[:9], *[leaves] * 6]
    for cuts in ((), {9}):
        assert [positions(tracklet) for tracklet in track_faces(frames, cuts, analyser)] == [list(range(9))]


def test_two_people_are_two_tracklets_and_a_cut_ends_both(
    clips: dict[str, Path], analyser: FaceAnalyser
) -> None:
    left, right = stills(clips["sample_01"], 16), stills(clips["sample_03"], 16)
    both = [
        StillPicture(np.hstack([a.image[:, 300:1000], b.image[:, 300:1000]]))
        for a, b in zip(left, right, strict=True)
    ]
    swapped = [StillPicture(still.image[:, ::-1].copy()) for still in both]
    found = track_faces([*both[:8], *swapped[8:]], {8}, analyser)
    assert (
        sorted(positions(tracklet) for tracklet in found) == [list(range(8))] * 2 + [list(range(8, 16))] * 2
    )
    sides = [tracklet.observations[0].landmarks[:, 0].mean() < 700 for tracklet in found]
    assert sides.count(True) == 2


def test_faces_smaller_than_wanted_are_seen_and_not_tracked(
    talking: list[StillPicture], analyser: FaceAnalyser
) -> None:
    found = track_faces(talking[:10], (), analyser, smallest=2000)
    assert all(len(tracklet.observations) == 1 for tracklet in found)
    assert {tracklet.observations[0].position for tracklet in found} >= {0, 9}


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_turned_face_is_found_and_followed_upright(talking: list[StillPicture], angle: int) -> None:
    upright = talking[:5]
    height, width = upright[0].image.shape[:2]
    matrix, size = rotation_matrix(-angle, width, height)
    lying = [
        StillPicture(np.asarray(cv2.warpAffine(still.image, matrix, size), np.uint8)) for still in upright
    ]
    analyser = FaceAnalyser("hog", angles=(angle,))
    found = track_faces(lying, (), analyser)
    assert [positions(tracklet) for tracklet in found] == [list(range(5))]
    straight = track_faces(upright, (), analyser)
    for turned_face, face in zip(found[0].observations, straight[0].observations, strict=True):
        assert turned_face.rotation == angle
        expected = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
        apart = np.linalg.norm(turned_face.landmarks - expected, axis=1).mean()
        assert apart < 0.03 * eye_distance(face.landmarks, analyser.scheme)


def test_without_angles_a_turned_face_is_not_found(
    talking: list[StillPicture], analyser: FaceAnalyser
) -> None:
    lying = [StillPicture(np.rot90(still.image).copy()) for still in talking[:2]]
    assert track_faces(lying, (), analyser) == []


def test_motion_of_a_picture_that_is_moved(talking: list[StillPicture], analyser: FaceAnalyser) -> None:
    before = talking[0]
    landmarks = detected([before], analyser)[0]
    turn = cv2.getRotationMatrix2D((640.0, 300.0), 4.0, 1.03)
    turn[:, 2] += np.array((5.3, -3.6))
    after = cv2.warpAffine(before.grey(), turn, (1280, 720), flags=cv2.INTER_CUBIC)
    shifted = StillPicture(np.asarray(after, dtype=np.uint8))
    moved = estimate_motion(before, shifted, landmarks, analyser.scheme)
    assert moved.tracked > 0.9
    corners = landmarks[list(analyser.scheme.regions.right_eye.contour)]
    apart = np.linalg.norm(corners @ (moved.matrix - turn)[:, :2].T + (moved.matrix - turn)[:, 2], axis=1)
    assert apart.max() < 0.004 * eye_distance(landmarks, analyser.scheme)


def test_motion_to_another_picture_is_known_to_be_unknown(
    talking: list[StillPicture], analyser: FaceAnalyser
) -> None:
    landmarks = detected([talking[0]], analyser)[0]
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280), dtype=np.uint8)
    for image in (noise, np.zeros_like(noise)):
        assert estimate_motion(talking[0], StillPicture(image), landmarks, analyser.scheme).tracked < 0.5


@pytest.mark.slow
def test_a_face_that_only_the_cnn_sees_is_borne_out_by_it(clips: dict[str, Path]) -> None:
    """HOG is blind to half a face; the CNN is asked about the patch around it as well."""
    half = []
    for still in stills(clips["sample_03"], 8):
        image = still.image[::2, ::2].copy()
        image[:, 310:] = 90
        half.append(StillPicture(image))
    analyser = FaceAnalyser("all")
    assert FaceAnalyser("hog").search(half[0]).others == []
    assert [positions(tracklet) for tracklet in track_faces(half, (), analyser)] == [list(range(8))]


@pytest.fixture(scope="module")
def mesh() -> FaceAnalyser:
    return FaceAnalyser("mediapipe", "mediapipe478")


def test_the_mesh_follows_without_a_detector(talking: list[StillPicture], mesh: FaceAnalyser) -> None:
    frames = talking[:12]
    (found,) = track_faces(frames, (), mesh)
    assert positions(found) == list(range(12))
    assert [seen.origin for seen in found.observations] == ["detected", *["followed"] * 10, "detected"]
    for seen, frame in zip(found.observations[::4], frames[::4], strict=True):
        (alone,) = mesh.search(frame).others
        apart = np.linalg.norm(seen.landmarks - alone.landmarks, axis=1).mean()
        assert apart < 0.02 * eye_distance(alone.landmarks, mesh.scheme)


def test_the_mesh_keeps_a_face_whose_motion_is_not_known(
    talking: list[StillPicture], mesh: FaceAnalyser
) -> None:
    """When the light goes out from one frame to the next, points cannot be tracked."""
    dark = [StillPicture((still.image // 8).astype(np.uint8)) for still in talking[4:7]]
    (found,) = track_faces([*talking[:4], *dark], (), mesh)
    assert positions(found) == list(range(7))
    assert [seen.motion is None for seen in found.observations] == [True, *[False] * 3, True, False, False]


def test_the_mesh_lets_go_of_what_is_no_face(talking: list[StillPicture], mesh: FaceAnalyser) -> None:
    covered = talking[5].image.copy()
    covered[150:680, 380:900] = 120
    hidden = [StillPicture(covered)] * 4
    (found,) = track_faces([*talking[:5], *hidden], (), mesh)
    assert positions(found) == list(range(5))
