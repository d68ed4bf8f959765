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

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from facedouble.conversion.detail import flow, matching
from facedouble.conversion.detail.drawn_references import DrawnReferences
from facedouble.conversion.detail.regions import REGIONS, region_points
from facedouble.conversion.detail.spline import ThinPlateSpline, bend
from facedouble.faces.colour import to_float
from facedouble.faces.schemes.scheme import Indices, LandmarkScheme
from facedouble.run.run import Run
from facedouble.types import FloatArray, Image, Landmarks

WARP_GRID = 32
"""Points a side at which splines are evaluated."""

_BLOCK = 128  # faces compared at once
_MOTION_SIGMA = 1.5  # frames
_MOTION_RADIUS = 6  # frames: four times that
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
    run: Run | None = None,
) -> TrackSurvey:
    """Survey the N drawn faces (D, D, 3) of a track, in order, with steady ``landmarks`` (N, P, 2) in
    shares of the side. References are chosen by what is drawn, and by what the performer does if that is
    known."""
    weights, strength = _choose(drawn, landmarks, references, scheme, acting, run or Run())
    return TrackSurvey(drawn, landmarks, references, handle_points(scheme), weights, strength)


class TrackSurvey:
    """The survey of the N faces of a track, in order. What their splines leave is estimated for a face when
    it is asked for, and the same whichever was asked for before. Any thread may ask.

    ``strength`` (N, K): how much of what is donated is used, see :class:`FaceSurvey`.
    """

    def __init__(
        self,
        drawn: Sequence[Image],
        landmarks: FloatArray,
        references: DrawnReferences,
        handles: Indices,
        weights: Sequence[Mapping[int, FloatArray]],
        strength: FloatArray,
    ) -> None:
        self.strength = strength
        self._drawn, self._references, self._weights = drawn, references, weights
        self._handles, self._points = landmarks[:, list(handles)], list(handles)
        self._spans = {
            (frame, reference): (span, at)
            for reference in sorted({number for chosen in weights for number in chosen})
            for span in _spans([frame for frame, chosen in enumerate(weights) if reference in chosen])
            for at, frame in enumerate(span)
        }
        self._motions: dict[tuple[int, int], FloatArray] = {}

    def __len__(self) -> int:
        return len(self._weights)

    def __getitem__(self, number: int) -> FaceSurvey:
        """What was found for a face."""
        chosen = sorted(self._weights[number])
        near: dict[int, list[int]] = {}
        for reference in chosen:
            for frame in self._near(number, reference)[0]:
                near.setdefault(frame, []).append(reference)
        if any((frame, reference) not in self._motions for frame in near for reference in near[frame]):
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(self._estimate, near, near.values()))
        donated = [
            Donation(reference, self._weights[number][reference], flow.pack(self._motion(number, reference)))
            for reference in chosen
        ]
        return FaceSurvey(self._handles[number], donated, self.strength[number])

    def finished(self) -> list[FaceSurvey]:
        """What was found for all faces."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self._estimate, range(len(self)), map(sorted, self._weights)))
        return [self[number] for number in range(len(self))]

    def _motion(self, number: int, reference: int) -> FloatArray:
        """The motion of a reference, smoothed in time over the faces at which it is at work."""
        near, at = self._near(number, reference)
        series = np.stack([self._motions[frame, reference] for frame in near])
        smooth = gaussian_filter1d(series, _MOTION_SIGMA, axis=0, mode="nearest", radius=_MOTION_RADIUS)
        return np.asarray(smooth[at])

    def _near(self, number: int, reference: int) -> tuple[list[int], int]:
        """The faces whose motion a face's own is smoothed with, and which of them it is."""
        span, at = self._spans[number, reference]
        first = max(0, at - _MOTION_RADIUS)
        return span[first : at + _MOTION_RADIUS + 1], at - first

    def _estimate(self, number: int, references: Sequence[int]) -> None:
        """Estimate the motion from a face to some references."""
        missing = [one for one in references if (number, one) not in self._motions]
        if not missing:
            return
        if not hasattr(_estimators, "flow"):
            _estimators.flow = flow.FlowEstimator()
        fixed = flow.resized(to_float(self._drawn[number]))
        spline = ThinPlateSpline(self._handles[number], WARP_GRID)
        for reference in missing:
            moved = self._references.landmarks[reference][self._points] - self._handles[number]
            bent = bend(self._references.small(reference), spline.displacement(moved))
            self._motions[number, reference] = flow.to_grid(_estimators.flow(fixed, bent))


_estimators = threading.local()


def _choose(
    drawn: Sequence[Image],
    landmarks: FloatArray,
    references: DrawnReferences,
    scheme: LandmarkScheme,
    acting: Acting | None,
    run: Run,
) -> tuple[list[dict[int, FloatArray]], FloatArray]:
    """For each face the references at work and their share in each region, and how much of them is used."""
    groups = region_points(scheme)
    theirs = references.features
    looks: list[list[FloatArray]] = [[] for _ in REGIONS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(drawn), _BLOCK):
            run.check()
            block = range(start, min(start + _BLOCK, len(drawn)))
            small = np.stack(list(pool.map(lambda at: matching.blurred(to_float(drawn[at])), block)))
            for k, features in enumerate(matching.picture_features(small, theirs.masks)):
                looks[k].append(matching.distances(features, theirs.pictures[k]))
    chosen: list[dict[int, FloatArray]] = [{} for _ in range(len(drawn))]
    strength = np.zeros((len(drawn), len(REGIONS)), dtype=np.float32)
    for k, own in enumerate(matching.shape_features(landmarks, groups)):
        look, shape = np.concatenate(looks[k]), matching.distances(own, theirs.shapes[k])
        cost = matching.in_units_of_best(look) + matching.in_units_of_best(shape)
        if acting is not None and REGIONS[k].acts:
            cost += matching.in_units_of_best(_acted(acting, references.real_landmarks, groups[k]))
        cost = matching.smooth_cost(cost)
        course = matching.best_course(cost, REGIONS[k].price)
        frames = np.arange(len(course))
        misfit = look[frames, course] / theirs.usual_look[k]
        misfit += shape[frames, course] / theirs.usual_shape[k]
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
