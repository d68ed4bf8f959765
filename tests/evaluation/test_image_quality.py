import cv2
import numpy as np
import pytest

from facedouble.evaluation.image_quality import MAX_PSNR, fine_detail, psnr, ssim, ssim_map


def picture(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(40, 210, (60, 80, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1.5)


def test_psnr_of_known_differences() -> None:
    source = np.full((60, 80, 3), 100, dtype=np.uint8)
    assert psnr(source, source) == MAX_PSNR
    assert psnr(source + np.uint8(10), source) == pytest.approx(28.13, abs=0.01)
    one_channel = source.copy()
    one_channel[..., 1] += 10
    assert psnr(one_channel, source) == pytest.approx(28.13 + 4.77, abs=0.01)
    white, black = np.full_like(source, 255), np.zeros_like(source)
    assert psnr(white, black) == pytest.approx(0)


def test_psnr_looks_only_inside_the_mask() -> None:
    source = picture()
    result = source.copy()
    result[:, 40:] = 0
    mask = np.zeros((60, 80), dtype=np.float32)
    mask[:, :40] = 1
    assert psnr(result, source, mask) == MAX_PSNR
    assert psnr(result, source, 1 - mask) < 15


def test_ssim_of_known_cases() -> None:
    source = np.asarray(cv2.cvtColor(picture(), cv2.COLOR_RGB2GRAY), np.uint8)
    whole = np.ones(source.shape, dtype=np.float32)
    assert ssim(source, source, whole) == pytest.approx(1)
    # Of two flat pictures only the luminance term is left: (2 m n + c) / (m² + n² + c).
    flat, darker = np.full((40, 40), 100, np.uint8), np.full((40, 40), 50, np.uint8)
    expected = (2 * 100 * 50 + 6.5025) / (100**2 + 50**2 + 6.5025)
    assert ssim_map(flat, darker) == pytest.approx(expected, abs=1e-4)
    softer = [np.asarray(cv2.GaussianBlur(source, (0, 0), s), np.uint8) for s in (0.5, 1, 2)]
    blurred = [ssim(image, source, whole) for image in softer]
    assert 1 > blurred[0] > blurred[1] > blurred[2] > 0
    noise = np.random.default_rng(2).integers(0, 256, (2, 60, 80), dtype=np.uint8)
    assert abs(ssim(noise[0], noise[1], whole)) < 0.1


def test_ssim_looks_only_inside_the_mask() -> None:
    source = np.asarray(cv2.cvtColor(picture(), cv2.COLOR_RGB2GRAY), np.uint8)
    result = source.copy()
    result[:, 50:] = 0
    mask = np.zeros(source.shape, dtype=np.float32)
    mask[:, :40] = 1
    assert ssim(result, source, mask) == pytest.approx(1)


def texture() -> np.ndarray:
    return np.random.default_rng(0).integers(60, 200, (64, 64, 3), dtype=np.uint8)


def test_fine_detail_falls_with_blur_and_is_a_square() -> None:
    mask = np.ones((64, 64), dtype=np.float32)
    picture = texture()
    whole = fine_detail(picture, mask)
    assert fine_detail(np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.7), np.uint8), mask) < 0.5 * whole
    assert fine_detail(np.asarray(cv2.GaussianBlur(picture, (0, 0), 2), np.uint8), mask) < 0.02 * whole
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
