"""Quality of pictures: pure functions of a picture, or of a picture and its reference."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.types import Grey, Image, Mask

MAX_PSNR = 100.0
"""dB reported for identical pictures."""

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(result: Image, source: Image, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio, 10 log10(255² / mean squared difference), of images (H, W, 3) inside
    ``mask`` (H, W); in dB, higher is more alike, at most :data:`MAX_PSNR`."""
    # Squares of 8 bits fit in uint16, where this is several times faster than in floating point.
    apart = cv2.absdiff(result, source)
    squares = cv2.multiply(apart, apart, dtype=cv2.CV_16U)
    error = float(np.mean(cv2.mean(squares, None if mask is None else (mask > 0.5).astype(np.uint8))[:3]))
    return MAX_PSNR if error == 0 else min(MAX_PSNR, float(10 * np.log10(255**2 / error)))


def ssim_map(result: Grey, source: Grey) -> npt.NDArray[np.float32]:
    """Structural similarity (Wang et al. 2004) at each pixel of two grey pictures (H, W), -1..1.

    With the published constants: a Gaussian window of 1.5 pixels, K1 0.01, K2 0.03."""
    x, y = result.astype(np.float32), source.astype(np.float32)

    def mean(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), dtype=np.float32)

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    similarity = (2 * mx * my + _C1) * (2 * cov + _C2) / ((mx * mx + my * my + _C1) * (vx + vy + _C2))
    return np.asarray(similarity, dtype=np.float32)


def ssim(result: Grey, source: Grey, mask: Mask) -> float:
    """Mean of :func:`ssim_map` over ``mask`` (H, W); 1 for identical pictures."""
    return float((ssim_map(result, source) * mask).sum() / max(float(mask.sum()), 1e-6))


def fine_detail(crop: Image, mask: Mask) -> float:
    """Energy of the fine detail of a face: mean square of luma (0..1) minus its Gaussian blur of one pixel,
    inside ``mask`` (H, W). Only crops of one size are comparable. Divided by that of the person's real
    faces it is 1 if the picture is as detailed as they are, and lower if it is soft."""
    luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    fine = luma - cv2.GaussianBlur(luma, (0, 0), 1.0)
    return float((fine**2 * mask).sum() / max(float(mask.sum()), 1e-6))
