from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.evaluation.expression import correlation, euler_distance, expression_distance, frontal, gaze
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.pose import head_poses
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.video.source import open_source


def turned(yaw: float, pitch: float, roll: float, shape: np.ndarray = DLIB68.shape) -> np.ndarray:
    """Landmarks of a head in space turned by these degrees, seen from afar."""
    y, p, r = np.radians((yaw, pitch, roll))
    about_x = np.array([(1, 0, 0), (0, np.cos(p), np.sin(p)), (0, -np.sin(p), np.cos(p))])
    about_y = np.array([(np.cos(y), 0, -np.sin(y)), (0, 1, 0), (np.sin(y), 0, np.cos(y))])
    about_z = np.array([(np.cos(r), -np.sin(r), 0), (np.sin(r), np.cos(r), 0), (0, 0, 1)])
    return shape @ (about_z @ about_y @ about_x)[:2].T * 200 + (300, 250)


POSES = [(0, 0, 0), (25, -10, 15), (-30, 12, -40), (10, 20, 80)]


def test_frontal_undoes_any_pose() -> None:
    points = frontal(np.stack([turned(*pose) for pose in POSES]), DLIB68)
    assert points == pytest.approx(np.broadcast_to(points[0], points.shape), abs=1e-9)
    assert np.linalg.norm(points[0, 36:42].mean(axis=0) - points[0, 42:48].mean(axis=0)) == pytest.approx(1)


def test_euler_distance_goes_the_short_way_round() -> None:
    assert euler_distance(np.array([[1.0, 2, 178]]), np.array([[1.0, 2, -179]])) == pytest.approx(3)
    assert euler_distance(np.array([[3.0, 0, 4]]), np.zeros((1, 3))) == pytest.approx(5)


def test_pose_of_a_turned_head_is_what_it_was_turned_by() -> None:
    assert head_poses(np.stack([turned(*pose) for pose in POSES]), DLIB68)[:, :3] == pytest.approx(
        np.array(POSES), abs=0.01
    )


def test_expression_counts_and_shape_and_pose_do_not() -> None:
    """One person opens the mouth, another in other poses does the same."""
    opening = np.zeros((68, 3))
    opening[[57, 66], 1] = 0.05
    other = DLIB68.shape.copy()
    other[4:13, 0] *= 1.15  # a broader jaw
    other[48:, 1] += 0.02  # a lower mouth
    other[[48, 54], 1] -= 0.02
    amounts = (0, 0, 0, 1, 0)
    poses = [(0, 0, 0), *POSES]
    source = np.stack([turned(0, 0, 0, DLIB68.shape + a * opening) for a in amounts])
    same = np.stack([turned(*p, other + a * opening) for a, p in zip(amounts, poses, strict=True)])
    shut = np.stack([turned(*p, other) for p in poses])
    assert expression_distance(source, source, DLIB68) == pytest.approx(0)
    assert expression_distance(same, source, DLIB68) == pytest.approx(0, abs=0.005)
    values = expression_distance(shut, source, DLIB68)
    moved = (
        2 * 0.05 / 51 / np.linalg.norm(DLIB68.shape[36:42].mean(axis=0) - DLIB68.shape[42:48].mean(axis=0))
    )
    assert values[3] == pytest.approx(moved, rel=0.1)


def eyes_looking(aside: float) -> np.ndarray:
    """Nothing but eyes, their irises moved across by a share of half the eyes' width."""
    image = np.full((400, 400, 3), (205, 160, 140), dtype=np.uint8)
    points = DLIB68.mean_shape * 400
    for start in (36, 42):
        eye = points[start : start + 6]
        cv2.fillConvexPoly(image, np.round(eye).astype(np.int32), (240, 240, 240))
        middle, half = (eye[0] + eye[3]) / 2, np.linalg.norm(eye[3] - eye[0]) / 2
        spot = (round(float(middle[0] + aside * half)), round(float(eye[:, 1].mean())))
        cv2.circle(image, spot, max(2, round(half / 4)), (50, 30, 20), -1)
    return image


@pytest.mark.parametrize("aside", [-0.4, 0.0, 0.4])
@pytest.mark.parametrize("turn", [0, 35])
def test_gaze_is_where_the_irises_are_however_the_head_is_tilted(aside: float, turn: int) -> None:
    matrix = cv2.getRotationMatrix2D((200, 200), turn, 1)
    warped = cv2.warpAffine(eyes_looking(aside), matrix, (400, 400), borderValue=(205, 160, 140))
    image = np.asarray(warped, np.uint8)
    points = (DLIB68.mean_shape * 400) @ matrix[:, :2].T + matrix[:, 2]
    assert gaze(image, points.astype(np.float32), DLIB68) == pytest.approx(aside, abs=0.12)


def test_shut_eyes_look_nowhere() -> None:
    points = DLIB68.mean_shape * 400
    for start in (36, 42):
        points[start : start + 6, 1] = points[start : start + 6, 1].mean()
    assert np.isnan(gaze(eyes_looking(0), points, DLIB68))


def test_gaze_of_a_real_face_turns_with_the_picture(clips: dict[str, Path]) -> None:
    frame = next(islice(open_source(clips["sample_04"]).frames(), 3, None)).rgb()
    points = FaceAnalyser("hog", "dlib68").search_image(frame)[0].landmarks
    mirrored = points.copy()
    mirrored[:, 0] = frame.shape[1] - 1 - mirrored[:, 0]
    order = [39, 38, 37, 36, 41, 40], [45, 44, 43, 42, 47, 46]
    swapped = mirrored.copy()
    swapped[36:42], swapped[42:48] = mirrored[order[1]], mirrored[order[0]]
    there, back = gaze(frame, points, DLIB68), gaze(np.ascontiguousarray(frame[:, ::-1]), swapped, DLIB68)
    assert back == pytest.approx(-there, abs=0.05)


def test_correlation_of_known_series() -> None:
    series = np.sin(np.arange(50) / 5)
    assert correlation(series, series * 3 + 1) == pytest.approx(1)
    assert correlation(series, -series) == pytest.approx(-1)
    assert correlation(series, np.ones(50)) == 0
    shuffled = np.random.default_rng(0).permutation(series)
    assert abs(correlation(series, shuffled)) < 0.4
