"""Measures of a swap. Each docstring gives formula, unit, direction and what is good."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.types import Image, Mask


def fine_detail(crop: Image, mask: Mask) -> float:
    """Energy of the fine detail of a face: mean square of luma (0..1) less its Gaussian blur of
    one pixel, inside ``mask`` (H, W). Compare crops of one size only; the ratio to the person's real
    faces is 1 when the picture is as detailed as they are, lower when it is soft."""
    luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    fine = luma - cv2.GaussianBlur(luma, (0, 0), 1.0)
    return float((fine**2 * mask).sum() / max(float(mask.sum()), 1e-6))


def correlation(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Pearson correlation of two series, -1..1; 1 when one follows the other. 0 where one is
    constant. For the mouth's opening over time 0.88 and more reads as the same speech."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if len(x) < 2 or x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])
