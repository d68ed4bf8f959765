"""What is carried over from a reference to a drawn face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facedouble.conversion.detail.transfer import Donor, carry_detail

SIZE = 128
STILL = np.zeros((16, 16, 2), np.float32)
EVERYWHERE = np.ones((1, SIZE, SIZE), np.float32)


def picture(seed: int, softness: float) -> np.ndarray:
    noise = np.random.default_rng(seed).random((SIZE, SIZE, 3)).astype(np.float32)
    return np.asarray(0.5 + 2 * (cv2.GaussianBlur(noise, (0, 0), softness) - 0.5), np.float32)


def donor(real: np.ndarray, drawn: np.ndarray, share: float = 1.0) -> Donor:
    inside = np.ones((SIZE, SIZE), np.float32)
    return Donor(real, inside, drawn, STILL, np.array([share], np.float32))


def test_a_face_drawn_exactly_like_a_reference_becomes_its_real_picture() -> None:
    real = picture(0, 1.0)
    drawn = np.asarray(cv2.GaussianBlur(real, (0, 0), 3), np.float32)
    for pull in (0.0, 0.7):
        assert np.allclose(carry_detail(drawn, [donor(real, drawn)], EVERYWHERE, [pull]), real, atol=1e-5)


def test_a_reference_that_the_model_draws_perfectly_adds_nothing_without_pull() -> None:
    drawn, real = picture(1, 3.0), picture(2, 3.0)
    assert np.allclose(carry_detail(drawn, [donor(real, real)], EVERYWHERE, [0.0]), drawn, atol=1e-5)


def test_pull_goes_to_the_real_structure_and_leaves_the_light() -> None:
    drawn, real = picture(3, 2.0), picture(4, 2.0) + np.float32(0.2)
    pulled = carry_detail(drawn, [donor(real, real)], EVERYWHERE, [1.0])

    def split(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        light = cv2.GaussianBlur(image, (0, 0), 0.15 * SIZE)
        return light, image - cv2.GaussianBlur(image, (0, 0), 0.03 * SIZE)

    (light, fine), (light_drawn, _), (_, fine_real) = split(pulled), split(drawn), split(real)
    assert np.abs(light - light_drawn).mean() < 0.1 * 0.2
    inner = (slice(20, -20), slice(20, -20))
    assert np.corrcoef(fine[inner].ravel(), fine_real[inner].ravel())[0, 1] > 0.95


def test_shares_and_regions_limit_what_is_carried() -> None:
    real = picture(5, 1.0)
    drawn = np.asarray(cv2.GaussianBlur(real, (0, 0), 3), np.float32)
    half = EVERYWHERE.copy()
    half[0, :, : SIZE // 2] = 0
    result = carry_detail(drawn, [donor(real, drawn)], half, [0.0])
    assert np.allclose(result[:, : SIZE // 2], drawn[:, : SIZE // 2], atol=1e-6)
    assert np.allclose(result[:, SIZE // 2 :], real[:, SIZE // 2 :], atol=1e-5)
    weak = carry_detail(drawn, [donor(real, drawn, 0.25)], EVERYWHERE, [0.0])
    assert np.allclose(weak - drawn, 0.25 * (real - drawn), atol=1e-5)
    assert np.array_equal(carry_detail(drawn, [], EVERYWHERE, [0.0]), drawn)


def test_the_result_is_as_fine_as_the_references() -> None:
    real = picture(6, 0.8)
    small = np.asarray(cv2.resize(real, (32, 32), interpolation=cv2.INTER_AREA), np.float32)
    result = carry_detail(small, [donor(real, small)], EVERYWHERE, [0.5])
    assert result.shape == (SIZE, SIZE, 3)
    assert np.abs(result - real).max() == pytest.approx(0, abs=1e-5)


def test_detail_is_put_into_the_light_of_the_new_face() -> None:
    real = np.asarray(0.4 + 0.3 * (picture(7, 1.0) - 0.5), np.float32)
    drawn = np.asarray(cv2.GaussianBlur(real, (0, 0), 3), np.float32)
    light = np.linspace(0.55, 1.0, SIZE, dtype=np.float32)[None, :, None]
    result = carry_detail(drawn * light, [donor(real, drawn)], EVERYWHERE, [0.7])
    added = drawn * light + real - drawn
    inner = (slice(8, -8), slice(8, -8))
    truth = real * light
    assert np.abs(result - truth)[inner].mean() < 0.35 * np.abs(added - truth)[inner].mean()
