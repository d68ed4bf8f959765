"""The survey of a track: which references give their detail to each face, and how they are bent to it.

It is made before the first frame, so that frames can be made in any order, anywhere, with the same result.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from facedouble.conversion.detail import flow, matching
from facedouble.conversion.detail.drawn_references import DrawnReferences
from facedouble.conversion.detail.regions import REGIONS, region_masks, region_points
from facedouble.conversion.detail.spline import ThinPlateSpline, bend
from facedouble.faces.colour import to_float
from facedouble.faces.schemes.scheme import Indices, LandmarkScheme
from facedouble.types import FloatArray, Image, Landmarks

WARP_GRID = 32
"""Points a side at which splines are evaluated."""

_BLOCK = 256  # faces compared at once
_MOTION_SIGMA = 1.5  # frames
_KEPT_SPAN = 8  # frames; a reference that rests for longer starts anew


@dataclass(frozen=True, slots=True)
class Donation:
    """What a reference gives to a face: its number, its share in each region, and the motion (GRID, GRID, 2)
    int8 that the spline leaves, see :func:`flow.pack`."""

    reference: int
    weights: FloatArray
    motion: npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class FaceSurvey:
    """What was found for one face: the ``handles`` (H, 2) of the drawn face, in shares of the side, what is
    ``donated``, and in each region how much of it is used (K,), 0..1: little where nothing fits."""

    handles: Landmarks
    donated: Sequence[Donation]
    strength: FloatArray


@dataclass(frozen=True, slots=True)
class Acting:
    """What the performer does: the landmarks (N, P, 2) of the frame's own faces, and ``usual`` (M, P, 2) ones
    of that person, both in shares of the view's side."""

    landmarks: FloatArray
    usual: FloatArray


@lru_cache(8)
def handle_points(scheme: LandmarkScheme) -> Indices:
    """The landmarks that splines leave from."""
    return tuple(sorted({point for group in region_points(scheme) for point in group}))


def survey(
    drawn: Sequence[Image],
    landmarks: FloatArray,
    references: DrawnReferences,
    scheme: LandmarkScheme,
    acting: Acting | None = None,
) -> list[FaceSurvey]:
    """Survey the N drawn faces (D, D, 3) of a track, in order, with steady ``landmarks`` (N, P, 2) in
    shares of the side. References are chosen by what is drawn, and by what the performer does if that is
    known."""
    masks = region_masks(references.mean_shape, scheme, flow.SIDE)
    weights, strength = _choose(drawn, landmarks, references, scheme, masks, acting)
    handles = list(handle_points(scheme))
    own = {reference: resized(references.drawn[reference]) for chosen in weights for reference in chosen}
    estimators = threading.local()

    def motion(number: int) -> dict[int, FloatArray]:
        if not hasattr(estimators, "flow"):
            estimators.flow = flow.FlowEstimator()
        fixed = resized(to_float(drawn[number]))
        spline = ThinPlateSpline(landmarks[number][handles], WARP_GRID)
        found = {}
        for reference in weights[number]:
            moved = references.landmarks[reference][handles] - landmarks[number][handles]
            bent = bend(own[reference], spline.displacement(moved))
            found[reference] = flow.to_grid(estimators.flow(fixed, bent))
        return found

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        motions = _smoothed(list(pool.map(motion, range(len(weights)))))
    return [
        FaceSurvey(
            landmarks[number][handles],
            [
                Donation(reference, chosen[reference], flow.pack(motions[number][reference]))
                for reference in sorted(chosen)
            ],
            strength[number],
        )
        for number, chosen in enumerate(weights)
    ]


def resized(picture: FloatArray) -> FloatArray:
    """A picture at the size at which motion is estimated."""
    how = cv2.INTER_AREA if picture.shape[0] > flow.SIDE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (flow.SIDE, flow.SIDE), interpolation=how))


def _choose(
    drawn: Sequence[Image],
    landmarks: FloatArray,
    references: DrawnReferences,
    scheme: LandmarkScheme,
    masks: FloatArray,
    acting: Acting | None,
) -> tuple[list[dict[int, FloatArray]], FloatArray]:
    """For each face the references at work and their share in each region, and how much of them is used."""
    groups = region_points(scheme)
    theirs = matching.picture_features(list(references.drawn), masks)
    shapes = matching.shape_features(references.landmarks, groups)
    looks: list[list[FloatArray]] = [[] for _ in REGIONS]
    for start in range(0, len(drawn), _BLOCK):
        pictures = [to_float(picture) for picture in drawn[start : start + _BLOCK]]
        for k, features in enumerate(matching.picture_features(pictures, masks)):
            looks[k].append(matching.distances(features, theirs[k]))
    chosen: list[dict[int, FloatArray]] = [{} for _ in drawn]
    strength = np.zeros((len(drawn), len(REGIONS)), dtype=np.float32)
    for k, own in enumerate(matching.shape_features(landmarks, groups)):
        look, shape = np.concatenate(looks[k]), matching.distances(own, shapes[k])
        cost = matching.in_units_of_best(look) + matching.in_units_of_best(shape)
        if acting is not None and REGIONS[k].acts:
            cost += matching.in_units_of_best(_acted(acting, references.real_landmarks, groups[k]))
        cost = matching.smooth_cost(cost)
        course = matching.best_course(cost, REGIONS[k].price)
        frames = np.arange(len(course))
        misfit = look[frames, course] / matching.usual_distance(theirs[k])
        misfit += shape[frames, course] / matching.usual_distance(shapes[k])
        strength[:, k] = matching.strength(misfit / 2)
        for number, shares in enumerate(matching.course_weights(course)):
            for reference, share in shares.items():
                weights = chosen[number].setdefault(reference, np.zeros(len(REGIONS), np.float32))
                weights[k] = share * strength[number, k]
    return chosen, strength


def _acted(acting: Acting, real: FloatArray, group: Indices) -> FloatArray:
    """How differently the performer's N faces and the M ``real`` ones of the references act in a ``group`` of
    points: distances (N, M) of their shapes, each less what is usual for the person."""
    own, usual, theirs = (
        matching.shape_features(points, [group])[0] for points in (acting.landmarks, acting.usual, real)
    )
    less = [np.median(features, axis=0).astype(np.float32) for features in (usual, theirs)]
    return matching.distances(own - less[0], theirs - less[1])


def _smoothed(motions: Sequence[Mapping[int, FloatArray]]) -> list[dict[int, FloatArray]]:
    """The motion of each reference smoothed in time, over the frames in which it is at work."""
    result: list[dict[int, FloatArray]] = [{} for _ in motions]
    for reference in sorted({number for found in motions for number in found}):
        frames = [frame for frame, found in enumerate(motions) if reference in found]
        for span in _spans(frames):
            series = np.stack([motions[frame][reference] for frame in span])
            smooth = gaussian_filter1d(series, _MOTION_SIGMA, axis=0, mode="nearest")
            for frame, grid in zip(span, smooth, strict=True):
                result[frame][reference] = grid
    return result


def _spans(frames: Sequence[int]) -> Iterable[list[int]]:
    """Frame numbers in runs without long gaps."""
    span: list[int] = []
    for frame in frames:
        if span and frame - span[-1] > _KEPT_SPAN:
            yield span
            span = []
        span.append(frame)
    if span:
        yield span
