"""What a network sees of a face: its part of the crop, in standard colours, the face alone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facedouble.faces.align import recrop
from facedouble.faces.colour import STANDARD_MEAN, standardise, to_float
from facedouble.faces.hull import FOREHEAD, erode_mask, face_hull
from facedouble.types import Alignment, FloatArray, Image, Landmarks, Mask

_REACH = 0.10  # of the picture's side: how far the face's own colours are carried outwards
_EDGE = 0.012
_GRID = 48  # pixels on which they are carried: they are smooth, and blurring so widely is slow
_INSIDE = 0.03  # the landmarks of the jaw lie on its edge, and sometimes beside it


@dataclass(frozen=True, slots=True)
class InputCrop:
    """The part of a face that a model sees: the central ``coverage`` (0..1) of the stored crop,
    ``resolution`` pixels wide."""

    resolution: int
    coverage: float

    def of(self, alignment: Alignment, crop_size: int) -> Alignment:
        """Alignment to the view's pixels, of a face whose ``alignment`` is to its stored crop."""
        return recrop(alignment, crop_size, self.coverage, self.resolution)


def network_input(crop: Image, landmarks: Landmarks, statistics: FloatArray) -> FloatArray:
    """A crop (S, S, 3) as networks see it: float32 0..1 in the standard colouring, the face alone.

    ``landmarks`` (68, 2) are in the crop's pixels, ``statistics`` (2, 3) the colours of the face.
    Training and conversion both look through this, so both see the same.
    """
    hull = face_hull(landmarks, crop.shape[0], forehead=FOREHEAD)
    return masked_input(crop, input_mask(hull), statistics)


def input_mask(hull: Mask) -> Mask:
    """The part of a face's hull (S, S) that networks see: without the edge, where landmarks err."""
    return erode_mask(hull, _INSIDE, beyond=1.0)


def masked_input(crop: Image, part: Mask, statistics: FloatArray) -> FloatArray:
    """:func:`network_input` for a part of the face (S, S) that is known already."""
    return fill_background(np.clip(standardise(to_float(crop), statistics), 0, 1), part)


def fill_background(picture: FloatArray, mask: Mask) -> FloatArray:
    """A picture (S, S, 3) in the standard colouring with what lies outside ``mask`` (S, S) painted
    over by the face's own colours, carried outwards and fading to the standard mean.

    Hair, collar and background would otherwise tell the encoder who it sees and where, and would
    be painted into the frame wherever the new face is narrower than the old. The painting is a
    normalised convolution (Knutsson and Westin 1993).
    """
    size, coarse = picture.shape[0], min(picture.shape[0], _GRID)
    weighed = np.dstack([(picture - STANDARD_MEAN) * mask[..., None], mask])
    carried = cv2.resize(weighed, (coarse, coarse), interpolation=cv2.INTER_AREA)
    carried = np.asarray(cv2.GaussianBlur(carried, (0, 0), _REACH * coarse))
    outside = carried[..., :3] / (carried[..., 3:] + 1e-3) + STANDARD_MEAN
    outside = np.asarray(cv2.resize(outside, (size, size), interpolation=cv2.INTER_LINEAR))
    soft = cv2.GaussianBlur(mask, (0, 0), _EDGE * size)[..., None]
    return np.asarray(outside + (picture - outside) * soft, dtype=np.float32)
