"""Edges of masks on the edges of a picture."""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.types import FloatArray, Image, Mask

_REACH = 0.02  # of the side: half the window of the filter
_SMOOTH = 4e-4  # variance of colours 0..1 below which a window has no edge
# What is below is hidden, what is above visible: neither network nor filter is ever quite 0 or 1. The
# middle is where ten labelled frames, none of those tested, had as much hidden as their labels say.
_HIDDEN, _VISIBLE = 0.25, 0.55
_CERTAIN = 0.02  # of 0 and 1: beyond these a mask has no edge
_COARSER = 2  # times the resolution of the filter's statistics


def sharpen_edges(mask: Mask, picture: Image, reach: float = _REACH) -> Mask:
    """``mask`` (S, S) 0..1 with its edges where ``picture`` (S, S, 3) uint8 has some.

    A guided filter (He et al. 2013) with colours as the guide: in each window the mask is a linear function
    of the picture. ``reach`` is half its side as a share of ``S``. Its statistics are of half the resolution
    (He and Sun 2015), and it runs only where the mask has edges.
    """
    side = mask.shape[0]
    radius = max(1, round(reach * side / _COARSER))
    unsure = ((mask > _CERTAIN) & (mask < 1 - _CERTAIN)).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(unsure)
    filtered = mask
    if width:
        room = 2 * _COARSER * (2 * radius + 1)
        rows = slice(max(0, top - room), min(side, top + height + room))
        columns = slice(max(0, left - room), min(side, left + width + room))
        filtered = mask.copy()
        own = picture[rows, columns].astype(np.float32) / np.float32(255)
        filtered[rows, columns] = _guided(np.ascontiguousarray(mask[rows, columns]), own, radius)
    return np.asarray(np.clip((filtered - _HIDDEN) / (_VISIBLE - _HIDDEN), 0, 1), np.float32)


def _guided(mask: Mask, picture: FloatArray, radius: int) -> Mask:
    """The filter's answer; ``radius`` is in pixels of the coarse resolution."""
    height, width = mask.shape
    size = (max(1, width // _COARSER), max(1, height // _COARSER))
    window = (2 * radius + 1,) * 2

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray(cv2.blur(values, window, borderType=cv2.BORDER_REFLECT))

    coarse = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    level = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
    colours, common = mean(coarse), mean(coarse * level[..., None])
    level = mean(level)
    common -= colours * level[..., None]
    products = np.dstack([coarse[..., i] * coarse[..., j] for i, j in _PAIRS])
    spread = mean(products) - np.dstack([colours[..., i] * colours[..., j] for i, j in _PAIRS])
    rr, rg, rb, gg, gb, bb = np.moveaxis(spread, 2, 0)
    rr, gg, bb = rr + _SMOOTH, gg + _SMOOTH, bb + _SMOOTH
    # The inverse of a symmetric 3 x 3 matrix by its cofactors.
    a, b, c = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    d, e, f = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    scale = 1 / (rr * a + rg * b + rb * c)
    x, y, z = np.moveaxis(common, 2, 0)
    slope = np.dstack(
        [(a * x + b * y + c * z) * scale, (b * x + d * y + e * z) * scale, (c * x + e * y + f * z) * scale]
    )
    offset = level - (slope * colours).sum(axis=2)
    line = mean(np.dstack([slope, offset]))
    fine = np.asarray(cv2.resize(line, (width, height), interpolation=cv2.INTER_LINEAR))
    return np.asarray((fine[..., :3] * picture).sum(axis=2) + fine[..., 3], np.float32)


_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
