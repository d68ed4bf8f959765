"""How a new face is blended with the frame.

Every blend takes a region of the frame (H, W, 3), the new picture (H, W, 3) and the mask (H, W), all float32
0..1, and returns picture and alpha for plain compositing, ``alpha * picture + (1 - alpha) * old``. So the
composite and what a compositing program is given (output mode ``rgba``) agree, and where the mask is 0 the
frame stays as it is.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import splu

from facedouble.types import FloatArray, Mask

_LEVELS = 5
_MIN_LEVEL_SIZE = 8  # pixels, of the coarsest level of a pyramid
_GRID = 48  # cells on the longer side of the grid on which the Poisson equation is solved
_FADE = 4.0  # alpha reaches 1 where the mask is 1/4


def alpha(old: FloatArray, new: FloatArray, mask: Mask) -> tuple[FloatArray, Mask]:
    """By the mask alone."""
    return new, mask


def multiband(old: FloatArray, new: FloatArray, mask: Mask) -> tuple[FloatArray, Mask]:
    """Laplacian pyramids (Burt and Adelson 1983): coarse differences fade over a wide edge, fine ones over a
    narrow edge."""
    difference, seam = new - old, (mask > 0.5).astype(np.float32)
    bands, weights = [], []
    for _ in range(_LEVELS):
        if min(seam.shape) < 2 * _MIN_LEVEL_SIZE:
            break
        smaller = np.asarray(cv2.pyrDown(difference), dtype=np.float32)
        size = (difference.shape[1], difference.shape[0])
        bands.append(difference - np.asarray(cv2.pyrUp(smaller, dstsize=size)))
        weights.append(seam)
        difference, seam = smaller, np.asarray(cv2.pyrDown(seam), dtype=np.float32)
    result = difference * seam[..., None]
    for band, weight in zip(reversed(bands), reversed(weights), strict=True):
        size = (band.shape[1], band.shape[0])
        result = np.asarray(cv2.pyrUp(result, dstsize=size)) + band * weight[..., None]
    return old + result, np.minimum(mask * _FADE, 1)


def seamless(old: FloatArray, new: FloatArray, mask: Mask) -> tuple[FloatArray, Mask]:
    """Poisson cloning (Pérez et al. 2003): the new picture's gradients, with the frame's colours around it.

    It is solved for the difference at the seam. That is a smooth membrane, so a coarse grid is enough
    (Farbman et al. 2009), and averaging the seam over the cells of the grid prevents flicker. It works in
    floating point and up to the border of the frame.
    """
    height, width = mask.shape
    step = max(height, width) / _GRID
    grid = (max(3, round(width / step)), max(3, round(height / step)))
    difference = np.asarray(cv2.resize(old - new, grid, interpolation=cv2.INTER_AREA), dtype=np.float32)
    inside = np.asarray(cv2.resize(mask, grid, interpolation=cv2.INTER_AREA)) > 0.5
    membrane = _membrane(difference, inside)
    spread = np.asarray(cv2.resize(membrane, (width, height), interpolation=cv2.INTER_CUBIC))
    return new + spread, mask


def _membrane(values: FloatArray, inside: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> FloatArray:
    """``values`` (h, w, 3) outside, and their harmonic interpolation ``inside`` (h, w). The
    outermost cells count as outside."""
    inside = inside.copy()
    inside[0], inside[-1], inside[:, 0], inside[:, -1] = False, False, False, False
    rows, columns = np.nonzero(inside)
    if len(rows) == 0:
        return values
    number = np.full(inside.shape, -1)
    number[rows, columns] = np.arange(len(rows))
    constants = np.zeros((len(rows), 3))
    i, j = [np.arange(len(rows))], [np.arange(len(rows))]
    entries = [np.full(len(rows), 4.0)]
    for down, along in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        neighbour = number[rows + down, columns + along]
        known = neighbour < 0
        constants[known] += values[rows + down, columns + along][known]
        i.append(np.nonzero(~known)[0])
        j.append(neighbour[~known])
        entries.append(np.full(len(i[-1]), -1.0))
    matrix = coo_array((np.concatenate(entries), (np.concatenate(i), np.concatenate(j)))).tocsc()
    result = values.copy()
    result[rows, columns] = splu(matrix).solve(constants).astype(np.float32)
    return result
