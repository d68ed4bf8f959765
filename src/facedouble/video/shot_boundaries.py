"""Detection of cuts between shots."""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.types import FloatArray, Grey

_THUMBNAIL = (32, 18)  # width, height
_MIN_CHANGE = 20.0  # levels, mean of the thumbnail
_MAX_CORRELATION = 0.6  # correlation of the thumbnails


def thumbnail(grey: Grey) -> FloatArray:
    """The luma of a frame at 32 by 18, so small that moving things hardly change it."""
    return np.asarray(cv2.resize(grey, _THUMBNAIL, interpolation=cv2.INTER_AREA), dtype=np.float32)


def is_cut(before: FloatArray, after: FloatArray) -> bool:
    """Whether there is a cut between two neighbouring frames, given their thumbnails.

    Both levels and pattern must change: a flash changes only the levels, a moving camera only the pattern.
    """
    if float(np.abs(after - before).mean()) < _MIN_CHANGE:
        return False
    a, b = before - before.mean(), after - after.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return size < 1e-6 or float((a * b).sum()) / size < _MAX_CORRELATION
