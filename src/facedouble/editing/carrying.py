"""Carrying points and masks from frame to frame by the motion of the picture.

The face is followed as a whole (:func:`.faces.motion.estimate_motion`), so that the flow has to find only
what moves within it. Dense flow (DIS, Kroeger et al. 2016) is computed forth and back: where the two disagree
(Kalal et al. 2010), a point cannot be trusted, and follows its trusted neighbours. Errors would add up from
frame to frame; so each frame is also compared with the first one, and where that flow can be trusted it
decides (template drift, Matthews et al. 2004).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.align import inverse, recrop
from facedouble.faces.motion import compose, estimate_motion, patch_of
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.faces.views import Picture
from facedouble.types import Alignment, Grey, Landmarks

Points = npt.NDArray[np.float64]
_Flow = npt.NDArray[np.float32]

SIDE = 256
"""Side in pixels of the patch in which flow is computed: the face's crop."""
MOST_LOST = 0.25
"""A frame is unsure where more than this share of the points cannot be trusted."""
_ROUND_TRIP = 1.2  # pixels of the patch by which flow forth and back may miss
_DIRECT = 0.7  # the same for the comparison with the first frame
_UNSEEN = 0.1  # pixels of the patch by which a step that agrees with itself may still be wrong
_DOUBT = 4.0  # pixels of the patch: a sixteenth of the distance of the eyes
_AGREE = 3.0  # pixels of the patch by which both ways may differ
_EDGE = cv2.BORDER_REPLICATE
_FEWEST = 0.3  # share of the face's tracking points that must be found


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """What became of points and a mask on a later frame.

    ``points`` (N, 2) float64 in frame pixels; ``mask`` (S, S), if there was one, on the patch that
    ``alignment`` (to a patch of ``SIDE`` pixels) describes. ``error`` (N,) is by how much each point missed
    itself, forth and back, in pixels of the patch; infinite outside of it. ``lost`` is the share of points
    that could not be trusted, 1 where the face itself was lost.
    """

    points: Points
    mask: Grey | None
    alignment: Alignment
    error: npt.NDArray[np.float64]
    lost: float

    @property
    def unsure(self) -> bool:
        return self.lost > MOST_LOST


def carry(
    frames: Iterable[Picture],
    landmarks: Landmarks,
    scheme: LandmarkScheme,
    alignment: Alignment,
    crop_size: int,
    points: Points,
    mask: Grey | None = None,
) -> Iterator[Carried]:
    """Carry ``points`` (N, 2) and ``mask`` (S, S), of the first of ``frames``, to each of the others in turn.

    ``landmarks`` (P, 2), ``alignment`` and ``crop_size`` are the face's on the first frame; ``points`` are in
    its pixels, the mask is on its crop. Frames may run backwards. What follows an unsure frame is worked out
    from it, and no surer.
    """
    pictures = iter(frames)
    before = next(pictures)
    start = recrop(alignment, crop_size, 1.0, SIDE)
    first = last = patch_of(before, start, SIDE)
    origin = _mapped(start, points)  # of the points in the first patch
    matrix, now = start, points.astype(np.float64)
    shape, doubt = landmarks, np.zeros(len(points))
    for picture in pictures:
        motion = estimate_motion(before, picture, shape, scheme)
        found = motion.tracked >= _FEWEST
        step = motion.matrix if found else np.eye(2, 3)
        moved = compose(matrix, inverse(step))
        patch = patch_of(picture, moved, SIDE)
        forth, back = _flow(last, patch), _flow(patch, last)
        places = _mapped(matrix, now)
        ends, error = _followed(places, forth, back)
        direct, direct_error = _followed(origin, _flow(first, patch), _flow(patch, first))
        better = (direct_error < _DIRECT) & ((error >= _ROUND_TRIP) | (_distance(direct, ends) < _AGREE))
        ends = np.where(better[:, None], direct, ends)
        # What the first frame confirms is as sure as that; what it does not grows less sure at every step.
        doubt = np.where(better, direct_error, doubt + error + _UNSEEN)
        error = np.where(better, np.minimum(direct_error, error), error)
        trusted = (error < _ROUND_TRIP) & (doubt < _DOUBT)
        ends = _repaired(places, ends, trusted)
        if mask is not None:
            mask = _warped_mask(mask, back)
        now, matrix, before, last = _mapped(inverse(moved), ends), moved, picture, patch
        shape = (shape @ step[:, :2].T + step[:, 2]).astype(np.float32)
        lost = float(1 - trusted.mean()) if found and len(trusted) else float(not found)
        yield Carried(now, mask, matrix, error, lost)


def _flow(before: Grey, after: Grey) -> _Flow:
    """Where each pixel of one patch went in another, (SIDE, SIDE, 2)."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(dis.calc(before, after, None), dtype=np.float32)  # type: ignore[call-overload]


def _followed(places: Points, forth: _Flow, back: _Flow) -> tuple[Points, npt.NDArray[np.float64]]:
    """Where points (N, 2) of a patch went, and by how much each misses itself on the way back."""
    ends = places + _sampled(forth, places)
    missed = _distance(ends + _sampled(back, ends), places)
    outside = ~(_inside(places) & _inside(ends))
    return ends, np.where(outside, np.inf, missed)


def _repaired(places: Points, ends: Points, trusted: npt.NDArray[np.bool_]) -> Points:
    """Points that went from ``places`` to ``ends``, with those that are not ``trusted`` moved as the trusted
    ones around them are: by the mean of their moves, weighted with the square of the distance; not at all
    where none is trusted."""
    if trusted.all():
        return ends
    result = ends.copy()
    if not trusted.any():
        return places.copy()
    shift = ends[trusted] - places[trusted]
    square = ((places[~trusted][:, None] - places[trusted][None]) ** 2).sum(axis=2)
    weights = 1 / (square + 4.0)
    result[~trusted] = places[~trusted] + weights @ shift / weights.sum(axis=1, keepdims=True)
    return result


def _warped_mask(mask: Grey, back: _Flow) -> Grey:
    """A mask (S, S) moved by the flow ``back`` from the new patch to the old one."""
    side = mask.shape[0]
    flow = back if side == SIDE else cv2.resize(back, (side, side)) * (side / SIDE)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    return np.asarray(
        cv2.remap(
            mask, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        dtype=np.uint8,
    )


def _sampled(flow: _Flow, places: Points) -> Points:
    """Flow (N, 2) at points (N, 2), bilinearly; that of the edge outside."""
    if not len(places):
        return np.zeros((0, 2))
    at = places.astype(np.float32).reshape(-1, 1, 2)
    near = np.clip(at, 0, SIDE - 1)
    found = cv2.remap(flow, near[..., 0], near[..., 1], cv2.INTER_LINEAR, borderMode=_EDGE)
    return np.asarray(found, dtype=np.float64).reshape(-1, 2)


def _inside(places: Points) -> npt.NDArray[np.bool_]:
    return np.asarray(((places >= 0) & (places <= SIDE - 1)).all(axis=1))


def _distance(one: Points, other: Points) -> npt.NDArray[np.float64]:
    return np.asarray(np.hypot(*(one - other).T))


def _mapped(matrix: Alignment, points: Points) -> Points:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)
