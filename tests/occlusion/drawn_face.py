"""A face made of ellipses, with the landmarks of the mean face: enough to draw things in front of."""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.faces.schemes.mediapipe478 import MEDIAPIPE478
from facedouble.types import Image, Landmarks


def drawn_face(side: int = 256, skin: tuple[int, int, int] = (200, 150, 120)) -> tuple[Image, Landmarks]:
    """The crop (side, side, 3) and landmarks (478, 2) in its pixels."""
    points = (MEDIAPIPE478.mean_shape * side - 0.5).astype(np.float32)
    picture = np.full((side, side, 3), 60, np.uint8)
    hull = cv2.convexHull(MEDIAPIPE478.points(points, MEDIAPIPE478.regions.jaw)).astype(np.int32)
    cv2.fillConvexPoly(picture, hull, skin, cv2.LINE_AA)
    cv2.ellipse(
        picture, (side // 2, round(0.36 * side)), (side // 4, side // 5), 0, 0, 360, skin, -1, cv2.LINE_AA
    )
    for eye in MEDIAPIPE478.regions.eyes:
        cv2.fillPoly(picture, [points[list(eye.contour)].astype(np.int32)], (235, 235, 230), cv2.LINE_AA)
        cv2.fillPoly(picture, [points[list(eye.iris)].astype(np.int32)], (60, 40, 30), cv2.LINE_AA)
    lips = points[list(MEDIAPIPE478.regions.outer_lips)].astype(np.int32)
    cv2.fillPoly(picture, [lips], (170, 80, 80), cv2.LINE_AA)
    return picture, points
