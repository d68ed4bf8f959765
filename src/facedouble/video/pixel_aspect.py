"""Pixels that are not square: how a stored picture is shown.

The pixel aspect ratio (sample aspect ratio, ``pasp`` in MP4) is the width of a pixel divided by its height.
Faces are found and measured in the picture as it is shown, with square pixels; frames keep their own.
"""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

from facedouble.types import Grey, Image

_TOLERANCE = Fraction(1, 100)  # a distortion that nobody sees; containers round the ratio to whole pixels
_LARGEST = 8  # beyond this the ratio describes no picture


def is_plausible(aspect: Fraction) -> bool:
    """Whether a pixel aspect ratio can be that of a picture; any other is not applied."""
    return Fraction(1, _LARGEST) <= aspect <= _LARGEST


def shown_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Width and height of a picture of ``width`` by ``height`` pixels as it is shown, with square pixels.

    One side grows and none shrinks, so nothing is lost. Equal to the stored size where the pixels are square
    or the ratio is not plausible.
    """
    if abs(aspect - 1) <= _TOLERANCE or not is_plausible(aspect):
        return width, height
    if aspect > 1:
        return round(width * aspect), height
    return width, round(height / aspect)


def as_shown(picture: Image | Grey, aspect: Fraction) -> Image:
    """A stored picture, (H, W, 3) or (H, W) uint8, with square pixels; itself where they are."""
    height, width = picture.shape[:2]
    size = shown_size(width, height, aspect)
    if size == (width, height):
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
