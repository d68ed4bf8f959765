"""Expression retargeting: lids and brows go where the performer in the frame has them.

The decoder only draws what it saw its person do. Where the performer squints and that person never did, the
landmarks of both say what is missing, and the drawn face is bent by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.conversion.detail.spline import ThinPlateSpline, bend
from facedouble.faces.hull import convex_mask
from facedouble.faces.schemes.scheme import Eye, Indices, LandmarkScheme
from facedouble.types import FloatArray, Landmarks, Mask

GRID = 40
"""Points a side at which the bend is evaluated."""

_OPEN = 70  # percentile of the openings that a person is seen with: the usual open eye
_MAX_RATIO = 1.2  # to which a drawn eye is opened further
_MAX_IDENTITY = 1.2  # ratio of the openings of two people at rest
_BROW_IDENTITY = 0.5  # of the difference between what two people usually show is theirs
_UPPER_SHARE = 0.8  # of the way that lids close is the upper lid's
_MAX_BROW = 0.05  # of the view's side
_SOFT = 0.004  # of the view's side: edge between lid and eyeball


@dataclass(frozen=True, slots=True)
class Neutral:
    """A person at rest: ``opening`` of each eye (2,), in units of its width, and ``brows`` (K, 2) relative to
    the middle between the eyes, in shares of the view's side."""

    opening: FloatArray
    brows: FloatArray


def neutral_of(landmarks: FloatArray, scheme: LandmarkScheme) -> Neutral:
    """What is usual in landmarks (N, P, 2) of one person, in shares of the view's side."""
    return Neutral(
        np.percentile(eye_openings(landmarks, scheme), _OPEN, axis=0).astype(np.float32),
        np.median(_brows(landmarks, scheme), axis=0).astype(np.float32),
    )


def eye_openings(landmarks: FloatArray, scheme: LandmarkScheme) -> FloatArray:
    """How far each eye is open, in units of its width: (N, 2) of landmarks (N, P, 2)."""
    openings = []
    for eye in scheme.regions.eyes:
        left, right = eye.opening.corners
        width = np.linalg.norm(landmarks[:, right] - landmarks[:, left], axis=1)
        upper, lower = zip(*eye.opening.pairs, strict=True)
        gap = np.linalg.norm(landmarks[:, list(upper)] - landmarks[:, list(lower)], axis=2).mean(axis=1)
        openings.append(gap / np.maximum(width, 1e-6))
    return np.stack(openings, axis=1).astype(np.float32)


def retargeted(
    drawn: FloatArray, performer: FloatArray, person: Neutral, of_performer: Neutral, scheme: LandmarkScheme
) -> FloatArray:
    """Where the landmarks of drawn faces (N, P, 2) belong, given those of the ``performer`` (N, P, 2) in the
    same frames; both in shares of the view's side. Lids and brows move, all other points stay."""
    target = drawn.copy()
    # What is usual also depends on the mood of the footage: differences of identity are smaller than that.
    identity = np.clip(person.opening / of_performer.opening, 1 / _MAX_IDENTITY, _MAX_IDENTITY)
    wanted = eye_openings(performer, scheme) * identity
    present = np.maximum(eye_openings(drawn, scheme), 1e-3)
    for number, eye in enumerate(scheme.regions.eyes):
        _close(target, eye, np.minimum(wanted / present, _MAX_RATIO)[:, number])
    identity = _BROW_IDENTITY * (person.brows - of_performer.brows)
    missing = _brows(performer, scheme) + identity - _brows(drawn, scheme)
    length = np.linalg.norm(missing, axis=2, keepdims=True)
    target[:, list(scheme.regions.brows)] += missing * np.minimum(1, _MAX_BROW / np.maximum(length, 1e-6))
    return target


def bend_face(picture: FloatArray, drawn: Landmarks, target: Landmarks, scheme: LandmarkScheme) -> FloatArray:
    """A picture (R, R, 3) whose landmarks go from ``drawn`` to ``target`` (P, 2), in shares of its side. Lids
    slide over the eyeball, which stays as it is."""
    size = picture.shape[0]
    handles = list(handle_points(scheme))
    spline = ThinPlateSpline(target[handles], GRID)
    bent = bend(picture, spline.displacement(drawn[handles] - target[handles]), cv2.INTER_CUBIC)
    balls = [np.minimum(_area(target, eye, size), _area(drawn, eye, size)) for eye in scheme.regions.eyes]
    softness = max(_SOFT * size, 0.5)
    eyeballs = np.asarray(cv2.GaussianBlur(np.max(balls, axis=0), (0, 0), softness))[..., None]
    return np.asarray(bent + (picture - bent) * eyeballs, dtype=np.float32)


def handle_points(scheme: LandmarkScheme) -> Indices:
    """The points that the bend takes hold of: those that move, and those that hold the face in place."""
    parts = scheme.regions
    eyes = tuple(point for eye in parts.eyes for point in eye.contour)
    return tuple(sorted({*parts.brows, *eyes, *parts.nose, *parts.outer_lips, *parts.jaw}))


def _brows(landmarks: FloatArray, scheme: LandmarkScheme) -> FloatArray:
    corners = [corner for eye in scheme.regions.eyes for corner in eye.opening.corners]
    middle = landmarks[:, corners].mean(axis=1, keepdims=True)
    return np.asarray(landmarks[:, list(scheme.regions.brows)] - middle, dtype=np.float32)


def _close(landmarks: FloatArray, eye: Eye, ratio: npt.NDArray[np.floating]) -> None:
    """Scale how far an eye is open in landmarks (N, P, 2), by ``ratio`` (N,), in place. Both lids move
    towards an arc from corner to corner; most of the way is the upper lid's."""
    left, right = (landmarks[:, corner] for corner in eye.opening.corners)
    width = np.maximum(np.linalg.norm(right - left, axis=1), 1e-6)
    along = (right - left) / width[:, None]
    down = np.stack([-along[:, 1], along[:, 0]], axis=1)
    lids = [point for point in eye.contour if point not in eye.opening.corners]
    from_corner = landmarks[:, lids] - left[:, None]
    height = np.einsum("nka,na->nk", from_corner, down)
    place = np.einsum("nka,na->nk", from_corner, along) / width[:, None]
    top, low = height.min(axis=1, keepdims=True), height.max(axis=1, keepdims=True)
    arc = (top + (low - top) * _UPPER_SHARE) * np.clip(4 * place * (1 - place), 0, 1)
    landmarks[:, lids] += ((arc - height) * (1 - ratio[:, None]))[..., None] * down[:, None]


def _area(landmarks: Landmarks, eye: Eye, size: int) -> Mask:
    return convex_mask(landmarks[list(eye.contour)] * np.float32(size) - np.float32(0.5), size)
