"""Edges of masks on the edges of a picture."""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.types import FloatArray, Mask

_REACH = 0.02  # of the side: half the window of the filter
_SMOOTH = 4e-4  # variance of colours 0..1 below which a window has no edge
_CLEAR = 0.35  # a mask is stretched by so much at both ends: neither network nor filter is ever quite 0 or 1


def sharpen_edges(mask: Mask, picture: FloatArray, reach: float = _REACH) -> Mask:
    """``mask`` (S, S) 0..1 with its edges where ``picture`` (S, S, 3) 0..1 has some.

    A guided filter (He et al. 2013) with colours as the guide: in each window the mask is a linear function
    of the picture. ``reach`` is half its side as a share of ``S``.
    """
    side = mask.shape[0]
    window = (2 * max(1, round(reach * side)) + 1,) * 2

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray(cv2.blur(values, window, borderType=cv2.BORDER_REFLECT))

    colours = mean(picture)
    level = mean(mask)
    products = np.dstack([picture[..., i] * picture[..., j] for i, j in _PAIRS])
    spread = mean(products) - np.dstack([colours[..., i] * colours[..., j] for i, j in _PAIRS])
    common = mean(picture * mask[..., None]) - colours * level[..., None]
    rr, rg, rb, gg, gb, bb = np.moveaxis(spread, 2, 0)
    rr, gg, bb = rr + _SMOOTH, gg + _SMOOTH, bb + _SMOOTH
    # The inverse of a symmetric 3 x 3 matrix by its cofactors.
    a, b, c = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    d, e, f = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    size = rr * a + rg * b + rb * c
    x, y, z = np.moveaxis(common, 2, 0)
    slope = np.dstack([a * x + b * y + c * z, b * x + d * y + e * z, c * x + e * y + f * z]) / size[..., None]
    offset = level - (slope * colours).sum(axis=2)
    filtered = (mean(slope) * picture).sum(axis=2) + mean(offset)
    return np.asarray(np.clip((filtered - _CLEAR) / (1 - 2 * _CLEAR), 0, 1), np.float32)


_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
