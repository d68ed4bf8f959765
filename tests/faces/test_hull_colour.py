import numpy as np

from facedouble.faces.colour import apply_statistics, colour_statistics, smooth_statistics, standardise
from facedouble.faces.hull import eyes_and_mouth_mask, face_hull
from facedouble.faces.schemes.dlib68 import DLIB68
from tests.factories import make_face


def test_hull_holds_the_features_and_not_the_corners() -> None:
    points = (DLIB68.mean_shape * 200).astype(np.float32)
    mask = face_hull(points, 200, DLIB68)
    for x, y in points[17:].round().astype(int):
        assert mask[y, x] > 0.4
    assert mask[0, 0] == mask[-1, -1] == 0
    taller = face_hull(points, 200, DLIB68, forehead=0.4)
    assert taller.sum() > mask.sum() * 1.05
    assert taller[mask == 1].min() > 0.9


def test_eyes_and_mouth_lie_where_they_are() -> None:
    points = (DLIB68.mean_shape * 200).astype(np.float32)
    mask = eyes_and_mouth_mask(points, 200, DLIB68)
    for part in (slice(36, 42), slice(42, 48), slice(48, 60)):
        x, y = points[part].mean(axis=0).round().astype(int)
        assert mask[y, x] == 1
    x, y = points[30].round().astype(int)
    assert mask[y, x] == 0


def test_standard_colouring_is_undone_by_its_inverse_and_has_the_standard_statistics() -> None:
    image = np.random.default_rng(0).integers(30, 220, (40, 50, 3), dtype=np.uint8)
    mask = np.ones((40, 50), dtype=np.float32)
    statistics = colour_statistics(image, mask)
    standard = standardise((image / 255).astype(np.float32), statistics)
    assert np.allclose(standard.reshape(-1, 3).mean(axis=0), 0.5, atol=1e-3)
    assert np.allclose(standard.reshape(-1, 3).std(axis=0), 0.18, atol=1e-3)
    assert np.allclose(apply_statistics(standard, statistics) * 255, image, atol=0.01)


def test_statistics_look_only_inside_the_mask() -> None:
    image = np.full((10, 10, 3), 255, dtype=np.uint8)
    image[:5] = (10, 20, 30)
    mask = np.zeros((10, 10), dtype=np.float32)
    mask[:5] = 1
    assert np.allclose(colour_statistics(image, mask)[0] * 255, (10, 20, 30), atol=0.01)


def test_smoothing_of_colour_stays_within_a_track() -> None:
    dark, light = np.full((2, 3), 0.2, np.float32), np.full((2, 3), 0.8, np.float32)
    faces = [make_face(i, track=i % 2, colour=dark if i % 2 else light) for i in range(40)]
    smooth = smooth_statistics(faces)
    assert np.allclose(smooth[0::2], 0.8, atol=1e-5)
    assert np.allclose(smooth[1::2], 0.2, atol=1e-5)
