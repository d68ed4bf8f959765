"""Which of a person's crops become the model's reference set: few, sharp, and of every pose, expression and
light that there is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.align import map_points
from facedouble.faces.schemes.scheme import LandmarkScheme, scheme_of
from facedouble.faceset.reference_set import (
    MAX_SIZE,
    ReferenceSet,
    encode,
    load_references,
    save_references,
)
from facedouble.run.run import Run
from facedouble.training.native_crops import cut_crops, native_size
from facedouble.training.preprocess import FaceCrop
from facedouble.types import FloatArray, Side
from facedouble.video.opencv_codec import decode

COUNT = 256
"""References that a set has at most."""

_MIN_SHARPNESS = 0.3  # of the median
_COVERED = 0.01  # of a crop: of faces of which more is covered none is a reference, if there are others
_NATIVE = 90  # percentile of the sizes that faces have in their clips: the references' own
_STEP = 32  # pixels between sizes of references
_LIGHT = 0.2  # a difference in brightness of 1 counts as much as a shift of all points by a fifth of a face
_SAME = 0.0015  # of the crop's side: faces nearer to each other than this are one
_ALIKE = 0.004  # of the crop's side: of faces as near as this the sharpest is taken


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
    chosen = choose_references(usable)
    present = load_references(folder).get(side)
    # References may have been cut from a clip that has gone since: they are as good as any.
    if present is not None and _shows(present, chosen):
        return
    references, native = make_reference_set(chosen, run)
    save_references(folder, side, references)
    size = sum(map(len, references.pictures)) / 1e6
    run.notice(
        "train.references",
        f"{len(references)} pictures of {side.upper()} ({references.size} pixels a side, {native} of them "
        f"cut anew from the clips, {size:.1f} MB) are kept in the model, for the detail of the new face: "
        f"guard the model as you guard pictures of {side.upper()}",
        count=len(references),
        size=references.size,
    )


def choose_references(faces: Sequence[FaceCrop], count: int = COUNT) -> list[FaceCrop]:
    """At most ``count`` of ``faces``, in their order: as different from each other as possible, sharp, and
    with nothing in front of them, if there are such."""
    faces = [known for known in faces if not _covered(known)] or faces
    size = max(known.face.crop_size for known in faces)
    sharpness = np.array([known.face.sharpness for known in faces])
    usable = [
        known
        for known, sharp in zip(faces, sharpness >= _MIN_SHARPNESS * np.median(sharpness), strict=True)
        if sharp and known.face.crop_size == size
    ]
    features = _features(usable)
    chosen = sharpest_alike(
        features, spread(features, count), np.array([known.face.sharpness for known in usable])
    )
    return [usable[number] for number in sorted(chosen.tolist())]


def _covered(known: FaceCrop) -> bool:
    if known.visible is None:
        return False
    return float((decode(known.visible, cv2.IMREAD_GRAYSCALE) < 128).mean()) > _COVERED


def make_reference_set(chosen: Sequence[FaceCrop], run: Run) -> tuple[ReferenceSet, int]:
    """The reference set of the faces ``chosen``, and how many of its pictures are cut from the clips."""
    usual = float(np.percentile([native_size(known.face) for known in chosen], _NATIVE))
    size = max(chosen[0].face.crop_size, min(MAX_SIZE, round(usual / _STEP) * _STEP))
    crops, native = cut_crops(chosen, size, run)
    if not native:  # enlarged, they would be no finer
        size = chosen[0].face.crop_size
        crops, _ = cut_crops(chosen, size, run)
    pictures = [encode(crop) for crop in crops]
    return (
        ReferenceSet(
            pictures,
            size,
            np.stack([_in_crop(known) for known in chosen]),
            np.stack([known.colour for known in chosen]).astype(np.float32),
            scheme_of(chosen[0].face),
            _geometry(chosen),
        ),
        native,
    )


def _geometry(faces: Sequence[FaceCrop]) -> FloatArray | None:
    """What the faces do (N, K), if all of them say so."""
    described = [known.geometry for known in faces if known.geometry is not None]
    return np.stack(described) if len(described) == len(faces) else None


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


def sharpest_alike(
    features: FloatArray, chosen: npt.NDArray[np.int64], sharpness: npt.NDArray[np.floating]
) -> npt.NDArray[np.int64]:
    """For each of the ``chosen`` vectors (K,) of (N, D), the sharpest of those that are nearest to it and
    hardly differ from it."""
    distance = np.stack([np.linalg.norm(features - features[number], axis=1) for number in chosen])
    nearest, near = distance.argmin(axis=0), distance.min(axis=0) <= _ALIKE
    best = chosen.copy()
    for place in range(len(chosen)):
        alike = np.nonzero((nearest == place) & near)[0]
        best[place] = alike[sharpness[alike].argmax()]
    return best


def _shows(references: ReferenceSet, chosen: Sequence[FaceCrop]) -> bool:
    """Whether a set shows the faces ``chosen``."""
    landmarks = np.stack([_in_crop(known) for known in chosen])
    return (
        references.scheme is scheme_of(chosen[0].face)
        and references.landmarks.shape == landmarks.shape
        and np.array_equal(references.landmarks, landmarks, equal_nan=True)
    )


def _in_crop(known: FaceCrop) -> FloatArray:
    """Landmarks (P, 2) in shares of the crop's side."""
    face = known.face
    return np.asarray((map_points(face.alignment, face.smoothed) + 0.5) / face.crop_size, dtype=np.float32)


def _features(faces: Sequence[FaceCrop]) -> FloatArray:
    """Vectors (N, D) whose distance says how differently faces are posed, act and are lit: the shapes of
    eyes, mouth and the rest count alike, each as the root mean square distance of its points."""
    scheme = scheme_of(faces[0].face)
    landmarks = np.nan_to_num(np.stack([_in_crop(known) for known in faces]))
    features = []
    for group in (*_groups(scheme), scheme.required):
        points = landmarks[:, list(group)]
        shape = points - points.mean(axis=1, keepdims=True)
        features.append(shape.reshape(len(points), -1) / np.float32(np.sqrt(len(group))))
    light = np.stack([known.colour for known in faces])[:, 0].mean(axis=1, keepdims=True)
    return np.concatenate(
        [*features, light.astype(np.float32) * np.float32(_LIGHT * scheme.face_width)], axis=1
    )


def _groups(scheme: LandmarkScheme) -> Sequence[tuple[int, ...]]:
    parts = scheme.regions
    eyes = tuple(point for eye in parts.eyes for point in (*eye.contour, *eye.iris))
    return parts.brows + eyes, parts.lips
