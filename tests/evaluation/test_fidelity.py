from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.evaluation.fidelity import MOST_PSNR, look_at, psnr, ssim, ssim_map


def picture(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(40, 210, (60, 80, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1.5)


def test_psnr_of_known_differences() -> None:
    source = np.full((60, 80, 3), 100, dtype=np.uint8)
    assert psnr(source, source) == MOST_PSNR
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
    assert psnr(result, source, mask) == MOST_PSNR
    assert psnr(result, source, 1 - mask) < 15


def test_ssim_of_known_cases() -> None:
    source = cv2.cvtColor(picture(), cv2.COLOR_RGB2GRAY)
    whole = np.ones(source.shape, dtype=np.float32)
    assert ssim(source, source, whole) == pytest.approx(1)
    # Of two flat pictures only the luminance term is left: (2 m n + c) / (m² + n² + c).
    flat, darker = np.full((40, 40), 100, np.uint8), np.full((40, 40), 50, np.uint8)
    expected = (2 * 100 * 50 + 6.5025) / (100**2 + 50**2 + 6.5025)
    assert ssim_map(flat, darker) == pytest.approx(expected, abs=1e-4)
    blurred = [ssim(cv2.GaussianBlur(source, (0, 0), s), source, whole) for s in (0.5, 1, 2)]
    assert 1 > blurred[0] > blurred[1] > blurred[2] > 0
    noise = np.random.default_rng(2).integers(0, 256, (2, 60, 80), dtype=np.uint8)
    assert abs(ssim(noise[0], noise[1], whole)) < 0.1


def test_ssim_looks_only_inside_the_mask() -> None:
    source = cv2.cvtColor(picture(), cv2.COLOR_RGB2GRAY)
    result = source.copy()
    result[:, 50:] = 0
    mask = np.zeros(source.shape, dtype=np.float32)
    mask[:, :40] = 1
    assert ssim(result, source, mask) == pytest.approx(1)


def test_what_a_clip_is_beside_its_pictures(clips: dict[str, Path]) -> None:
    found = look_at(clips["sample_02"])
    assert (found.frames, found.size, found.is_clip) == (123, (1280, 720), True)
    assert len(found.times) == 123
    assert np.diff(found.times) == pytest.approx(1001 / 30000, abs=1e-3)
    assert len(found.sound) == 1
    assert found.tags[-1] == Fraction(1)
    assert look_at(clips["sample_04"]).sound != found.sound


def test_a_folder_has_frames_only(pair_frames: Path) -> None:
    found = look_at(pair_frames)
    assert (found.frames, found.times, found.sound, found.tags) == (12, (), (), ())


def test_what_is_no_clip_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"not a clip")
    with pytest.raises(InputError, match=r"x\.mp4"):
        look_at(tmp_path / "x.mp4")
