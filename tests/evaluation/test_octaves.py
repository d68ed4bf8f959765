"""Octaves: blurring and sharpening by known amounts move each band as computed."""

import itertools

import cv2
import numpy as np
import pytest

from facedouble.evaluation.octaves import SCALES, octave_energies

SIDE = 256
ALL = np.ones((SIDE, SIDE), dtype=np.float32)


def noise(strength: float = 25) -> np.ndarray:
    """A grey picture (SIDE, SIDE) of white noise, float32 0..255."""
    values = np.random.default_rng(3).normal(128, strength, (SIDE, SIDE))
    return np.clip(values, 0, 255).astype(np.float32)


def gain(sigma: float) -> np.ndarray:
    """What a Gaussian blur leaves of each frequency, the kernel of which is that of OpenCV."""
    impulse = np.zeros((SIDE, SIDE), dtype=np.float32)
    impulse[0, 0] = 1
    return np.fft.fft2(cv2.GaussianBlur(np.roll(impulse, (64, 64), (0, 1)), (0, 0), sigma))


def rolled(gain_at: np.ndarray) -> np.ndarray:
    return np.abs(gain_at)


def expected(filtered: np.ndarray) -> np.ndarray:
    """Energies of the bands of white noise of which a filter leaves so much at each frequency."""
    blurs = [gain(scale) for scale in SCALES]
    bands = [fine - coarse for fine, coarse in itertools.pairwise(blurs)]
    return np.array([float((rolled(band) ** 2 * filtered**2).mean()) for band in bands])


def as_picture(luma: np.ndarray) -> np.ndarray:
    return np.repeat(np.clip(luma, 0, 255).round().astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("sigma", [0.7, 1.5, 3.0])
def test_a_blur_weakens_each_band_as_computed(sigma: float) -> None:
    before, after = (
        octave_energies(as_picture(noise()), ALL),
        octave_energies(as_picture(cv2.GaussianBlur(noise(), (0, 0), sigma)), ALL),
    )
    computed = expected(rolled(gain(sigma))) / expected(np.ones((SIDE, SIDE)))
    rounding = 1 / 12 / 255**2  # of 8 bits, spread over all frequencies
    assert after / before == pytest.approx(computed, rel=0.12, abs=rounding / before.min())
    assert after[0] / before[0] < after[1] / before[1] < after[2] / before[2]


def test_sharpening_lifts_each_band_as_computed() -> None:
    picture, amount = noise(12), 1.4
    sharp = picture + amount * (picture - cv2.GaussianBlur(picture, (0, 0), 2.0))
    before, after = (octave_energies(as_picture(luma), ALL) for luma in (picture, sharp))
    lifted = np.abs(1 + amount * (1 - gain(2.0) / np.where(gain(1e-3) == 0, 1, gain(1e-3))))
    computed = expected(lifted) / expected(np.ones((SIDE, SIDE)))
    assert after / before == pytest.approx(computed, rel=0.05)
    assert after[0] / before[0] > after[2] / before[2] > 1.2


def test_only_what_is_inside_the_mask_counts() -> None:
    picture = as_picture(noise())
    picture[:, SIDE // 2 :] = 128
    mask = np.zeros_like(ALL)
    mask[:, SIDE // 2 + 20 :] = 1
    assert octave_energies(picture, mask) == pytest.approx(0, abs=1e-6)
    assert (octave_energies(picture, ALL) > 1e-5).all()
