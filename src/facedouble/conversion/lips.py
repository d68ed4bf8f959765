"""Lips go where the performer in the frame has them, before real detail is carried over.

What the decoder never saw its person do, such as a wide shout, it does not draw. The landmarks of both say
what is missing. Real mouths are chosen for, and bent to, the lips as they are afterwards.
"""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.conversion.detail.spline import ThinPlateSpline, bend
from facedouble.conversion.retargeting import in_opening
from facedouble.faces.schemes.scheme import Indices, LandmarkScheme
from facedouble.types import FloatArray, Landmarks

_GRID = 40  # points a side at which the bend is evaluated
_STIFFNESS = 1e-4
_MAX_OPEN = 0.05  # of the view's side: how much further lips are opened
_MAX_SHUT = 0.65  # of the gap between lips: what is between them needs some room
_UPPER_LIP = 0.3  # of the way that lips open or shut is the upper lip's


def mouth_gaps(landmarks: FloatArray, scheme: LandmarkScheme) -> tuple[FloatArray, FloatArray]:
    """How far apart the lips are and how wide the mouth is, (N,) each, of landmarks (N, P, 2)."""
    left, right = scheme.regions.mouth.corners
    upper, lower = (list(points) for points in zip(*scheme.regions.mouth.pairs, strict=True))
    gap = np.linalg.norm(landmarks[:, upper] - landmarks[:, lower], axis=2).mean(axis=1)
    return gap, np.linalg.norm(landmarks[:, right] - landmarks[:, left], axis=1)


def with_lips_of(performer: FloatArray, drawn: FloatArray, scheme: LandmarkScheme) -> FloatArray:
    """Landmarks of drawn faces (N, P, 2) with their lips opened or shut as far as those of the ``performer``
    (N, P, 2) in the same frames are, in units of the mouth's width. Lips keep their thickness."""
    target = drawn.copy()
    parts = scheme.regions
    wanted, of_performer = mouth_gaps(performer, scheme)
    gap, width = mouth_gaps(target, scheme)
    by = np.clip(wanted / np.maximum(of_performer, 1e-6) * width - gap, -_MAX_SHUT * gap, _MAX_OPEN)
    lips = tuple(point for point in parts.lips if point not in parts.mouth.corners)
    places, _, axes = in_opening(target, lips, parts.mouth.corners)
    middle = in_opening(target, tuple(p for pair in parts.mouth.pairs for p in pair), parts.mouth.corners)
    profile = np.clip(4 * places[..., 0] * (1 - places[..., 0]), 0, 1)
    above = places[..., 1] < middle[0][..., 1].mean(axis=1, keepdims=True) * profile
    down = np.where(above, -_UPPER_LIP, 1 - _UPPER_LIP) * np.sqrt(profile) * by[:, None]
    target[:, list(lips)] += down[..., None].astype(np.float32) * axes[:, None, 1]
    return target


def bend_lips(picture: FloatArray, drawn: Landmarks, target: Landmarks, scheme: LandmarkScheme) -> FloatArray:
    """A picture (R, R, 3) whose lips go from ``drawn`` to ``target`` landmarks (P, 2), in shares of its
    side."""
    handles = list(handle_points(scheme))
    spline = ThinPlateSpline(target[handles], _GRID, _STIFFNESS)
    return bend(picture, spline.displacement(drawn[handles] - target[handles]), cv2.INTER_CUBIC)


def handle_points(scheme: LandmarkScheme) -> Indices:
    """The points that the bend takes hold of: the lips, and those that hold the face in place."""
    parts = scheme.regions
    eyes = {point for eye in parts.eyes for point in eye.contour}
    return tuple(sorted({*parts.brows, *parts.nose, *parts.lips, *parts.jaw, *eyes}))
