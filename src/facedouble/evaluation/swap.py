"""How good a swap is: the measures of every frame of a result, and their summary."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedouble.errors import InputError
from facedouble.evaluation.metrics import correlation, fine_detail, identity_distance
from facedouble.events import Listener, Progressed, StageFinished, StageStarted, ignore
from facedouble.faces.align import apply, cut
from facedouble.faces.hull import inner_face_mask
from facedouble.faces.identity import DlibDescriptor
from facedouble.faces.landmarks import DlibLandmarks, eye_opening, mouth_opening
from facedouble.faces.view import View
from facedouble.faceset import Faceset
from facedouble.types import Descriptor, Face
from facedouble.video import open_source
from facedouble.video.images import read_image


@dataclass(frozen=True, slots=True)
class SwapMeasures:
    """A swap in numbers, means over all frames that have a face.

    ``nearer_to_b``: share of frames whose face is nearer to B's mean descriptor than to A's.
    ``detail``: fine detail inside the face's outline over that of B's real faces, both at the
    model's resolution.
    ``mouth`` and ``eyes``: correlation of their opening over time with the source's.
    """

    frames: int
    nearer_to_b: float
    distance_to_b: float
    distance_to_a: float
    detail: float
    mouth: float
    eyes: float


@dataclass(frozen=True, slots=True)
class Person:
    """Mean descriptor (128,) of a person, and the fine detail of their real faces."""

    descriptor: Descriptor
    detail: float


def know(facesets: Sequence[Path], view: View) -> Person:
    """What a person's facesets say of them, their faces seen as the model sees them."""
    descriptors, details = [], []
    for path in facesets:
        with Faceset.open(path) as faceset:
            for face in faceset.faces():
                if face.descriptor is not None:
                    descriptors.append(face.descriptor)
                inner = view.of(np.eye(2, 3), face.crop_size)
                crop = cut(read_image(faceset.crop_path(face)), inner, view.resolution)
                points = apply(inner, apply(face.alignment, face.steady))
                details.append(fine_detail(crop, inner_face_mask(points, view.resolution)))
    if not descriptors:
        raise InputError(f"{', '.join(map(str, facesets))}: no face with a descriptor")
    return Person(np.mean(descriptors, axis=0), float(np.mean(details)))


def measure_swap(
    result: Path,
    faceset: Path,
    a: Person,
    b: Person,
    view: View,
    *,
    listener: Listener = ignore,
) -> SwapMeasures:
    """Measure ``result``, the swap of the clip that ``faceset`` was made from.

    Landmarks and descriptors are found anew in the result's own frames, at the places where the
    source has its faces; only the largest face of a frame counts. Raises ``InputError`` when the
    result has another number of frames than the source.
    """
    start = time.perf_counter()
    with Faceset.open(faceset) as store:
        frames = len(store.frame_indices())
        faces: dict[int, Face] = {}
        for face in store.faces():
            faces.setdefault(face.frame_index, face)
    landmarks, descriptor = DlibLandmarks(), DlibDescriptor()
    rows: list[tuple[float, ...]] = []
    count = 0
    listener(StageStarted("measure", frames, "frames"))
    for frame in open_source(result).frames():
        count += 1
        source = faces.get(frame.index)
        if source is None:
            continue
        points = landmarks.predict(frame.image, source.box)
        found = descriptor.describe(frame.image, points)
        alignment = view.of(source.alignment, source.crop_size)
        crop = cut(frame.image, alignment, view.resolution)
        rows.append(
            (
                identity_distance(found, a.descriptor),
                identity_distance(found, b.descriptor),
                fine_detail(crop, inner_face_mask(apply(alignment, source.steady), view.resolution)),
                mouth_opening(points),
                mouth_opening(source.landmarks),
                eye_opening(points),
                eye_opening(source.landmarks),
            )
        )
        listener(Progressed("measure", count))
    if count != frames:
        raise InputError(f"{result} has {count} frames, its source has {frames}")
    if not rows:
        raise InputError(f"{faceset}: no face to measure")
    to_a, to_b, detail, mouth, mouth_source, eyes, eyes_source = np.array(rows).T
    listener(StageFinished("measure", time.perf_counter() - start, f"{len(rows)} faces"))
    return SwapMeasures(
        frames=len(rows),
        nearer_to_b=float((to_b < to_a).mean()),
        distance_to_b=float(to_b.mean()),
        distance_to_a=float(to_a.mean()),
        detail=float(detail.mean() / b.detail),
        mouth=correlation(mouth, mouth_source),
        eyes=correlation(eyes, eyes_source),
    )
