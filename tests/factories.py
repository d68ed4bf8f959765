"""Made-up values that many tests need."""

from __future__ import annotations

import numpy as np

from facedouble.faces.align import align
from facedouble.faces.landmarks import box_around
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.types import Box, Descriptor, Face

CROP = 256
"""Side of the crops, in pixels."""


def make_face(
    frame: int = 0, number: int = 0, *, size: float = 256, x: float = 0, y: float = 0, **changes: object
) -> Face:
    """A frontal face whose mean shape is ``size`` pixels wide, moved by ``(x, y)``, with nothing optional.

    ``changes`` sets any field of ``Face`` to another value.
    """
    points = (DLIB68.mean_shape * size + (x, y)).astype(np.float32)
    return Face(
        frame_index=frame,
        face_index=number,
        box=box_around(points, DLIB68),
        confidence=1.0,
        landmarks=points,
        smoothed=points,
        alignment=align(points, CROP, DLIB68),
        crop_size=CROP,
        scheme=DLIB68.name,
    ).with_(**changes)


def full_face(frame: int = 0, number: int = 0, **changes: object) -> Face:
    """A face with a value other than the default in every field, the same for the same frame and number."""
    random = np.random.default_rng(frame * 10 + number)
    points = (DLIB68.mean_shape * CROP + random.normal(size=DLIB68.mean_shape.shape)).astype(np.float32)
    filled: dict[str, object] = {
        "box": Box(-5, 2, 300, 400),
        "confidence": 1 / 3,
        "landmarks": points,
        "smoothed": points + np.float32(0.1),
        "alignment": align(points, CROP, DLIB68),
        "descriptor": random.normal(size=128).astype(np.float32),
        "sharpness": 12.5,
        "colour": random.random((2, 3)).astype(np.float32),
        "motion": random.normal(size=(2, 3)),
        "tracklet": 5_000_000_000,
        "track": 3,
        "rotation": 90,
        "origin": "followed",
        "status": "blurry",
        "wanted_distance": 0.71,
        "unwanted_distance": 0.2,
        "cropped": True,
        "depth": random.random(DLIB68.count).astype(np.float32),
        "expression": random.random(52).astype(np.float32),
        "edited": True,
    }
    return make_face(frame, number).with_(**(filled | changes))


def same_face(a: Face, b: Face, *, apart_from: tuple[str, ...] = ("crop",)) -> bool:
    """Whether two faces are equal to the bit, but for the fields ``apart_from``."""
    names = set(Face.__dataclass_fields__) - set(apart_from)
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


def descriptor(*first: float) -> Descriptor:
    """An identity vector that begins with these numbers and is 0 otherwise."""
    result = np.zeros(128, dtype=np.float32)
    result[: len(first)] = first
    return result
