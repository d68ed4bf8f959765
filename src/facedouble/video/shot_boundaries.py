"""Detection of cuts between shots."""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.types import Grey

THUMBNAIL = (32, 18)
"""Width and height of the pictures that are compared: so small that moving things hardly change them."""
_MIN_CHANGE = 20.0  # levels, mean of the thumbnail
_MAX_CORRELATION = 0.6  # correlation of the thumbnails


def is_cut(before: Grey, after: Grey) -> bool:
    """Whether there is a cut between two neighbouring frames, given their luma in the size ``THUMBNAIL``.

    Both levels and pattern must change: a flash changes only the levels, a moving camera only the pattern.
    """
    if float(cv2.norm(before, after, cv2.NORM_L1)) / before.size < _MIN_CHANGE:
        return False
    a, b = before - before.mean(), after - after.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return size < 1e-6 or float((a * b).sum()) / size < _MAX_CORRELATION
