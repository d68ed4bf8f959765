"""Detail of real pictures, carried over to a drawn one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facedouble.types import FloatArray, Mask

_COARSE = 0.06  # of the side: coarser than this, the light of the drawn picture stays
_ENOUGH = 192  # pixels a side that show all of what a model draws
_MAX_LIGHT = 2.0  # times as much light, or as little, as on the reference
_DARK = 0.05  # of white: in darkness, ratios of light mean nothing


@dataclass(frozen=True, slots=True)
class Donor:
    """A reference at work in a face.

    ``real`` (R, R, 3) is its picture in standard colours, ``inside`` (R, R) 0..1 where it shows the face,
    ``drawn`` (D, D, 3) what the model draws of it. ``displacement`` (G, G, 2), in shares of the side, takes
    points of the new face to points of the reference. ``weights`` (K,): its share in each region.
    """

    real: FloatArray
    inside: Mask
    drawn: FloatArray
    displacement: FloatArray
    weights: FloatArray


def carry_detail(
    drawn: FloatArray, donors: Sequence[Donor], regions: FloatArray, pulls: Sequence[float]
) -> FloatArray:
    """A drawn picture (D, D, 3) with what its model leaves out, (R, R, 3).

    ``regions`` (K, R, R) are soft masks of the regions, ``pulls`` (K,) how far each one's structure goes from
    the drawn towards the real one. With R a donor's real picture and P what the model draws of it, both
    warped to the new face D and put into its light, the result is D + R - P + pull * fine(P - D): what the
    model lacks of the real face, and a part of the way to it. Into its light: multiplied by the ratio of what
    is coarse in D and in P.
    """
    size = regions.shape[1]
    factor = max(1, size // _ENOUGH)
    own_size = size // factor  # what a model draws, and its light, need no more
    own_regions = np.stack([_resized(region, own_size) for region in regions])
    pull = np.tensordot(np.array(pulls, dtype=np.float32), own_regions, 1)[..., None]
    new_coarse = _enlarged(_coarse(drawn), own_size, own_size)
    new_pull = pull * (_resized(drawn, own_size) - new_coarse)
    result = _resized(drawn, size).copy()
    added = np.zeros_like(result)
    for donor in donors:
        share = np.tensordot(donor.weights, own_regions, 1)
        rows, columns = _extent(share)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        map_x, map_y = _maps(donor.displacement, own_size, rows, columns)
        own = _sampled(donor.drawn, map_x, map_y, cv2.INTER_CUBIC)
        own_coarse = _sampled(_coarse(donor.drawn), map_x, map_y, cv2.INTER_LINEAR)
        light = _light(new_coarse[rows, columns], own_coarse)
        own -= pull[rows, columns] * (own - own_coarse)
        less = own * light[..., None] + new_pull[rows, columns]
        weight = _sampled(donor.inside, map_x, map_y, cv2.INTER_LINEAR) * share[rows, columns]
        wide, high = own.shape[1] * factor, own.shape[0] * factor
        rows, columns = (slice(part.start * factor, part.stop * factor) for part in (rows, columns))
        if factor > 1:
            map_x, map_y = _maps(donor.displacement, size, rows, columns)
        part = _sampled(donor.real, map_x, map_y, cv2.INTER_CUBIC)
        part *= _enlarged(light, wide, high)[..., None]
        part -= _enlarged(less, wide, high)
        part *= _enlarged(weight, wide, high)[..., None]
        added[rows, columns] += part
    result += added
    return result


def _light(new: FloatArray, reference: FloatArray) -> FloatArray:
    """How much more light falls on the coarse picture ``new`` (H, W, 3) than on the ``reference``, (H, W)."""
    thirds = np.full((1, 3), 1 / 3, dtype=np.float32)
    bright, known = (
        np.asarray(cv2.transform(picture, thirds)) + np.float32(_DARK) for picture in (new, reference)
    )
    ratio = np.clip(bright / np.maximum(known, np.float32(_DARK)), 1 / _MAX_LIGHT, _MAX_LIGHT)
    return np.asarray(ratio, dtype=np.float32)


def _coarse(picture: FloatArray) -> FloatArray:
    """What of a picture (S, S, 3) is coarser than 6% of its side, a quarter as large: what is blurred that
    wide has no more detail."""
    size = picture.shape[0]
    side = max(1, size // 4)
    small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), _COARSE * side, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(soft)


def _resized(picture: FloatArray, size: int) -> FloatArray:
    if picture.shape[0] == size:
        return picture
    how = cv2.INTER_AREA if size < picture.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (size, size), interpolation=how), dtype=np.float32)


def _enlarged(picture: FloatArray, wide: int, high: int) -> FloatArray:
    """A part of a picture, as a float array with the same axes, without change if it has that size."""
    if picture.shape[:2] == (high, wide):
        return picture
    larger = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_LINEAR)
    return np.asarray(larger, dtype=np.float32).reshape(high, wide, *picture.shape[2:])


def _extent(share: FloatArray) -> tuple[slice, slice]:
    rows, columns = np.nonzero(share.max(axis=1) > 0.004)[0], np.nonzero(share.max(axis=0) > 0.004)[0]
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _maps(displacement: FloatArray, size: int, rows: slice, columns: slice) -> tuple[FloatArray, FloatArray]:
    """Where the donor is sampled for the pixels of ``rows`` and ``columns``, in shares of the side."""
    fine = cv2.resize(displacement, (size, size), interpolation=cv2.INTER_CUBIC)[rows, columns]
    x = (np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
    return fine[..., 0] + x[None], fine[..., 1] + y[:, None]


def _sampled(picture: FloatArray, x: FloatArray, y: FloatArray, how: int) -> FloatArray:
    """A picture sampled at places in shares of its side."""
    side = np.float32(picture.shape[0])
    found = cv2.remap(picture, x * side - np.float32(0.5), y * side - np.float32(0.5), how,
                      borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(found)
