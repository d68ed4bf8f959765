"""Painting on a mask."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facedouble.types import Grey


def painted(
    mask: Grey, path: npt.NDArray[np.float64], radius: float, *, value: int, softness: float = 0.0
) -> Grey:
    """A mask (S, S) with a stroke of a round brush over it.

    ``path`` (K, 2) are the points of the stroke and ``radius`` that of the brush, in the mask's pixels, pixel
    centres at whole numbers. ``softness`` is the share of the radius, 0..1, over which the stroke fades at
    its edge; at least one pixel always does. ``value`` is what a pixel under the stroke becomes.
    """
    height, width = mask.shape
    cover = np.zeros(mask.shape, dtype=np.float32)
    fade = max(1.0, radius * softness)
    reach = radius + fade / 2 + 1
    starts, ends = (path, path) if len(path) == 1 else (path[:-1], path[1:])
    for start, end in zip(starts, ends, strict=True):
        left, top = np.floor(np.minimum(start, end) - reach).astype(int).clip(0, (width, height)).tolist()
        right, bottom = np.ceil(np.maximum(start, end) + reach).astype(int).clip(-1, (width - 1, height - 1))
        if right < left or bottom < top:
            continue
        y, x = np.mgrid[top : bottom + 1, left : right + 1].astype(np.float32)
        x, y = x - start[0], y - start[1]
        along = end - start
        length = float(along @ along)
        share = np.clip((x * along[0] + y * along[1]) / length, 0, 1) if length else 0.0
        distance = np.hypot(x - share * along[0], y - share * along[1])
        part = cover[top : bottom + 1, left : right + 1]
        np.maximum(part, np.clip((radius - distance) / fade + 0.5, 0, 1), out=part)
    return np.rint(mask + cover * (value - mask.astype(np.float32))).astype(np.uint8)
