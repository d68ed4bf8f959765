"""The face as an area: masks drawn from landmarks."""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.faces.landmarks import LEFT_BROW, LEFT_EYE, MOUTH, RIGHT_BROW, RIGHT_EYE
from facedouble.types import Landmarks, Mask

FOREHEAD = 0.35
"""How far masks and views reach above the brows; see :func:`face_hull`."""

_SUBPIXEL_BITS = 4


def face_hull(landmarks: Landmarks, size: int | tuple[int, int], *, forehead: float = 0.0) -> Mask:
    """Mask (H, W) float32, 1 inside the convex hull of the landmarks, 0 outside, edge antialiased.

    ``landmarks`` (N, 2) in the mask's pixels; ``size`` its side, or (height, width). ``forehead``
    raises the brows away from the nose by that share of the distance between brows and nose base,
    so that the hull takes in some of the forehead.
    """
    points = np.vstack([landmarks, raise_brows(landmarks, forehead)]) if forehead else landmarks
    return _fill(points, size)


def inner_face_mask(landmarks: Landmarks, size: int, margin: float = 0.06) -> Mask:
    """Mask (size, size) of the face without its outline: the hull, eroded by ``margin`` of the side."""
    return erode_mask(face_hull(landmarks, size), margin)


def erode_mask(mask: Mask, share: float, *, beyond: float = 0.0) -> Mask:
    """A square mask (S, S) eroded by a disc of radius ``share`` of its side, in whole pixels; dilated
    where ``share`` is negative. ``beyond`` is what is taken to lie beyond the picture's border."""
    radius = round(share * mask.shape[0])
    if radius == 0:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(radius) + 1,) * 2)
    operation = cv2.erode if radius > 0 else cv2.dilate
    result = operation(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=beyond)
    return np.asarray(result, dtype=np.float32)


def raise_brows(landmarks: Landmarks, amount: float) -> Landmarks:
    """The ten brow points (10, 2) moved up along the face by ``amount`` of the distance from the
    base of the nose (33) to the middle of the brows."""
    brows = landmarks[RIGHT_BROW.start : LEFT_BROW.stop]
    up = brows.mean(axis=0) - landmarks[33]
    return np.asarray(brows + amount * up, dtype=np.float32)


def eyes_and_mouth_mask(landmarks: Landmarks, size: int) -> Mask:
    """Mask (size, size) float32 of both eyes and the mouth with some room around each."""
    mask: Mask = np.zeros((size, size), dtype=np.float32)
    for part in (RIGHT_EYE, LEFT_EYE, MOUTH):
        points = landmarks[part]
        centre = points.mean(axis=0)
        grown = centre + (points - centre) * (1.4, 2.0 if part != MOUTH else 1.3)
        np.maximum(mask, _fill(grown.astype(np.float32), size), out=mask)
    return mask


def _fill(points: Landmarks, size: int | tuple[int, int]) -> Mask:
    height, width = (size, size) if isinstance(size, int) else size
    hull = cv2.convexHull(points.astype(np.float32))
    mask = np.zeros((height, width), dtype=np.uint8)
    fixed = np.round(np.asarray(hull) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 255, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    return mask.astype(np.float32) / np.float32(255)
