"""Where one shot ends and another begins."""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.types import FloatArray, Grey

_THUMBNAIL = (32, 18)  # width, height
_LEAST_CHANGE = 20.0  # levels, mean of the thumbnail
_MOST_LIKENESS = 0.6  # correlation of the thumbnails


def thumbnail(grey: Grey) -> FloatArray:
    """What of a frame is compared: its luma at 32 by 18, in which moving things stay in place."""
    return np.asarray(cv2.resize(grey, _THUMBNAIL, interpolation=cv2.INTER_AREA), dtype=np.float32)


def is_cut(before: FloatArray, after: FloatArray) -> bool:
    """Whether a new shot begins between two neighbouring frames, given their thumbnails.

    Both the levels and the pattern must be different: a flash changes the levels and keeps the
    pattern, a moving camera the other way round.
    """
    if float(np.abs(after - before).mean()) < _LEAST_CHANGE:
        return False
    a, b = before - before.mean(), after - after.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return size < 1e-6 or float((a * b).sum()) / size < _MOST_LIKENESS
