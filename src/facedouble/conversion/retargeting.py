"""Expression retargeting: lids, irises and brows go where the performer in the frame has them.

The decoder only draws what it saw its person do. Where the performer squints and that person never did, the
landmarks of both say what is missing, and the drawn face is bent by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.conversion.detail.spline import ThinPlateSpline, sampled
from facedouble.faces.schemes.scheme import Eye, Indices, LandmarkScheme
from facedouble.types import FloatArray, Landmarks, Mask

GRID = 40
"""Points a side at which the bend is evaluated."""

Window = tuple[slice, slice]
"""Rows and columns of a picture."""

_STIFFNESS = 1e-4  # lids move against each other within a few hundredths of the side
_OPEN = 70  # percentile of the openings that a person is seen with: the usual open eye
_SHUT = 0.05  # opening that is measured of a shut eye
_MAX_RATIO = 1.2  # to which a drawn eye is opened further
_MAX_IDENTITY = 1.1  # ratio of the openings of two people at rest
_BROW_IDENTITY = 0.75  # of the difference between what two people usually show is theirs
_UPPER_SHARE = 0.8  # of the way that lids close is the upper lid's
_MAX_BROW = 0.05  # of the view's side
_MAX_GAZE = 0.12  # of the eye's width
_FRACTION_BITS = 4
_FRACTIONS = 1 << _FRACTION_BITS
_SOFT = 0.004  # of the view's side: edge between lid and eyeball


@dataclass(frozen=True, slots=True)
class Neutral:
    """A person at rest: ``opening`` of each eye (2,), in units of its width, where the irises lie in it
    (2, 2), see :func:`gaze`, and ``brows`` (K, 2) relative to the middle between the eyes, in shares of the
    view's side."""

    opening: FloatArray
    gaze: FloatArray
    brows: FloatArray


def neutral_of(landmarks: FloatArray, scheme: LandmarkScheme) -> Neutral:
    """What is usual in landmarks (N, P, 2) of one person, in shares of the view's side."""
    return Neutral(
        np.percentile(eye_openings(landmarks, scheme), _OPEN, axis=0).astype(np.float32),
        np.median(gaze(landmarks, scheme), axis=0).astype(np.float32),
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


def gaze(landmarks: FloatArray, scheme: LandmarkScheme) -> FloatArray:
    """Where the irises lie, (N, 2, 2) of landmarks (N, P, 2): of each eye how far along the line from its
    left to its right corner and how far below that, in units of its width. Zero in schemes without irises."""
    places = np.zeros((len(landmarks), len(scheme.regions.eyes), 2), dtype=np.float32)
    for number, eye in enumerate(scheme.regions.eyes):
        if eye.iris:
            places[:, number] = in_opening(landmarks, eye.iris[:1], eye.opening.corners)[0][:, 0]
    return places


def retargeted(
    drawn: FloatArray, performer: FloatArray, person: Neutral, of_performer: Neutral, scheme: LandmarkScheme
) -> FloatArray:
    """Where the landmarks of drawn faces (N, P, 2) belong, given those of the ``performer`` (N, P, 2) in the
    same frames; both in shares of the view's side. Lids, irises and brows move, all other points stay."""
    target = drawn.copy()
    # What is usual also depends on the mood of the footage: differences of identity are smaller than that.
    identity = np.clip(person.opening / of_performer.opening, 1 / _MAX_IDENTITY, _MAX_IDENTITY)
    wanted = np.maximum(eye_openings(performer, scheme) - _SHUT, 0) * identity
    present = np.maximum(eye_openings(drawn, scheme) - _SHUT, 1e-3)
    looks = gaze(performer, scheme) - of_performer.gaze - (gaze(drawn, scheme) - person.gaze)
    for number, eye in enumerate(scheme.regions.eyes):
        _close(target, eye, np.minimum(wanted / present, _MAX_RATIO)[:, number])
        _turn(target, eye, np.clip(looks[:, number], -_MAX_GAZE, _MAX_GAZE))
    identity = _BROW_IDENTITY * (person.brows - of_performer.brows)
    missing = _brows(performer, scheme) + identity - _brows(drawn, scheme)
    length = np.linalg.norm(missing, axis=2, keepdims=True)
    target[:, list(scheme.regions.brows)] += missing * np.minimum(1, _MAX_BROW / np.maximum(length, 1e-6))
    return target


def bend_face(picture: FloatArray, drawn: Landmarks, target: Landmarks, scheme: LandmarkScheme) -> FloatArray:
    """A picture (R, R, 3) whose landmarks go from ``drawn`` to ``target`` (P, 2), in shares of its side. Lids
    slide over the eyeball, which only turns."""
    size = picture.shape[0]
    upper, lower = (_displacement(drawn, target, points) for points in handle_points(scheme))
    fine = _enlarged(upper, size) * np.float32(size)
    bent = sampled(picture, fine, cv2.INTER_CUBIC)
    difference = _enlarged(lower - upper, size) * np.float32(size)
    for eye in scheme.regions.eyes:
        # Two pictures are mixed, not two bends: between those lies the eye.
        window, near, below = _below_lids(target, eye, size)
        under = sampled(picture, fine[window] + near[..., None] * difference[window], cv2.INTER_CUBIC, window)
        part = bent[window]
        part += below[..., None] * (under - part)
        ball = np.minimum(_area(target, eye, size, window), _area(drawn, eye, size, window))
        soft = np.asarray(cv2.GaussianBlur(ball, (0, 0), max(_SOFT * size, 0.5)))
        part += soft[..., None] * (_turned(picture, drawn, target, eye, window) - part)
    return np.asarray(bent, dtype=np.float32)


@lru_cache(8)
def handle_points(scheme: LandmarkScheme) -> tuple[Indices, Indices]:
    """The points that the bend takes hold of: those that move, and those that hold the face in place. Twice:
    with the upper lids and with the lower ones. Lids that shut meet, and no smooth bend has both."""
    parts = scheme.regions
    others = {*parts.brows, *parts.nose, *parts.lips, *parts.jaw}
    lids = [_lids(eye) for eye in parts.eyes]
    upper, lower = ({point for pair in lids for point in pair[which]} for which in (0, 1))
    return tuple(sorted(others | upper)), tuple(sorted(others | lower))


def _lids(eye: Eye) -> tuple[Indices, Indices]:
    """The points of the upper lid and of the lower one, both with the corners."""
    start = eye.contour.index(eye.opening.corners[0])
    around = eye.contour[start:] + eye.contour[: start + 1]
    turn = around.index(eye.opening.corners[1])
    first, second = around[: turn + 1], around[turn:]
    return (first, second) if eye.opening.pairs[0][0] in first else (second, first)


def _displacement(drawn: Landmarks, target: Landmarks, points: Indices) -> FloatArray:
    handles = list(points)
    spline = ThinPlateSpline(target[handles], GRID, _STIFFNESS)
    return spline.displacement(drawn[handles] - target[handles])


def _enlarged(displacement: FloatArray, size: int) -> FloatArray:
    return np.asarray(cv2.resize(displacement, (size, size), interpolation=cv2.INTER_CUBIC))


def _below_lids(target: Landmarks, eye: Eye, size: int) -> tuple[Window, Mask, Mask]:
    """A window of a picture around an eye, how near the pixels in it are, 0..1, and which of them lie below
    the line on which the lids meet, with a soft edge."""
    corners = eye.opening.corners
    left, right = target[corners[0]], target[corners[1]]
    reach, centre = float(np.linalg.norm(right - left)), (left + right) / 2
    first = np.clip(np.floor((centre - reach) * size).astype(int), 0, size - 1)
    last = np.clip(np.ceil((centre + reach) * size).astype(int) + 1, 1, size)
    y, x = np.mgrid[first[1] : last[1], first[0] : last[0]].astype(np.float32)
    pixels = (np.stack([x, y], axis=-1).reshape(1, -1, 2) + np.float32(0.5)) / np.float32(size)
    both = np.concatenate([target[None], pixels], axis=1)
    places = in_opening(both, tuple(range(len(target), both.shape[1])), corners)[0][0]
    line = np.zeros(len(places), dtype=np.float32)
    for lid in _lids(eye):
        own = in_opening(both, lid, corners)[0][0]
        own = own[own[:, 0].argsort()]
        line += np.interp(places[:, 0], own[:, 0], own[:, 1]).astype(np.float32) / 2
    below = np.clip((places[:, 1] - line) * reach / _SOFT + 0.5, 0, 1)
    distance = np.hypot(places[:, 0] - 0.5, places[:, 1])
    near = np.clip((1 - distance) / 0.35, 0, 1)
    window = slice(int(first[1]), int(last[1])), slice(int(first[0]), int(last[0]))
    return window, (near * near * (3 - 2 * near)).reshape(x.shape), below.reshape(x.shape)


def _brows(landmarks: FloatArray, scheme: LandmarkScheme) -> FloatArray:
    corners = [corner for eye in scheme.regions.eyes for corner in eye.opening.corners]
    middle = landmarks[:, corners].mean(axis=1, keepdims=True)
    return np.asarray(landmarks[:, list(scheme.regions.brows)] - middle, dtype=np.float32)


def in_opening(
    landmarks: FloatArray, points: Indices, corners: tuple[int, int]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points (N, K, 2) of landmarks (N, P, 2) in the frame of an eye or a mouth: how far along the line from
    its left to its right corner, and how far below it, in units of its width (N,); and the axes along and
    down (N, 2, 2)."""
    left, right = (landmarks[:, corner] for corner in corners)
    width = np.maximum(np.linalg.norm(right - left, axis=1), 1e-6)
    along = (right - left) / width[:, None]
    axes = np.stack([along, np.stack([-along[:, 1], along[:, 0]], axis=1)], axis=1)
    places = np.einsum("nka,nba->nkb", landmarks[:, list(points)] - left[:, None], axes)
    return (places / width[:, None, None]).astype(np.float32), width, axes


def _close(landmarks: FloatArray, eye: Eye, ratio: npt.NDArray[np.floating]) -> None:
    """Scale how far an eye is open in landmarks (N, P, 2), by ``ratio`` (N,), in place. Both lids move
    towards an arc from corner to corner; most of the way is the upper lid's."""
    lids = tuple(point for point in eye.contour if point not in eye.opening.corners)
    places, width, axes = in_opening(landmarks, lids, eye.opening.corners)
    place, height = places[..., 0], places[..., 1]
    top, low = height.min(axis=1, keepdims=True), height.max(axis=1, keepdims=True)
    arc = (top + (low - top) * _UPPER_SHARE) * np.clip(4 * place * (1 - place), 0, 1)
    down = (arc - height) * (1 - ratio[:, None]) * width[:, None]
    landmarks[:, list(lids)] += down[..., None] * axes[:, None, 1]


def _turn(landmarks: FloatArray, eye: Eye, by: FloatArray) -> None:
    """Move an iris in landmarks (N, P, 2) ``by`` (N, 2) in units of the eye's width, in place."""
    if not eye.iris:
        return
    _, width, axes = in_opening(landmarks, eye.iris, eye.opening.corners)
    moved = np.einsum("nb,nba->na", by * width[:, None], axes)
    landmarks[:, list(eye.iris)] += moved[:, None]


def _turned(picture: FloatArray, drawn: Landmarks, target: Landmarks, eye: Eye, window: Window) -> FloatArray:
    """The ``window`` of a picture (R, R, 3) with the iris moved from where it is ``drawn`` to its ``target``
    (P, 2), and what is around it ever less with the distance."""
    size = picture.shape[0]
    by = (target[eye.iris[0]] - drawn[eye.iris[0]]) * size if eye.iris else np.zeros(2)
    if np.abs(by).max() < 0.05:
        return picture[window]
    x0, y0 = target[eye.iris[0]] * size - 0.5
    radius = np.linalg.norm(drawn[list(eye.iris[1:])] - drawn[eye.iris[0]], axis=1).mean() * size
    y, x = np.mgrid[window].astype(np.float32)
    distance = ((x - x0) ** 2 + (y - y0) ** 2) / (1.6 * radius) ** 2
    motion = np.exp(-(distance**2))[..., None] * -by
    return sampled(picture, motion.astype(np.float32), cv2.INTER_CUBIC, window)


def _area(landmarks: Landmarks, eye: Eye, size: int, window: Window) -> Mask:
    """Where the eyeball shows in a ``window`` of a picture, between lids that bend both ways: nothing of it
    if they meet."""
    rows, columns = window
    mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.float32)
    upper, lower = (landmarks[list(points)] for points in zip(*eye.opening.pairs, strict=True))
    gap = float(np.linalg.norm(upper - lower, axis=1).mean()) * size
    contour = landmarks[list(eye.contour)] * size - 0.5 - (columns.start, rows.start)
    cv2.fillPoly(mask, [np.round(contour * _FRACTIONS).astype(np.int32)], 1.0, cv2.LINE_8, _FRACTION_BITS)
    return mask * np.float32(np.clip(gap - 1, 0, 1))
