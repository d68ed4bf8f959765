"""Pictures as pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]
"""(H, W, 3) RGB or (H, W, 4) RGBA, not premultiplied; uint8 of 0..255 or uint16 of 0..65535."""


def to_eight_bits(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """uint16 rounded to uint8; uint8 as it is."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
