"""MediaPipe's mesh: where its points lie against dlib's, its depth, and what it says of a whole turn."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facedouble.faces.align import align, inverse, map_points, scale_of
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.hull import face_hull
from facedouble.faces.landmarks import box_around, eye_distance, eye_opening, iris_positions, mouth_opening
from facedouble.faces.pose import head_pose, head_poses
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.mediapipe478 import MEDIAPIPE478
from facedouble.faces.schemes.to_dlib68 import to_dlib68
from facedouble.faces.views import StillPicture
from facedouble.types import Detection, FloatArray, Image, Landmarks, PredictedLandmarks
from facedouble.video.source import open_source

SCHEME = MEDIAPIPE478


@pytest.fixture(scope="module")
def analyser() -> FaceAnalyser:
    return FaceAnalyser("hog", "mediapipe478")


@pytest.fixture(scope="module")
def pairs(
    clips: dict[str, Path], analyser: FaceAnalyser
) -> list[tuple[Image, Landmarks, PredictedLandmarks]]:
    """Frames of two people with dlib's landmarks and these."""
    dlib, result = FaceAnalyser("hog", "dlib68"), []
    for name in ("sample_01", "sample_04"):
        for frame in islice(open_source(clips[name]).frames(), 5, 80, 25):
            image = frame.rgb()
            (found,) = analyser.search_image(image)
            result.append((image, dlib.search_image(image)[0].landmarks, found.found))
    return result


def test_crops_are_those_of_dlib68(pairs: list[tuple[Image, Landmarks, PredictedLandmarks]]) -> None:
    corners = np.array([(0, 0), (255, 0), (0, 255), (255, 255)], dtype=np.float32)
    for _, dlib, mesh in pairs:
        one, other = align(dlib, 256, DLIB68), align(mesh.points, 256, SCHEME)
        assert scale_of(other) / scale_of(one) == pytest.approx(1, abs=0.035)
        moved = map_points(other, map_points(inverse(one), corners))
        assert np.linalg.norm(moved - corners, axis=1).max() < 7
        assert np.abs((moved - corners).mean(axis=0)).max() < 2.5
        assert box_around(mesh.points, SCHEME).overlap(box_around(dlib, DLIB68)) > 0.9


def test_masks_and_openings_are_those_of_dlib68(
    pairs: list[tuple[Image, Landmarks, PredictedLandmarks]],
) -> None:
    for _, dlib, mesh in pairs:
        crop = align(dlib, 256, DLIB68)
        for forehead in (0.0, 0.35):
            one = face_hull(map_points(crop, dlib), 256, DLIB68, forehead=forehead) > 0.5
            other = face_hull(map_points(crop, mesh.points), 256, SCHEME, forehead=forehead) > 0.5
            assert (one & other).sum() / (one | other).sum() > 0.93
        assert mouth_opening(mesh.points, SCHEME) == pytest.approx(mouth_opening(dlib, DLIB68), abs=0.12)
        assert eye_opening(mesh.points, SCHEME) == pytest.approx(eye_opening(dlib, DLIB68), abs=0.1)


def test_presence_tells_faces_from_other_things(
    pairs: list[tuple[Image, Landmarks, PredictedLandmarks]], analyser: FaceAnalyser
) -> None:
    image, _, mesh = pairs[0]
    assert mesh.presence is not None
    assert mesh.presence > 0.9
    away = mesh.points - np.array((3 * eye_distance(mesh.points, SCHEME), 0), np.float32)
    assert (analyser.refine(StillPicture(image), away).presence or 0) < 0.5


def test_a_picture_at_any_rotation_gives_the_same_points(
    pairs: list[tuple[Image, Landmarks, PredictedLandmarks]], analyser: FaceAnalyser
) -> None:
    """By the roll that a detector reports, or by points that are nearly there."""
    image, _, mesh = pairs[0]
    middle = mesh.points.mean(axis=0)
    for angle in (-120, 75, 180):
        matrix = np.asarray(cv2.getRotationMatrix2D(middle.tolist(), -angle, 1.0), dtype=np.float64)
        turned = np.asarray(cv2.warpAffine(image, matrix, image.shape[1::-1]), dtype=np.uint8)
        expected = map_points(matrix, mesh.points)
        box = box_around(mesh.points, SCHEME)
        (predicted,) = analyser.predictor.predict(turned, [Detection(box, 1.0, float(angle))])
        for found in (predicted, analyser.refine(StillPicture(turned), expected)):
            apart = np.linalg.norm(found.points - expected, axis=1).mean()
            assert apart < 0.02 * eye_distance(mesh.points, SCHEME)


def test_grey_pictures_are_good_enough(
    pairs: list[tuple[Image, Landmarks, PredictedLandmarks]], analyser: FaceAnalyser
) -> None:
    image, _, mesh = pairs[0]
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    apart = np.linalg.norm(
        analyser.refine(StillPicture(grey), mesh.points).points - mesh.points, axis=1
    ).mean()
    assert apart < 0.015 * eye_distance(mesh.points, SCHEME)


def test_expressions_follow_the_face_and_not_its_place(
    pairs: list[tuple[Image, Landmarks, PredictedLandmarks]], analyser: FaceAnalyser
) -> None:
    points = pairs[0][2].points
    turn = Rotation.from_euler("z", 50, degrees=True).as_matrix()[:2, :2]
    moved = (3 * points @ turn.T + 100).astype(np.float32)
    opened = points.copy()
    lower = [*SCHEME.regions.inner_lips[11:], *SCHEME.regions.outer_lips[11:]]
    opened[lower, 1] += 0.5 * eye_distance(points, SCHEME)
    values = analyser.expressions([points, moved, opened])
    first, second, third = (value for value in values if value is not None)
    assert np.allclose(first, second, atol=1e-3)
    jaw = SCHEME.expressions.index("jawOpen")
    assert third[jaw] > first[jaw] + 0.3
    assert analyser.expressions([]) == []


# -- pose ----------------------------------------------------------------------------------------------


def turned(yaw: float, pitch: float, roll: float) -> tuple[Landmarks, FloatArray]:
    """Landmarks and depth of the canonical face, turned, seen from far away; see test_pose."""
    turn = (
        Rotation.from_euler("z", roll, degrees=True)
        * Rotation.from_euler("y", -yaw, degrees=True)
        * Rotation.from_euler("x", -pitch, degrees=True)
    )
    points = (SCHEME.shape @ turn.as_matrix().T * 300).astype(np.float32)
    return points[:, :2] + np.float32(400), points[:, 2]


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"),
    [(0, 0, 0), (90, 0, 0), (-90, 0, 0), (75, 20, -30), (-60, -40, 150), (89, -30, 10), (0, 60, 0)],
)
def test_every_rotation_is_found_to_a_profile(yaw: float, pitch: float, roll: float) -> None:
    points, depth = turned(yaw, pitch, roll)
    pose = head_pose(points, SCHEME, depth)
    back = Rotation.from_euler("z", pose.roll, degrees=True) * (
        Rotation.from_euler("y", -pose.yaw, degrees=True)
        * Rotation.from_euler("x", -pose.pitch, degrees=True)
    )
    expected = Rotation.from_euler("z", roll, degrees=True) * (
        Rotation.from_euler("y", -yaw, degrees=True) * Rotation.from_euler("x", -pitch, degrees=True)
    )
    assert np.degrees((back * expected.inv()).magnitude()) < 0.05
    assert pose.yaw == pytest.approx(yaw, abs=0.05)
    assert pose.misfit < 1e-4


def test_depth_makes_the_pose_steadier() -> None:
    random = np.random.default_rng(3)
    points, depth = turned(40, 5, 0)
    noisy = points + random.normal(size=(40, SCHEME.count, 2))
    deep = depth + random.normal(size=(40, SCHEME.count))
    solid, flat = head_poses(noisy, SCHEME, deep), head_poses(noisy, SCHEME)
    assert solid[:, 0].std() < flat[:, 0].std()
    assert np.allclose(solid[:, :3].mean(axis=0), (40, 5, 0), atol=0.3)
    unknown = np.where(np.arange(40)[:, None] < 3, np.nan, deep)
    mixed = head_poses(noisy, SCHEME, unknown)
    assert np.allclose(mixed[:3], flat[:3])
    assert np.allclose(mixed[3:], solid[3:])


def test_poses_of_real_faces_are_those_of_dlib68(
    pairs: list[tuple[Image, Landmarks, PredictedLandmarks]],
) -> None:
    for _, dlib, mesh in pairs:
        one, other = head_pose(dlib, DLIB68), head_pose(mesh.points, SCHEME, mesh.depth)
        assert other[:3] == pytest.approx(one[:3], abs=6)
        assert other.misfit < 0.08


def test_dlibs_points_follow_from_these(pairs: list[tuple[Image, Landmarks, PredictedLandmarks]]) -> None:
    for _, dlib, mesh in pairs:
        apart = np.linalg.norm(to_dlib68(mesh.points) - dlib, axis=1) / eye_distance(dlib, DLIB68)
        assert apart.mean() < 0.045
        assert apart[list(DLIB68.regions.lips)].mean() < 0.04
        assert apart[list(DLIB68.regions.jaw)].mean() < 0.08
    mean = to_dlib68(SCHEME.mean_shape)
    assert mean.shape == DLIB68.mean_shape.shape
    assert mean.dtype == np.float32
    assert np.abs(mean - DLIB68.mean_shape).mean() < 0.015


def test_irises_say_where_a_face_looks(
    pairs: list[tuple[Image, Landmarks, PredictedLandmarks]], analyser: FaceAnalyser
) -> None:
    image, dlib, mesh = pairs[0]
    here = iris_positions(mesh.points, SCHEME)
    assert np.abs(here).max() < 0.4, "an actor who looks into the camera"
    turn = Rotation.from_euler("z", 70, degrees=True).as_matrix()[:2, :2]
    assert np.allclose(iris_positions((mesh.points @ turn.T).astype(np.float32), SCHEME), here, atol=1e-3)
    moved = mesh.points.copy()
    right, left = (eye.opening.corners for eye in SCHEME.regions.eyes)
    for (first, second), eye in zip((right, left), SCHEME.regions.eyes, strict=True):
        moved[list(eye.iris)] += 0.25 * (moved[second] - moved[first])
    assert np.allclose(iris_positions(moved, SCHEME) - here, [(0.5, 0)] * 2, atol=1e-3)
    mirrored = np.ascontiguousarray(image[:, ::-1])
    there = iris_positions(analyser.search_image(mirrored)[0].landmarks, SCHEME)
    assert np.allclose(there, here[::-1] * (-1, 1), atol=0.12)
    assert np.isnan(iris_positions(dlib, DLIB68)).all()
