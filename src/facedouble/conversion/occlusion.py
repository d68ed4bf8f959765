"""Hands, hair and microphones before a face: where they are, so that nothing is painted over them.

``auto`` knows neither hands nor skin; it only knows the face as it is in the rest of the track. The
aligned faces of a track lie near a space of few dimensions (eigenfaces, Turk and Pentland 1991): light,
expression and pose move within it. What is before the face does not. The space is found without being bent
towards what it should reject by robust principal components (De la Torre and Black 2003): pixels that fit
badly are replaced by what the space says of them, and it is found anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from facedouble.conversion.masks import learned
from facedouble.conversion.patch import Patch
from facedouble.conversion.plan import Planned
from facedouble.faces.align import apply, cut
from facedouble.faces.colour import standardise, unit
from facedouble.faces.hull import FOREHEAD, face_hull
from facedouble.faces.view import View
from facedouble.faceset import Faceset
from facedouble.types import FloatArray, Mask
from facedouble.video.images import read_image

GRID = 48  # cells on a side of the view
_MOST = 240  # faces that the space of a track is found from
_DIMENSIONS = 10
_ROUNDS = 8
_SCALE = 0.22  # misfit (standard colouring) at which a pixel counts half
_LOW, _HIGH = 0.30, 0.50  # misfit from which something may be, and from which it is, before the face
_FRAMES = 1.0  # deviation of the Gaussian over which the misfit is smoothed in time, in frames
_CELLS = 1.2  # and over the picture, in cells


def _visible(patch: Patch) -> Mask:
    if patch.item.hidden is None:
        return np.ones_like(patch.mask)
    hidden = cv2.resize(patch.item.hidden, (patch.size, patch.size), interpolation=cv2.INTER_CUBIC)
    return np.clip(1 - np.asarray(hidden, dtype=np.float32), 0, 1)


def _by_model(patch: Patch) -> Mask:
    return learned(patch, "--occlusion")


def _everything(patch: Patch) -> Mask:
    return np.ones_like(patch.mask)


OCCLUSIONS: dict[str, Callable[[Patch], Mask]] = {
    "none": _everything,
    "auto": _visible,
    "learned": _by_model,
}
"""What of a face is visible (S, S) 0..1, by name: everything; what :func:`find_hidden` left; what the
model's own mask says."""


def find_hidden(members: Sequence[Planned], store: Faceset, view: View) -> list[Mask]:
    """For each face of a track, in order of frames, where something is before it: (GRID, GRID) float32 0..1
    over the model's view."""
    faces = np.stack([_aligned(item, store, view) for item in members])
    inside = np.stack([_inside(item, view) for item in members])
    return list(hidden_in(faces, inside))


def hidden_in(faces: FloatArray, inside: FloatArray) -> FloatArray:
    """Aligned faces (N, G, G, 3) in the standard colouring and their outlines (N, G, G) to where something
    is before them (N, G, G), 0..1."""
    misfit = misfit_of(faces, inside)
    misfit = gaussian_filter1d(misfit, _FRAMES, axis=0, mode="nearest")
    hidden = np.clip((misfit - _LOW) / (_HIGH - _LOW), 0, 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    return np.stack([cv2.dilate(cv2.morphologyEx(h, cv2.MORPH_OPEN, kernel), kernel) for h in hidden]).astype(
        np.float32
    )


def misfit_of(faces: FloatArray, inside: FloatArray) -> FloatArray:
    """How far each cell of each face is from the space of the track's faces, (N, G, G), in units of the
    standard colouring."""
    count = len(faces)
    values = faces.reshape(count, -1)
    weights = np.repeat(inside.reshape(count, -1), 3, axis=1)
    chosen = np.linspace(0, count - 1, min(_MOST, count)).round().astype(int)
    mean, basis = _space(values[chosen], weights[chosen])
    fitted = _fit(values, weights, mean, basis)
    return _misfit(values - fitted, inside)


def _misfit(difference: FloatArray, inside: FloatArray) -> FloatArray:
    apart = np.sqrt((difference.reshape(*inside.shape, 3) ** 2).mean(axis=3)) * inside
    soft = gaussian_filter(apart, (0, _CELLS, _CELLS))
    reach = gaussian_filter(inside, (0, _CELLS, _CELLS))
    return np.asarray(soft / np.maximum(reach, 0.2), dtype=np.float32)


def _space(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean (D,) and orthonormal basis (k, D) of the space that most faces (N, D) lie near."""
    mean = np.median(values, axis=0)
    basis = np.zeros((0, values.shape[1]), dtype=np.float32)
    fitted = np.broadcast_to(mean, values.shape)
    for step in range(_ROUNDS):
        trust = _trust(values - fitted, weights)
        filled = trust * values + (1 - trust) * fitted
        mean = filled.mean(axis=0)
        centred = filled - mean
        dimensions = min(_DIMENSIONS, max(1, len(values) // 4), step + 2)
        eigenvalues, vectors = np.linalg.eigh(centred @ centred.T)
        top = vectors[:, ::-1][:, :dimensions]
        basis = (top.T @ centred) / np.sqrt(np.maximum(eigenvalues[::-1][:dimensions, None], 1e-6))
        fitted = mean + (centred @ basis.T) @ basis
    return mean.astype(np.float32), basis.astype(np.float32)


def _fit(values: FloatArray, weights: FloatArray, mean: FloatArray, basis: FloatArray) -> FloatArray:
    """The point of the space nearest to each face, what fits badly not counted."""
    fitted = np.broadcast_to(mean, values.shape)
    for _ in range(_ROUNDS):
        trust = _trust(values - fitted, weights)
        centred = trust * (values - mean) + (1 - trust) * (fitted - mean)
        fitted = mean + (centred @ basis.T) @ basis
    return np.asarray(fitted, dtype=np.float32)


def _trust(difference: FloatArray, weights: FloatArray) -> FloatArray:
    """Weight of each value: Geman and McClure's, of the misfit of its neighbourhood."""
    inside = weights[:, ::3].reshape(len(weights), GRID, GRID)
    misfit = _misfit(difference, inside).reshape(len(weights), -1)
    trust = 1 / (1 + (misfit / _SCALE) ** 2) ** 2
    return np.asarray(np.repeat(trust, 3, axis=1) * weights, dtype=np.float32)


def _aligned(item: Planned, store: Faceset, view: View) -> npt.NDArray[np.float32]:
    face = item.face
    inner = View(GRID, view.coverage).of(np.eye(2, 3), face.crop_size)
    crop = cut(read_image(store.crop_path(face)), inner, GRID)
    return np.clip(standardise(unit(crop), item.colour), -0.5, 1.5)


def _inside(item: Planned, view: View) -> Mask:
    face = item.face
    alignment = View(GRID, view.coverage).of(face.alignment, face.crop_size)
    return face_hull(apply(alignment, item.outline), GRID, forehead=FOREHEAD)
