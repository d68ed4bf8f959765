"""The chip: the small upright picture of a face that dlib's face descriptor is shown."""

from __future__ import annotations

import numpy as np

from facedouble.faces.align import fast_crop, fit_similarity
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Alignment, Image, Landmarks

CHIP = 150
"""Side in pixels."""

_PADDING = 0.25
"""On each side, as a share of the region that the five points are given in."""

# Where dlib puts the five points of its model, as shares of that region (image_transforms/interpolation.h):
# left eye from its outer to its inner corner, right eye the same, base of the nose.
_FIVE = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)


def chip_alignment(landmarks: Landmarks, scheme: LandmarkScheme) -> Alignment:
    """The similarity (2, 3) that takes frame points to points of the chip, by five of the landmarks (P, 2),
    as dlib's ``get_face_chip`` does with its five-point model."""
    source = five_points(landmarks, scheme).astype(np.float64)
    target = (_PADDING + _FIVE) / (2 * _PADDING + 1) * CHIP - 0.5
    return fit_similarity(source, target, np.ones(len(_FIVE)))


def face_chip(image: Image, landmarks: Landmarks, scheme: LandmarkScheme) -> Image:
    """The chip (150, 150, 3) of the face with ``landmarks`` (P, 2) in the RGB ``image``."""
    return fast_crop(image, chip_alignment(landmarks, scheme), CHIP)


def five_points(landmarks: Landmarks, scheme: LandmarkScheme) -> Landmarks:
    """The points (5, 2) of dlib's five-point model: left eye from its outer to its inner corner, right eye
    the same, base of the nose."""
    regions = scheme.regions
    (right_outer, right_inner), (left_inner, left_outer) = (eye.opening.corners for eye in regions.eyes)
    return landmarks[[left_outer, left_inner, right_outer, right_inner, regions.nose_base]]
