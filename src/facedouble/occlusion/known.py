"""Faces as examples are made of them."""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.faces.align import map_points, recrop
from facedouble.faces.hull import FOREHEAD, face_hull
from facedouble.faces.landmarks import eye_centres
from facedouble.faces.schemes.mediapipe478 import MEDIAPIPE478
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.occlusion.examples import KnownFace
from facedouble.occlusion.network import SIDE
from facedouble.types import Grey, Image, Landmarks, Mask


def known_face(
    crop: Image,
    landmarks: Landmarks,
    scheme: LandmarkScheme = MEDIAPIPE478,
    *,
    visible: Mask | Grey | None = None,
    reference: Image | None = None,
    hand: Mask | None = None,
) -> KnownFace:
    """A face from its crop (S, S, 3) of any side and its landmarks (P, 2) in the crop's pixels. ``visible``
    is a mask of any side, 0..1 or in 8 bits; ``reference`` and ``hand`` are of the network's side."""
    points = map_points(recrop(np.eye(2, 3), crop.shape[0], 1.0, SIDE), landmarks)
    right, left = eye_centres(points, scheme)
    lips = scheme.points(points, scheme.regions.lips)
    return KnownFace(
        crop=resized(crop),
        hull=face_hull(points, SIDE, scheme, forehead=FOREHEAD),
        right_eye=np.asarray(right, np.float64),
        left_eye=np.asarray(left, np.float64),
        mouth=np.asarray(lips.mean(axis=0), np.float64),
        visible=None if visible is None else as_mask(visible),
        reference=reference,
        hand=hand,
    )


def resized(crop: Image) -> Image:
    """A crop at the network's side."""
    if crop.shape[0] == SIDE:
        return crop
    how = cv2.INTER_AREA if crop.shape[0] > SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(crop, (SIDE, SIDE), interpolation=how), np.uint8)


def as_mask(mask: Mask | Grey) -> Mask:
    """A mask (S, S), 0..1 or in 8 bits, at the network's side, 0..1."""
    found = np.asarray(mask / np.float32(255 if mask.dtype == np.uint8 else 1), np.float32)
    if found.shape[0] == SIDE:
        return found
    return np.asarray(cv2.resize(found, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
