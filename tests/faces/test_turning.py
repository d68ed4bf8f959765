"""Heads that turn to a profile, in space and in a clip of a scanned head whose pose is known."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial import Delaunay

from facedouble.faces.align import align, scale_of
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.landmarks import box_around
from facedouble.faces.pose import foreshortening, head_pose
from facedouble.faces.schemes.mediapipe478 import MEDIAPIPE478
from facedouble.faces.tracklets import Tracklet, track_faces
from facedouble.faces.tracks import Handover, link_tracklets
from facedouble.faces.turning import SolidHead, carry, is_turned, moved_alike
from facedouble.faces.views import StillPicture
from facedouble.types import Face, Origin
from facedouble.video.source import open_source
from tests.factories import make_face

CLIP = Path(__file__).parent / "turned_head" / "turned_head.mp4"
TRUE_YAWS = [*np.arange(20, 95.1, 2.5), *[95.0] * 4, *np.arange(20, 95.1, 2.5)[::-1]]
"""Of the clip's frames, in degrees."""


def mean_head(yaw: float, size: float = 200.0) -> SolidHead:
    """The mean face turned to the right of the image, in the middle of 300 pixels."""
    angle = np.deg2rad(yaw)
    about = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    solid = (MEDIAPIPE478.shape - (0.5, 0.45, -0.1)) @ about.T * size + (150, 140, 0)
    return SolidHead.of(solid)


def picture_of(head: SolidHead) -> np.ndarray:
    """The head with a brightness of its own for each triangle between its points, the nearest on top."""
    picture = np.full((300, 300), 120, dtype=np.uint8)
    triangles = Delaunay(MEDIAPIPE478.mean_shape[:468]).simplices
    shades = np.random.default_rng(3).integers(0, 255, len(triangles)).tolist()
    for number in np.argsort(-head.depth[triangles].mean(axis=1)):
        corners = (head.points[triangles[number]] * 16).round().astype(np.int32)
        cv2.fillConvexPoly(picture, corners, shades[number], cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.2))


def yaw_of(head: SolidHead) -> float:
    return head_pose(head.points, MEDIAPIPE478, head.depth).yaw


def test_a_head_looks_away_from_the_camera_by_its_angle_and_not_by_its_tilt() -> None:
    assert [is_turned(mean_head(yaw), MEDIAPIPE478) for yaw in (-60, -40, 0, 40, 60)] == [
        *(True, False, False, False, True)
    ]
    head = mean_head(0)
    upside_down = SolidHead(300 - head.points, head.depth)
    assert not is_turned(upside_down, MEDIAPIPE478)


def test_a_head_is_carried_to_a_profile_by_the_motion_of_its_picture() -> None:
    head = mean_head(55)
    for before, after in pairwise(np.arange(55.0, 89.0, 3.0).tolist()):
        carried = carry(picture_of(mean_head(before)), picture_of(mean_head(after)), head, MEDIAPIPE478)
        assert carried is not None
        head = carried
    assert yaw_of(head) == pytest.approx(88, abs=4)
    expected = mean_head(88)
    near = [i for i in MEDIAPIPE478.inner if expected.depth[i] < np.median(expected.depth)]
    apart = np.linalg.norm(head.points[near] - expected.points[near], axis=1)
    assert apart.mean() < 0.03 * 200


def test_where_the_picture_says_nothing_nothing_is_carried() -> None:
    head = mean_head(60)
    noise = np.random.default_rng(1).integers(0, 255, (2, 300, 300), dtype=np.uint8)
    assert carry(noise[0], noise[1], head, MEDIAPIPE478) is None
    flat = np.full((300, 300), 90, dtype=np.uint8)
    still = carry(flat, flat, head, MEDIAPIPE478)
    assert still is None or np.abs(still.points - head.points).max() < 0.5


def test_another_head_takes_part_in_the_same_motion() -> None:
    rough = mean_head(60, 150.0)
    moved = moved_alike(mean_head(70), rough, mean_head(75, 165.0))
    assert yaw_of(moved) == pytest.approx(85, abs=0.5)
    assert np.ptp(moved.points[:, 1]) == pytest.approx(1.1 * np.ptp(mean_head(70).points[:, 1]), rel=1e-3)


def test_a_turned_head_keeps_its_size_in_the_crop() -> None:
    sizes: dict[bool, list[float]] = {True: [], False: []}
    for yaw in (0, 20, 45, 70, 90):
        head = mean_head(yaw)
        scale = foreshortening(head.points[None], head.depth[None], MEDIAPIPE478)[0]
        for corrected, found in sizes.items():
            crop = align(head.points, 256, MEDIAPIPE478, enlarge=1 / scale if corrected else 1.0)
            found.append(scale_of(crop) * 200 / 256)
    assert np.allclose(sizes[True], sizes[True][0], rtol=0.01)
    assert sizes[False][-1] < 0.82 * sizes[False][0]
    assert sizes[True][0] == pytest.approx(sizes[False][0], rel=0.002)


def track_face(frame: int, tracklet: int, head: SolidHead, origin: Origin) -> Face:
    return make_face(
        frame,
        tracklet=tracklet,
        scheme="mediapipe478",
        landmarks=head.points,
        smoothed=head.points,
        depth=head.depth,
        box=box_around(head.points, MEDIAPIPE478),
        origin=origin,
    )


@pytest.mark.parametrize("rough_first", [False, True])
def test_a_head_seen_only_in_profile_takes_the_place_of_the_one_handed_over(rough_first: bool) -> None:
    """The head turns by 4 degrees a frame; where it is rough it was taken for one that had turned 15 less."""
    yaws = np.arange(62, 86, 4.0)
    rough = range(3) if rough_first else range(3, 6)
    faces = [
        track_face(
            frame,
            frame // 3,
            mean_head(yaw - 15 if frame in rough else yaw),
            "carried" if frame in rough else "detected",
        )
        for frame, yaw in enumerate(yaws)
    ]
    handed = mean_head(yaws[3] - 15 if rough_first else yaws[3]).points
    (track,) = link_tracklets(faces, [Handover(0, 3, handed, None, "mediapipe478")], range(6), set())
    found = [yaw_of(SolidHead(face.landmarks, face.depth)) for face in track if face.depth is not None]
    # Depth on the frame that is handed over is that of the frame before.
    assert found == pytest.approx(yaws, abs=6)


@pytest.fixture(scope="module")
def turning() -> list[StillPicture]:
    return [StillPicture(frame.rgb()) for frame in open_source(CLIP).frames()]


@pytest.fixture(scope="module")
def analyser() -> FaceAnalyser:
    return FaceAnalyser()


def yaws(tracklet: Tracklet, analyser: FaceAnalyser) -> np.ndarray:
    return np.array(
        [head_pose(seen.landmarks, analyser.scheme, seen.depth).yaw for seen in tracklet.observations]
    )


@pytest.mark.slow
def test_a_head_is_followed_to_a_profile_and_back(
    turning: list[StillPicture], analyser: FaceAnalyser
) -> None:
    (tracklet,) = track_faces(turning, (), analyser)
    assert [seen.position for seen in tracklet.observations] == list(range(len(turning)))
    true = np.array(TRUE_YAWS)
    # Beyond a profile yaw decreases again, as what the face looks at is the same to its left and right.
    off = np.abs(yaws(tracklet, analyser) - np.minimum(true, 180 - true))
    assert off.mean() < 4
    assert off.max() < 12
    carried = np.array([seen.origin == "carried" for seen in tracklet.observations])
    assert carried[true >= 80].all()
    assert not carried[true <= 50].any()


@pytest.mark.slow
def test_a_head_first_seen_in_profile_is_placed_when_it_turns(
    turning: list[StillPicture], analyser: FaceAnalyser
) -> None:
    (tracklet,) = track_faces(turning[31:55], (), analyser)
    assert tracklet.observations[0].position <= 1
    true = np.minimum(TRUE_YAWS, 180 - np.array(TRUE_YAWS))[31:55]
    found = yaws(tracklet, analyser)
    assert np.abs(found - true[tracklet.observations[0].position :]).max() < 15


@pytest.mark.slow
def test_a_still_profile_is_only_told_to_who_asks_for_profiles(
    turning: list[StillPicture], analyser: FaceAnalyser
) -> None:
    profile = turning[26]
    assert analyser.search(profile).others == []
    (rough,) = analyser.search(profile, profiles=True).others
    assert not rough.seen
