"""The light on the performer's face, as far as it is not the light of the footage that the model knows.

A model draws its person in the light of the training footage. So light from one side is taken off the frame's
face before the model sees it, and put onto the finished face: both multiply by the same smooth field. It is
a polynomial in the logarithm of brightness, too smooth to show anybody's features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.conversion.plan import PlannedFace
from facedouble.faces.align import extract_crop, map_points
from facedouble.faces.colour import apply_statistics, colour_statistics, standardise, to_float
from facedouble.faces.hull import erode_mask, face_hull
from facedouble.faces.network_input import InputCrop
from facedouble.faces.schemes.scheme import LandmarkScheme, scheme_of
from facedouble.faces.time_filters import gaussian
from facedouble.faceset.reference_set import ReferenceSet
from facedouble.faceset.store import Faceset
from facedouble.types import FloatArray, Image, Landmarks, Mask

TERMS = 6
"""Coefficients of a field: of 1, x, y, x squared, x times y, y squared."""

_SIDE = 32  # pixels at which light is looked at
_EVERY = 4  # faces of a track: light changes slowly
_SIGMA = 3.0  # frames
_EDGE = 0.06  # of the side: hair and background are no part of the face
_USUAL = 0.10  # deviation of the logarithm over a face: what pose and expression make of the same light
_UNUSUAL = 0.18  # from here on it is another light
_MAX = 1.2  # of the logarithm
_DARK = 0.03  # of white


def gain(light: FloatArray, size: int) -> FloatArray:
    """The field (size, size, 1) that ``light`` (TERMS,) multiplies a picture of the view by."""
    log = np.clip(_basis(size) @ light, -_MAX, _MAX)
    return np.asarray(np.exp(log), dtype=np.float32).reshape(size, size, 1)


def without_light(crop: Image, light: FloatArray) -> Image:
    """A crop (S, S, 3) in the usual light."""
    if not light.any():
        return crop
    return np.clip(crop / gain(light, crop.shape[0]) + 0.5, 0, np.iinfo(crop.dtype).max).astype(crop.dtype)


def fit_light(log: FloatArray, usual: FloatArray, weights: Mask) -> FloatArray:
    """The light (TERMS,) by which brightness ``log`` (S, S) differs from what is ``usual`` (S, S) for a face,
    on the pixels with ``weights`` (S, S). Its mean over the face is 0. It is 0 as long as it may as well be
    the pose."""
    basis = _basis(log.shape[0])
    share = weights.reshape(-1, 1)
    centred = basis - (share * basis).sum(axis=0) / max(float(share.sum()), 1e-6)
    difference = (log - usual).reshape(-1)
    system = (centred * share).T @ centred + 1e-3 * np.eye(TERMS)
    found = np.linalg.solve(system, (centred * share).T @ difference)
    found[0] = -float((share[:, 0] * (basis[:, 1:] @ found[1:])).sum() / max(float(share.sum()), 1e-6))
    deviation = float(np.sqrt((share[:, 0] * (basis @ found) ** 2).sum() / max(float(share.sum()), 1e-6)))
    part = np.clip((deviation - _USUAL) / (_UNUSUAL - _USUAL), 0, 1)
    return np.asarray(found * part * part * (3 - 2 * part), dtype=np.float32)


def usual_brightness(references: ReferenceSet, view: InputCrop) -> FloatArray:
    """The logarithm of brightness (S, S) that is usual in pictures of a person."""
    inner = InputCrop(_SIDE, view.coverage).alignment(np.eye(2, 3), references.size)
    total, known = np.zeros((_SIDE, _SIDE)), np.zeros((_SIDE, _SIDE))
    for number in range(0, len(references), max(1, len(references) // 64)):
        crop = extract_crop(references.crop(number), inner, _SIDE)
        weights = _inside(map_points(inner, references.points(number)), references.scheme)
        log = _brightness(crop, references.statistics[number])
        total += weights * (log - (weights * log).sum() / max(float(weights.sum()), 1e-6))
        known += weights
    return np.asarray(total / np.maximum(known, 1e-3), dtype=np.float32)


def lit(
    members: Sequence[PlannedFace], store: Faceset, view: InputCrop, usual: FloatArray
) -> list[PlannedFace]:
    """The faces of a track, in frame order, with the light on them, and their colours without it. Faces whose
    light is known stay as they are."""
    if any(planned.light.any() for planned in members):
        return list(members)
    chosen = sorted({*range(0, len(members), _EVERY), len(members) - 1})
    lights, changes = [], []
    for number in chosen:
        planned = members[number]
        inner = InputCrop(_SIDE, view.coverage).alignment(np.eye(2, 3), planned.face.crop_size)
        crop = extract_crop(store.read_crop(planned.face), inner, _SIDE)
        points = map_points(inner, map_points(planned.face.alignment, planned.face.smoothed))
        weights = _inside(points, scheme_of(planned.face))
        log = _brightness(crop, planned.statistics)
        log = log - (weights * log).sum() / max(float(weights.sum()), 1e-6)
        light = fit_light(log, usual, weights)
        lights.append(light)
        before, after = (colour_statistics(c, weights) for c in (crop, without_light(crop, light)))
        changes.append(after / np.maximum(before, 1e-4))
    if not np.any(lights):
        return list(members)
    every, at = np.arange(len(members)), np.array(chosen)
    light = gaussian(_between(every, at, np.stack(lights)), _SIGMA)
    change = gaussian(_between(every, at, np.stack(changes)), _SIGMA)
    return [
        replace(
            planned, light=own.astype(np.float32), statistics=(planned.statistics * by).astype(np.float32)
        )
        for planned, own, by in zip(members, light, change, strict=True)
    ]


def _between(every: npt.NDArray[np.int64], at: npt.NDArray[np.int64], values: FloatArray) -> FloatArray:
    """Values (N, ...) known at some places, at all of them."""
    flat = values.reshape(len(values), -1)
    columns = [np.interp(every, at, column) for column in flat.T]
    return np.stack(columns, axis=1).astype(np.float32).reshape(len(every), *values.shape[1:])


def _brightness(crop: Image, statistics: FloatArray) -> FloatArray:
    """The logarithm of the brightness of a crop (S, S, 3), whose colours are brought to a usual exposure."""
    usual = np.stack([np.full(3, 0.5), statistics[1] * 0.5 / np.maximum(statistics[0], 1e-3)])
    even = apply_statistics(standardise(to_float(crop), statistics), usual.astype(np.float32))
    return np.asarray(np.log(np.clip(even.mean(axis=2), 0, 4) + np.float32(_DARK)), dtype=np.float32)


def _inside(points: Landmarks, scheme: LandmarkScheme) -> Mask:
    hull = face_hull(points, _SIDE, scheme)
    return np.asarray(cv2.GaussianBlur(erode_mask(hull, _EDGE), (0, 0), 1.0))


@lru_cache(8)
def _basis(size: int) -> FloatArray:
    """The terms (size * size, TERMS) at the pixels of a picture, x and y from -1 to 1."""
    line = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / size) - 1
    x, y = (grid.reshape(-1) for grid in np.meshgrid(line, line))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
