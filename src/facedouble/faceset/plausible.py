"""Whether landmarks can be those of a face.

Numbers may be finite and still be nobody's: all points in one place or on one line, an alignment that has
nothing to do with them, a face that is nowhere near its frame. Nothing can be drawn for such a face, so no
command may count it among those it worked on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from facedouble.faces.schemes.scheme import scheme_of
from facedouble.types import Face

# In shares of the crop's side, far beyond what real faces reach: in 4,000 faces the points spread by 0.10 to
# 0.18 in their two directions, and their mean is at most 0.06 off the middle.
_SPREAD = (0.004, 1.5)
_OFF_CENTRE = 1.0
_AT_A_TIME = 1000  # faces


def implausible(faces: Sequence[Face], width: int, height: int) -> tuple[Face, str] | None:
    """One of ``faces`` that can be none in frames of this size, and why; ``None`` if all can."""
    by_scheme: dict[str, list[Face]] = {}
    for face in faces:
        by_scheme.setdefault(face.scheme, []).append(face)
    for members in by_scheme.values():
        for start in range(0, len(members), _AT_A_TIME):
            some = members[start : start + _AT_A_TIME]
            for wrong, reason in _reasons(some, width, height):
                if wrong.any():
                    return some[int(np.argmax(wrong))], reason
    return None


def _reasons(faces: Sequence[Face], width: int, height: int) -> Iterator[tuple[npt.NDArray[np.bool_], str]]:
    """Which of ``faces``, all of one scheme, are wrong in each way."""
    inner = list(scheme_of(faces[0]).inner)
    alignments = np.stack([face.alignment for face in faces])
    sizes = np.array([face.crop_size for face in faces], dtype=np.float64)
    linear, move = alignments[:, :, :2], alignments[:, :, 2]
    for points in ([face.smoothed for face in faces], [face.landmarks for face in faces]):
        known = np.stack(points).astype(np.float64)[:, inner]
        placed = (known @ linear.transpose(0, 2, 1) + move[:, None] + 0.5) / sizes[:, None, None]
        centre = np.nanmean(placed, axis=1)
        x, y = np.moveaxis(placed - centre[:, None], 2, 0)
        xx, yy, xy = (np.nanmean(product, axis=1) for product in (x * x, y * y, x * y))
        root = np.sqrt((xx - yy) ** 2 / 4 + xy**2)
        # The eigenvalues of the covariance: how far points spread along it and across.
        least, most = (np.sqrt(np.maximum((xx + yy) / 2 + sign * root, 0)) for sign in (-1, 1))
        yield ~((least >= _SPREAD[0]) & (most <= _SPREAD[1])), "its landmarks are not those of a face"
        yield ~(np.abs(centre - 0.5) <= _OFF_CENTRE).all(axis=1), "its landmarks do not lie in its crop"
    square = np.array([(0, 0), (1, 0), (0, 1), (1, 1)]) * sizes[:, None, None]
    corners = (square - move[:, None]) @ np.linalg.inv(linear).transpose(0, 2, 1)
    (left, top), (right, bottom) = corners.min(axis=1).T, corners.max(axis=1).T
    yield (right < 0) | (bottom < 0) | (left > width) | (top > height), "it lies outside its frame"
