from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facedouble.faces.landmarks import eye_distance
from facedouble.faces.pose import head_pose, head_poses
from facedouble.faces.registry import DETECTORS
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.dlib68_predictor import Dlib68Predictor
from facedouble.types import Landmarks
from facedouble.video.source import open_source

# Where each landmark goes when the picture is mirrored.
MIRRORED = [
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
]


def seen(
    yaw: float, pitch: float, roll: float, *, scale: float = 200, at: tuple[int, int] = (500, 300)
) -> Landmarks:
    """Landmarks of the head turned like this, seen from far away."""
    # x to the right, y down, z away: looking up is a turn about x that takes -z to -y, looking to the
    # image's right a turn about y that takes -z to +x, and clockwise on screen takes x to y.
    turned = (
        Rotation.from_euler("z", roll, degrees=True)
        * Rotation.from_euler("y", -yaw, degrees=True)
        * Rotation.from_euler("x", -pitch, degrees=True)
    )
    return ((DLIB68.shape @ turned.as_matrix().T)[:, :2] * scale + at).astype(np.float32)


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"),
    [
        (0, 0, 0),
        (30, 0, 0),
        (-45, 0, 0),
        (0, 20, 0),
        (0, -25, 0),
        (0, 0, 40),
        (0, 0, 175),
        (35, -15, -100),
        (-20, 25, 30),
    ],
)
def test_known_rotations_are_found(yaw: float, pitch: float, roll: float) -> None:
    pose = head_pose(seen(yaw, pitch, roll), DLIB68)
    assert pose[:3] == pytest.approx((yaw, pitch, roll), abs=0.01)
    assert pose.misfit < 1e-4


def test_signs_are_those_that_are_promised() -> None:
    """The tip of the nose, which stands out, goes where the face looks."""

    def tip(points: Landmarks) -> tuple[float, float]:
        x, y = points[30] - points[[36, 45]].mean(axis=0)
        return float(x), float(y)

    front = tip(seen(0, 0, 0))
    assert tip(seen(20, 0, 0))[0] > front[0] + 5, "to the right of the image"
    assert tip(seen(0, 20, 0))[1] < front[1] - 5, "up"
    right_of_head = seen(0, 0, 20)[16] - seen(0, 0, 20)[0]
    assert right_of_head[1] > 0, "clockwise: what was right goes down"


def test_noise_of_a_pixel_moves_the_pose_little() -> None:
    random = np.random.default_rng(5)
    points = seen(25, -10, 5)[None] + random.normal(size=(50, 68, 2))
    angles = head_poses(points, DLIB68)[:, :3]
    assert np.abs(angles.mean(axis=0) - (25, -10, 5)).max() < 1
    assert angles.std(axis=0).max() < 4


def test_mirroring_negates_yaw_and_roll() -> None:
    points = seen(28, 12, -17)
    mirrored = (points * (-1, 1) + (1000, 0))[MIRRORED].astype(np.float32)
    one, other = head_pose(points, DLIB68), head_pose(mirrored, DLIB68)
    assert other == pytest.approx((-one.yaw, one.pitch, -one.roll, one.misfit), abs=1e-3)


def test_turning_the_picture_changes_roll_alone() -> None:
    random = np.random.default_rng(3)
    points = seen(-20, 10, 0) + random.normal(size=(68, 2)) * 3
    turn = Rotation.from_euler("z", 33, degrees=True).as_matrix()[:2, :2]
    one, other = (
        head_pose(points.astype(np.float32), DLIB68),
        head_pose((points @ turn.T).astype(np.float32), DLIB68),
    )
    assert other == pytest.approx((one.yaw, one.pitch, one.roll + 33, one.misfit), abs=1e-3)


def test_size_and_place_do_not_matter() -> None:
    small, large = seen(15, 5, 3, scale=50, at=(0, 0)), seen(15, 5, 3, scale=900, at=(3000, -20))
    assert head_pose(small, DLIB68) == pytest.approx(head_pose(large, DLIB68), abs=1e-2)


def test_misfit_is_the_share_of_the_eye_distance() -> None:
    points = DLIB68.mean_shape * 300
    assert head_pose(points, DLIB68).misfit < 1e-6
    moved = points.copy()
    moved[30] += (0, 0.2 * eye_distance(points, DLIB68))  # one of thirteen points
    assert 0.02 < head_pose(moved, DLIB68).misfit < 0.2 / np.sqrt(13)
    shuffled = np.random.default_rng(0).permutation(points)
    assert head_pose(shuffled, DLIB68).misfit > 0.2


def test_points_that_coincide_have_a_pose_that_is_a_number() -> None:
    assert np.isfinite(head_poses(np.zeros((2, 68, 2), dtype=np.float32), DLIB68)).all()


@pytest.mark.parametrize("clip", ["sample_01", "sample_03"])
def test_an_actor_who_looks_into_the_camera_is_frontal(clip: str, clips: dict[str, Path]) -> None:
    detector, predictor = DETECTORS["hog"]("cpu"), Dlib68Predictor()
    frame = next(open_source(clips[clip]).frames())
    [face] = detector.detect(frame.rgb())
    points = predictor.predict(frame.rgb(), [face])[0].points
    pose = head_pose(points, DLIB68)
    assert abs(pose.yaw) < 8
    assert abs(pose.pitch) < 12
    assert abs(pose.roll) < 8
    assert 0.01 < pose.misfit < 0.08
    # The same picture mirrored, predicted anew.
    mirrored = np.ascontiguousarray(frame.rgb()[:, ::-1])
    [other] = detector.detect(mirrored)
    assert head_pose(predictor.predict(mirrored, [other])[0].points, DLIB68).yaw == pytest.approx(
        -pose.yaw, abs=4
    )
