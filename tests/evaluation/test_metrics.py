import cv2
import numpy as np
import pytest

from facedouble.evaluation.metrics import correlation, fine_detail


def texture() -> np.ndarray:
    return np.random.default_rng(0).integers(60, 200, (64, 64, 3), dtype=np.uint8)


def test_fine_detail_falls_with_blur_and_is_a_square() -> None:
    mask = np.ones((64, 64), dtype=np.float32)
    picture = texture()
    whole = fine_detail(picture, mask)
    assert fine_detail(cv2.GaussianBlur(picture, (0, 0), 0.7), mask) < 0.5 * whole
    assert fine_detail(cv2.GaussianBlur(picture, (0, 0), 2), mask) < 0.02 * whole
    half = ((picture.astype(float) - 130) / 2 + 130).round().astype(np.uint8)
    assert fine_detail(half, mask) == pytest.approx(whole / 4, rel=0.03)


def test_fine_detail_looks_only_inside_the_mask() -> None:
    picture = texture()
    picture[:, 32:] = 128
    mask = np.zeros((64, 64), dtype=np.float32)
    mask[:, 40:] = 1
    assert fine_detail(picture, mask) == 0


def test_a_slow_change_of_brightness_is_not_detail() -> None:
    ramp = np.repeat(np.linspace(0, 255, 64)[None], 64, axis=0).astype(np.uint8)[..., None].repeat(3, axis=2)
    mask = np.zeros((64, 64), dtype=np.float32)
    mask[4:-4, 4:-4] = 1
    assert fine_detail(ramp, mask) < 1e-5


def test_correlation_of_known_series() -> None:
    series = np.sin(np.arange(50) / 5)
    assert correlation(series, series * 3 + 1) == pytest.approx(1)
    assert correlation(series, -series) == pytest.approx(-1)
    assert correlation(series, np.ones(50)) == 0
    shuffled = np.random.default_rng(0).permutation(series)
    assert abs(correlation(series, shuffled)) < 0.4
