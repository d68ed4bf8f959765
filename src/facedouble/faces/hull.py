"""The face as an area: masks drawn from landmarks."""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Landmarks, Mask

FOREHEAD = 0.35
"""How far masks and network inputs reach above the brows; see :func:`face_hull`."""

_SUBPIXEL_BITS = 4
_EYE_ROOM = (1.4, 2.0)  # factors, horizontal and vertical, by which an eye's area is larger than its contour
_MOUTH_ROOM = (1.4, 1.3)


def face_hull(
    landmarks: Landmarks, size: int | tuple[int, int], scheme: LandmarkScheme, *, forehead: float = 0.0
) -> Mask:
    """Mask (H, W) float32: 1 inside the convex hull of a face, 0 outside, antialiased at the edge.

    ``landmarks`` (P, 2) in the mask's pixels; ``size`` is its side, or (height, width). ``forehead`` raises
    the brows by that share of the distance from the base of the nose, so that the hull includes some
    forehead.
    """
    points = scheme.points(landmarks, scheme.hull)
    if forehead:
        points = np.vstack([points, raise_brows(landmarks, scheme, forehead)])
    return convex_mask(points, size)


def inner_face_mask(landmarks: Landmarks, size: int, scheme: LandmarkScheme, margin: float = 0.06) -> Mask:
    """Mask (size, size) of the face without its outline: the hull, eroded by ``margin`` of the side."""
    return erode_mask(face_hull(landmarks, size, scheme), margin)


def eyes_and_mouth_mask(landmarks: Landmarks, size: int, scheme: LandmarkScheme) -> Mask:
    """Mask (size, size) float32 of both eyes and the mouth, with some room around each."""
    regions = scheme.regions
    areas = [(eye.contour, _EYE_ROOM) for eye in regions.eyes] + [(regions.lips, _MOUTH_ROOM)]
    mask: Mask = np.zeros((size, size), dtype=np.float32)
    for indices, room in areas:
        points = scheme.points(landmarks, indices)
        centre = points.mean(axis=0)
        grown = centre + (points - centre) * room
        np.maximum(mask, convex_mask(grown.astype(np.float32), size), out=mask)
    return mask


def raise_brows(landmarks: Landmarks, scheme: LandmarkScheme, amount: float) -> Landmarks:
    """The brow points (K, 2) moved up along the face by ``amount`` of the distance from the base of the nose
    to the middle of the brows."""
    brows = scheme.points(landmarks, scheme.regions.brows)
    up = brows.mean(axis=0) - landmarks[scheme.regions.nose_base]
    return np.asarray(brows + amount * up, dtype=np.float32)


def erode_mask(mask: Mask, share: float, *, beyond: float = 0.0) -> Mask:
    """A square mask (S, S) eroded by a disc whose radius is ``share`` of its side, in whole pixels; dilated
    if ``share`` is negative. ``beyond`` is the value assumed outside the picture."""
    radius = round(share * mask.shape[0])
    if radius == 0:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(radius) + 1,) * 2)
    operation = cv2.erode if radius > 0 else cv2.dilate
    result = operation(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=beyond)
    return np.asarray(result, dtype=np.float32)


def convex_mask(points: Landmarks, size: int | tuple[int, int]) -> Mask:
    """Mask (H, W) float32, 1 inside the convex hull of any points (N, 2), antialiased at the edge."""
    height, width = (size, size) if isinstance(size, int) else size
    hull = cv2.convexHull(points.astype(np.float32))
    mask = np.zeros((height, width), dtype=np.uint8)
    fixed = np.round(np.asarray(hull) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 255, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    return mask.astype(np.float32) / np.float32(255)
