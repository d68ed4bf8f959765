"""Which of a person's crops become the model's reference set: few, sharp, and of every pose, expression and
light that there is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facedouble.faces.align import map_points
from facedouble.faces.schemes.scheme import LandmarkScheme, scheme_of
from facedouble.faceset.crops import read_crop
from facedouble.faceset.reference_set import (
    MAX_SIZE,
    ReferenceSet,
    encode,
    load_references,
    save_references,
)
from facedouble.run.run import Run
from facedouble.training.preprocess import FaceCrop
from facedouble.types import FloatArray, Side

COUNT = 256
"""References that a set has at most."""

_MAX_BYTES = 192 << 20
_MIN_SHARPNESS = 0.3  # of the median
_LIGHT = 0.5  # a difference in brightness of 1 counts as much as a shift of all points by half a face
_SAME = 0.002  # of the crop's side: faces nearer to each other than this are one


def write_reference_set(faces: Sequence[FaceCrop], folder: Path, side: Side, run: Run) -> None:
    """Write the references of ``side`` into the model's ``folder``, unless they are there already."""
    usable = [known for known in faces if known.face.crop_size <= MAX_SIZE]
    if not usable:
        run.warn(
            "train.no_references",
            f"the crops of {side.upper()} are larger than {MAX_SIZE} pixels: the model gets no references of "
            f"{side.upper()}, and conversion cannot carry over real detail",
        )
        return
    references = make_reference_set(usable)
    present = load_references(folder).get(side)
    if present is not None and present.digest == references.digest:
        return
    save_references(folder, side, references)
    size = sum(map(len, references.pictures)) / 1e6
    run.notice(
        "train.references",
        f"{len(references)} pictures of {side.upper()} ({size:.1f} MB) are kept in the model, for the detail "
        f"of the new face: guard the model as you guard pictures of {side.upper()}",
        count=len(references),
    )


def make_reference_set(faces: Sequence[FaceCrop], count: int = COUNT) -> ReferenceSet:
    """A reference set of at most ``count`` of ``faces``."""
    scheme = scheme_of(faces[0].face)
    size = max(known.face.crop_size for known in faces)
    candidates = [known for known in faces if known.face.crop_size == size]
    landmarks = np.stack([_in_crop(known) for known in candidates])
    statistics = np.stack([known.colour for known in candidates]).astype(np.float32)
    sharpness = np.array([known.face.sharpness for known in candidates])
    sharp = np.nonzero(sharpness >= _MIN_SHARPNESS * np.median(sharpness))[0]
    order = sharp[spread(_features(landmarks, statistics, scheme)[sharp], count)]
    pictures: list[bytes] = []
    total = 0
    for number in order:
        picture = encode(read_crop(candidates[number].crop, candidates[number].face))
        total += len(picture)
        if total > _MAX_BYTES and pictures:
            break
        pictures.append(picture)
    chosen = order[: len(pictures)]
    in_order = np.argsort(chosen)
    return ReferenceSet(
        [pictures[place] for place in in_order],
        size,
        landmarks[chosen[in_order]],
        statistics[chosen[in_order]],
        scheme,
    )


def spread(features: FloatArray, count: int) -> npt.NDArray[np.int64]:
    """Numbers of up to ``count`` of the vectors (N, D) that lie as far from each other as possible: each is
    the farthest from all before it (Gonzalez 1985), starting with the one nearest to the mean. Vectors that
    repeat one already taken are left out."""
    first = int(np.linalg.norm(features - features.mean(axis=0), axis=1).argmin())
    chosen = [first]
    distance = np.linalg.norm(features - features[first], axis=1)
    while len(chosen) < min(count, len(features)):
        farthest = int(distance.argmax())
        if distance[farthest] < _SAME:
            break
        chosen.append(farthest)
        distance = np.minimum(distance, np.linalg.norm(features - features[farthest], axis=1))
    return np.array(chosen, dtype=np.int64)


def _in_crop(known: FaceCrop) -> FloatArray:
    """Landmarks (P, 2) in shares of the crop's side."""
    face = known.face
    return np.asarray((map_points(face.alignment, face.smoothed) + 0.5) / face.crop_size, dtype=np.float32)


def _features(landmarks: FloatArray, statistics: FloatArray, scheme: LandmarkScheme) -> FloatArray:
    """Vectors (N, D) whose distance is the root mean square distance of the points, with some for light."""
    points = np.nan_to_num(landmarks[:, list(scheme.required)])
    shape = points.reshape(len(points), -1) / np.float32(np.sqrt(points.shape[1]))
    light = statistics[:, 0].mean(axis=1, keepdims=True) * np.float32(_LIGHT * scheme.face_width)
    return np.concatenate([shape, light], axis=1)
