"""Detail of real pictures, carried over to a drawn one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facedouble.types import FloatArray, Mask

_FINE = 0.06  # of the side: coarser than this, the light of the drawn picture stays


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
    warped to the new face D, the result is D + R - P + pull * fine(P - D): what the model lacks of the real
    face, and a part of the way to it.
    """
    size = regions.shape[1]
    result = _resized(drawn, size)
    pull = np.tensordot(np.array(pulls, dtype=np.float32), regions, 1)
    added = np.zeros_like(result)
    for donor in donors:
        share = np.tensordot(donor.weights, regions, 1)
        rows, columns = _extent(share)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        map_x, map_y = _maps(donor.displacement, size, rows, columns)
        real = _sampled(donor.real, map_x, map_y, size, cv2.INTER_CUBIC)
        own = _sampled(donor.drawn, map_x, map_y, size, cv2.INTER_CUBIC)
        inside = _sampled(donor.inside, map_x, map_y, size, cv2.INTER_LINEAR)
        part = result[rows, columns]
        structure = _fine(own - part, size) * pull[rows, columns, None]
        added[rows, columns] += (real - own + structure) * (inside * share[rows, columns])[..., None]
    return result + added


def _resized(picture: FloatArray, size: int) -> FloatArray:
    if picture.shape[0] == size:
        return picture.copy()
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


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


def _sampled(picture: FloatArray, x: FloatArray, y: FloatArray, size: int, how: int) -> FloatArray:
    side = np.float32(picture.shape[0])
    found = cv2.remap(picture, x * side - np.float32(0.5), y * side - np.float32(0.5), how,
                      borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    return np.asarray(found)


def _fine(difference: FloatArray, size: int) -> FloatArray:
    """A difference without what is coarser than 6% of the side (by boxes, which cost the same at any
    size)."""
    # Blurred small: what is blurred that wide has no more detail than a quarter of the pixels shows.
    high, wide = difference.shape[:2]
    small = cv2.resize(difference, (max(1, wide // 4), max(1, high // 4)), interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(small, (0, 0), _FINE * size / 4, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(difference - cv2.resize(coarse, (wide, high), interpolation=cv2.INTER_LINEAR))
