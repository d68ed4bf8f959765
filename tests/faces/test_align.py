import numpy as np
import pytest

from facedouble.faces.align import (
    align,
    extract_crop,
    fit_similarity,
    inverse,
    map_points,
    recrop,
    scale_of,
)
from facedouble.faces.schemes.dlib68 import DLIB68


def moved(points: np.ndarray, angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points @ (scale * turn).T + shift).astype(np.float32)


def test_a_face_turned_scaled_and_shifted_comes_to_the_same_crop() -> None:
    template = DLIB68.mean_shape * 256 - 0.5
    face = moved(template, 0.4, 1.7, (300, 120))
    assert np.allclose(map_points(align(face, 256, DLIB68), face), template, atol=1e-2)


def test_opening_the_mouth_does_not_move_the_crop() -> None:
    face = moved(DLIB68.mean_shape * 256, 0.1, 1.0, (40, 10))
    talking = face.copy()
    talking[4:13, 1] += 25  # the jaw goes down
    talking[55:60, 1] += 20  # and the lower lip
    assert np.array_equal(align(face, 256, DLIB68), align(talking, 256, DLIB68))


def test_similarity_is_the_least_squares_one() -> None:
    random = np.random.default_rng(1)
    source, noise = random.normal(size=(30, 2)), random.normal(size=(30, 2)) * 0.1
    target = source * 2 + noise
    weights = np.ones(30)
    best = fit_similarity(source, target, weights)

    def error(matrix: np.ndarray) -> float:
        return float(((source @ matrix[:, :2].T + matrix[:, 2] - target) ** 2).sum())

    for _ in range(50):
        a, b, x, y = random.normal(size=4) * 0.01
        other = best + np.array([[a, -b, x], [b, a, y]])
        assert error(other) >= error(best)


def test_coinciding_points_are_refused() -> None:
    with pytest.raises(ValueError, match="coincide"):
        align(np.zeros((68, 2), dtype=np.float32), 256, DLIB68)


def test_inverse_undoes() -> None:
    alignment = align(moved(DLIB68.mean_shape * 100, -0.3, 2.0, (5, 9)), 128, DLIB68)
    points = np.array([[0, 0], [50.5, 20], [127, 127]], dtype=np.float32)
    assert np.allclose(map_points(inverse(alignment), map_points(alignment, points)), points, atol=1e-3)


def test_recrop_keeps_edges_on_edges() -> None:
    # The central half of a 200 pixel crop lies between the edges at 49.5 and 149.5.
    inner = recrop(np.eye(2, 3), 200, 0.5, 50)
    edges = np.array([[49.5, 49.5], [149.5, 149.5]], dtype=np.float32)
    assert np.allclose(map_points(inner, edges), [[-0.5, -0.5], [49.5, 49.5]])
    assert scale_of(inner) == pytest.approx(0.5)


def test_cut_takes_the_pixels_it_says() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    alignment = np.array([[1.0, 0, -30], [0, 1.0, -20]])
    assert np.array_equal(extract_crop(frame, alignment, 40), frame[20:60, 30:70])


def test_cut_averages_when_it_shrinks() -> None:
    stripes = np.zeros((256, 256, 3), dtype=np.uint8)
    stripes[:, ::2] = 200
    small = extract_crop(stripes, np.array([[0.25, 0, -0.375], [0, 0.25, -0.375]]), 64)
    assert np.abs(small[4:-4, 4:-4].astype(int) - 100).max() <= 8
