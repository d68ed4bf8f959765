import cv2
import numpy as np
import pytest

from facedouble.evaluation.seam import ciede2000, gradient_step, outline_distance, ring_step
from facedouble.faces.schemes.dlib68 import DLIB68

SIZE = 256

# Pairs of colours and their difference from table 1 of Sharma, Wu and Dalal 2005.
PAIRS = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ((90.9257, -0.5406, -0.9208), (88.6381, -0.8985, -0.7239), 1.5381),
]


@pytest.fixture
def distance() -> np.ndarray:
    return outline_distance(DLIB68.mean_shape * SIZE - 0.5, SIZE, DLIB68)


@pytest.fixture
def source() -> np.ndarray:
    """A soft picture without any edge."""
    noise = np.random.default_rng(0).integers(90, 160, (SIZE, SIZE, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 6)


@pytest.mark.parametrize(("one", "other", "difference"), PAIRS)
def test_ciede2000_of_published_pairs(one: tuple, other: tuple, difference: float) -> None:
    assert ciede2000(one, other) == pytest.approx(difference, abs=5e-5)
    assert ciede2000(other, one) == pytest.approx(difference, abs=5e-5)


def test_outline_distance_is_negative_inside_and_in_shares_of_the_side(distance: np.ndarray) -> None:
    centre = tuple((DLIB68.mean_shape[30] * SIZE).astype(int)[::-1])
    assert distance[centre] < -0.2
    assert distance[2, 2] > 0.2
    assert np.abs(np.diff(distance[SIZE // 2])).max() <= 2 / SIZE


def test_nothing_pasted_shows_no_seam(source: np.ndarray, distance: np.ndarray) -> None:
    assert gradient_step(source, source, distance) == 0
    assert ring_step(source, source, distance) == 0


@pytest.mark.parametrize("where", [0.0, -0.05])
def test_a_hard_edge_is_found_where_it_is_and_grows_with_its_height(
    source: np.ndarray, distance: np.ndarray, where: float
) -> None:
    def pasted(step: float, soft: float) -> np.ndarray:
        mask = (distance < where).astype(np.float32)
        if soft:
            mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32)
        return np.clip(source + step * mask[..., None], 0, 255).round().astype(np.uint8)

    low, high = (gradient_step(pasted(step, 0), source, distance) for step in (10, 30))
    assert 1.5 < low < high
    assert high == pytest.approx(3 * low, rel=0.1)
    assert gradient_step(pasted(30, 8), source, distance) < 0.4 * high


def test_a_cast_inside_is_a_step_of_colour_and_one_over_everything_is_not(
    source: np.ndarray, distance: np.ndarray
) -> None:
    cast = (source + np.array([25, 0, -10])).clip(0, 255).astype(np.uint8)
    soft = cv2.GaussianBlur((distance < 0).astype(np.float32), (0, 0), 3)[..., None]
    inside = (source + soft * np.array([25, 0, -10])).clip(0, 255).round().astype(np.uint8)
    assert ring_step(cast, source, distance) < 0.3
    assert ring_step(inside, source, distance) > 5
