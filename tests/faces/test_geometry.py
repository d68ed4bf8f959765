"""What faces do, of heads whose pose and expression are known."""

import numpy as np
import pytest

from facedouble.faces.geometry import PLACEMENT, Geometry, LandmarkTrack, describe_faces
from facedouble.faces.registry import GEOMETRIES, LANDMARK_SCHEMES
from facedouble.types import Box, Face

every = pytest.mark.parametrize("name", sorted(GEOMETRIES))


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    y, p, r = np.radians([yaw, pitch, roll])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    return about_z @ about_y @ about_x


def seen(geometry: Geometry, shape: np.ndarray, *angles: float, size: float = 1.0, depth: bool) -> np.ndarray:
    """What is said of a head (P, 3) turned by these angles."""
    points = size * (shape - shape.mean(axis=0)) @ rotation(*angles).T
    away = points[:, 2] if depth else np.full(len(points), np.nan)
    return geometry.describe(LandmarkTrack(points[None, :, :2], away[None]))[0]


def value(geometry: Geometry, described: np.ndarray, name: str) -> float:
    return float(described[geometry.components.index(name)])


@every
@pytest.mark.parametrize("depth", [False, True])
def test_a_turned_head_says_its_pose_and_keeps_its_shape(name: str, depth: bool) -> None:
    geometry, shape = GEOMETRIES[name], LANDMARK_SCHEMES[name].shape
    frontal = seen(geometry, shape, 0, 0, 0, depth=depth)
    turned = seen(geometry, shape, 25, -10, 5, size=1.3, depth=depth)
    for part, angle in (("yaw", 25), ("pitch", -10), ("roll", 5)):
        assert value(geometry, frontal, part) == pytest.approx(0, abs=0.1)
        assert value(geometry, turned, part) == pytest.approx(angle, abs=0.1)
    assert value(geometry, turned, "size") - value(geometry, frontal, "size") == pytest.approx(
        np.log(1.3), abs=1e-3
    )
    others = [i for i, part in enumerate(geometry.components) if part not in ("yaw", "pitch", *PLACEMENT)]
    assert np.abs(turned - frontal)[others].max() < 5e-3


@every
def test_a_shut_eye_and_an_open_mouth_show_in_their_components(name: str) -> None:
    geometry, scheme = GEOMETRIES[name], LANDMARK_SCHEMES[name]
    shape = scheme.shape.copy()
    eye = scheme.regions.right_eye
    lids = list(eye.contour)
    shape[lids, 1] = shape[lids, 1].mean()
    lower = [low for _, low in scheme.regions.mouth.pairs]
    shape[lower, 1] += 0.05
    rest, doing = (seen(geometry, own, 10, 5, 0, depth=True) for own in (scheme.shape, shape))
    assert value(geometry, rest, "right_eye_open") > 0.15
    assert value(geometry, doing, "right_eye_open") == pytest.approx(0, abs=0.02)
    assert value(geometry, doing, "left_eye_open") == pytest.approx(
        value(geometry, rest, "left_eye_open"), abs=0.02
    )
    assert value(geometry, doing, "mouth_open") > value(geometry, rest, "mouth_open") + 0.1


@every
def test_twice_mirrored_is_as_it_was(name: str) -> None:
    geometry = GEOMETRIES[name]
    described = np.arange(geometry.count, dtype=np.float32)
    once = described[geometry.mirrored] * geometry.signs
    assert np.array_equal(once[geometry.mirrored] * geometry.signs, described)
    assert value(geometry, once, "yaw") == -value(geometry, described, "yaw")
    assert value(geometry, once, "left_eye_open") == value(geometry, described, "right_eye_open")
    assert len(set(geometry.components)) == geometry.count == len(geometry.units)
    assert (geometry.units > 0).all()


def face(frame: int, name: str, *, track: int = 0, shift: float = 0.0) -> Face:
    scheme = LANDMARK_SCHEMES[name]
    points = (scheme.mean_shape * 256 - 0.5).astype(np.float32)
    points[list(scheme.regions.lips), 1] += shift
    return Face(
        frame, track, Box(0, 0, 256, 256), 1.0, points, points, np.eye(2, 3), 256, name, track=track,
        depth=(-scheme.depth * 256).astype(np.float32),
    )  # fmt: skip


def test_noise_is_smoothed_along_each_track_and_not_across_cuts() -> None:
    geometry = GEOMETRIES["mediapipe478"]
    noise = np.random.default_rng(0).normal(0, 1, 40)
    still = [face(i, geometry.name, track=i % 2, shift=noise[i]) for i in range(40)]
    # Two faces in every frame, each on a track of its own.
    still = [one.with_(frame_index=i // 2) for i, one in enumerate(still)]
    described = describe_faces(still, geometry, 0.7)
    lips = geometry.components.index(
        "point_13_down" if "point_13_down" in geometry.components else "point_82_down"
    )
    alone = describe_faces([one for one in still if one.track == 1], geometry, 0.7)
    assert np.allclose(described[1::2], alone)
    raw = np.concatenate([describe_faces([one], geometry, 0.7) for one in still[::2]])
    assert np.diff(described[::2, lips]).std() < 0.6 * np.diff(raw[:, lips]).std()
    cut = [one.with_(frame_index=one.frame_index + 5 * (one.frame_index > 9)) for one in still[::2]]
    assert np.allclose(describe_faces(cut, geometry, 0.7)[10:], describe_faces(still[20::2], geometry, 0.7))


def test_landmarks_of_the_mesh_can_be_told_to_a_model_of_dlib68_and_not_the_other_way_round() -> None:
    mesh, dlib = GEOMETRIES["mediapipe478"], GEOMETRIES["dlib68"]
    of_mesh, of_dlib = face(0, "mediapipe478"), face(0, "dlib68")
    assert dlib.describes(of_mesh)
    assert not mesh.describes(of_dlib)
    both = describe_faces([of_mesh, of_dlib.with_(frame_index=5)], dlib, 0.7)
    assert both.shape == (2, dlib.count)
    assert np.isfinite(both).all()
    assert abs(value(dlib, both[0] - both[1], "mouth_open")) < 0.1
    assert describe_faces([], mesh, 0.7).shape == (0, mesh.count)
