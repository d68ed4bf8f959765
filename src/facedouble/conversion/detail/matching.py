"""Which references show what a drawn face shows: distances, and the course over a track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from facedouble.faces.schemes.scheme import Indices
from facedouble.types import FloatArray

_SIDE = 48  # pixels: pictures are compared blurred and small
_BLUR = 1.5 / 96  # of the side
_COST_SIGMA = 1.0  # frames
_WEIGHT_SIGMA = 1.5  # frames
_MIN_WEIGHT = 0.05
_FITS, _FITS_NOT = 1.1, 1.6


@dataclass(frozen=True, slots=True)
class ReferenceFeatures:
    """What faces are compared with. For each of K regions: its mask (S, S), the features (M, D) of the
    references' ``pictures`` and of their ``shapes``, and what an arbitrary match of either is worth."""

    masks: FloatArray
    pictures: Sequence[FloatArray]
    shapes: Sequence[FloatArray]
    usual_look: Sequence[float]
    usual_shape: Sequence[float]

    @classmethod
    def of(
        cls,
        pictures: Sequence[FloatArray],
        landmarks: FloatArray,
        masks: FloatArray,
        groups: Sequence[Indices],
    ) -> Self:
        """The features of M pictures (D, D, 3) with ``landmarks`` (M, P, 2), in regions with these masks and
        points."""
        looks = picture_features(np.stack([blurred(picture) for picture in pictures]), masks)
        shapes = shape_features(landmarks, groups)
        usual = ([usual_distance(features) for features in found] for found in (looks, shapes))
        return cls(masks, looks, shapes, *usual)


def picture_features(blurred: FloatArray, masks: FloatArray) -> list[FloatArray]:
    """For each of the region ``masks`` (K, S, S), vectors (N, D) of ``blurred`` pictures (N, R, R, 3) whose
    distance is the root mean square difference of the pictures there."""
    features = []
    for mask in masks:
        weight = cv2.resize(mask, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        weight = np.sqrt(weight / max(float(weight.sum()), 1e-6))
        features.append((blurred * weight[..., None]).reshape(len(blurred), -1))
    return features


def shape_features(landmarks: npt.NDArray[np.floating], groups: Sequence[Indices]) -> list[FloatArray]:
    """For each group of points, vectors (N, D) of landmarks (N, P, 2) relative to the group's centre."""
    features = []
    for group in groups:
        points = landmarks[:, list(group)].astype(np.float32)
        centred = points - points.mean(axis=1, keepdims=True)
        features.append((centred / np.float32(np.sqrt(len(group)))).reshape(len(points), -1))
    return features


def distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Euclidean distances (N, M) of vectors (N, D) and (M, D)."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)), dtype=np.float32)


def in_units_of_best(distance: FloatArray) -> FloatArray:
    """Distances (N, M) in units of the usual distance of the best match."""
    return distance / max(float(np.median(distance.min(axis=1))), 1e-6)


def usual_distance(features: FloatArray) -> float:
    """The median distance of vectors (N, D) from each other: what an arbitrary match is worth."""
    between = distances(features, features)[np.triu_indices(len(features), 1)]
    return max(float(np.median(between)), 1e-6) if len(between) else 1e-6


def strength(misfit: npt.NDArray[np.floating]) -> FloatArray:
    """How much of a match is used (N,), 0..1, given its distance in units of that of an arbitrary match (N,):
    all of one that is as near, nothing of one that is far off, changing slowly in time."""
    over = np.clip((misfit - _FITS) / (_FITS_NOT - _FITS), 0, 1)
    soft = 1 - over**2 * (3 - 2 * over)
    return np.asarray(gaussian_filter1d(soft, _WEIGHT_SIGMA, mode="nearest"), dtype=np.float32)


def best_course(cost: FloatArray, price: float) -> npt.NDArray[np.int64]:
    """The reference (N,) of each frame that costs least over the whole track, ``cost`` (N, M), where each
    change of reference costs ``price`` (Viterbi 1967; all changes cost the same, so each step is linear in
    M)."""
    frames, count = cost.shape
    total = cost[0].astype(np.float64)
    came_from = np.zeros((frames, count), dtype=np.int64)
    for frame in range(1, frames):
        best = int(total.argmin())
        stays = total <= total[best] + price
        came_from[frame] = np.where(stays, np.arange(count), best)
        total = np.minimum(total, total[best] + price) + cost[frame]
    course = np.zeros(frames, dtype=np.int64)
    course[-1] = int(total.argmin())
    for frame in range(frames - 1, 0, -1):
        course[frame - 1] = came_from[frame, course[frame]]
    return course


def smooth_cost(cost: FloatArray) -> FloatArray:
    """Costs (N, M) smoothed in time."""
    return np.asarray(gaussian_filter1d(cost, _COST_SIGMA, axis=0, mode="nearest"), dtype=np.float32)


def course_weights(course: npt.NDArray[np.int64]) -> list[dict[int, float]]:
    """For each frame of a course (N,), the references at work and their weights, which sum to 1: changes are
    faded over a few frames."""
    used = np.unique(course)
    hard = (course[:, None] == used[None]).astype(np.float32)
    soft = gaussian_filter1d(hard, _WEIGHT_SIGMA, axis=0, mode="nearest")
    soft[soft < _MIN_WEIGHT] = 0
    soft /= soft.sum(axis=1, keepdims=True)
    return [{int(used[i]): float(row[i]) for i in np.nonzero(row)[0]} for row in soft]


def blurred(picture: FloatArray) -> FloatArray:
    """A picture (R, R, 3) as it is compared: blurred and small."""
    sigma = _BLUR * picture.shape[0]
    soft = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(soft, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), dtype=np.float32)
