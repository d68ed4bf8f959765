"""What a network sees of a face: its part of the crop, in standard colours, without the background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facedouble.faces.align import recrop
from facedouble.faces.colour import STANDARD_MEAN, standardise, to_float
from facedouble.faces.hull import FOREHEAD, erode_mask, face_hull
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Alignment, FloatArray, Image, Landmarks, Mask

REACH = 0.10  # of the picture's side: how far the face's own colours spread outwards
EDGE = 0.012  # of the picture's side: width of the transition from face to background
GRID = 48  # pixels: the spread colours are smooth, and a blur that wide is slow at full size
INSIDE = 0.03  # the landmarks of the jaw lie on its edge, and sometimes beside it


@dataclass(frozen=True, slots=True)
class InputCrop:
    """The part of a face that a model sees: the central ``coverage`` (0..1) of the stored crop, resized to
    ``resolution`` pixels."""

    resolution: int
    coverage: float

    def alignment(self, alignment: Alignment, crop_size: int) -> Alignment:
        """The alignment to this crop, given a face's ``alignment`` to its stored crop."""
        return recrop(alignment, crop_size, self.coverage, self.resolution)


def network_input(
    crop: Image,
    landmarks: Landmarks,
    scheme: LandmarkScheme,
    statistics: FloatArray,
    visible: Mask | None = None,
) -> FloatArray:
    """A crop (S, S, 3) as networks see it: float32 0..1, standardised colours, background filled.

    ``landmarks`` (P, 2) are in the crop's pixels, ``statistics`` (2, 3) are the colours of the face. What is
    not ``visible`` (S, S) of it, 0..1, is filled as the background is; ``None`` for all visible.
    Training and conversion both use this function, so their networks see the same.
    """
    hull = face_hull(landmarks, crop.shape[0], scheme, forehead=FOREHEAD)
    return masked_input(crop, input_mask(hull, visible), statistics)


def input_mask(hull: Mask, visible: Mask | None = None) -> Mask:
    """The part of a face's hull (S, S) that networks see: without its edge, where landmarks are least
    exact, and without what is not ``visible``."""
    part = erode_mask(hull, INSIDE, beyond=1.0)
    return part if visible is None else part * visible


def masked_input(crop: Image, mask: Mask, statistics: FloatArray) -> FloatArray:
    """:func:`network_input` with a given mask (S, S) of the face."""
    return fill_background(np.clip(standardise(to_float(crop), statistics), 0, 1), mask)


def fill_background(picture: FloatArray, mask: Mask) -> FloatArray:
    """A picture (S, S, 3) in standard colours in which everything outside ``mask`` (S, S) is replaced by the
    face's own colours, spread outwards and fading to the standard mean.

    Hair, collar and background would otherwise tell the encoder who and where this is, and would be painted
    into the frame wherever the new face is narrower than the old one. The filling is a normalised convolution
    (Knutsson and Westin 1993).
    """
    size, coarse = picture.shape[0], min(picture.shape[0], GRID)
    weighed = np.dstack([(picture - STANDARD_MEAN) * mask[..., None], mask])
    spread = cv2.resize(weighed, (coarse, coarse), interpolation=cv2.INTER_AREA)
    spread = np.asarray(cv2.GaussianBlur(spread, (0, 0), REACH * coarse))
    outside = spread[..., :3] / (spread[..., 3:] + 1e-3) + STANDARD_MEAN
    outside = np.asarray(cv2.resize(outside, (size, size), interpolation=cv2.INTER_LINEAR))
    soft = cv2.GaussianBlur(mask, (0, 0), EDGE * size)[..., None]
    return np.asarray(outside + (picture - outside) * soft, dtype=np.float32)
