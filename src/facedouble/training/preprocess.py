"""A stored crop made into what is kept of it for training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facedouble.faces.align import extract_crop, map_points, recrop
from facedouble.faces.colour import to_float
from facedouble.faces.hull import FOREHEAD, eyes_and_mouth_mask, face_hull
from facedouble.faces.network_input import InputCrop, input_mask, masked_input
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.crops import read_crop
from facedouble.training.batch import MAX_WEIGHT
from facedouble.types import Face, FloatArray, Image, Landmarks, Mask
from facedouble.video.opencv_codec import decode

_WEIGHT_OUTSIDE = 0.1
_WEIGHT_FACE = 1.0
_WEIGHT_FEATURES = 3.0
_OVERSAMPLING = 2
_ENOUGH = 256  # pixels


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """A face of the faceset in a folder, where its crop lies, its colour statistics (2, 3), and what it does
    (K,), for models that are told. ``visible`` is a mask of its crop of any side, 0 hidden to 255 visible,
    as a grey PNG; ``None`` for all visible."""

    face: Face
    faceset: Path
    crop: Path
    colour: FloatArray
    geometry: FloatArray | None = None
    visible: bytes | None = None


def cached_size(resolution: int, seen: float) -> int:
    """Side of the pictures kept for a model of ``resolution``, ``seen`` the pixels that crops have there.

    Twice the resolution, so that a batch that is turned and shifted by parts of a pixel is sampled from them
    without losing fine detail; beyond 256 no more than the crops have, and never less than the
    resolution.
    """
    return min(resolution * _OVERSAMPLING, max(resolution, _ENOUGH, round(seen)))


def places(face: Face, coverage: float) -> Landmarks:
    """A face's landmarks (P, 2) in the view of ``coverage``, in units of ``Batch``."""
    # In a view one pixel wide the centre is 0 and the edges are half a pixel away.
    return 2 * map_points(InputCrop(1, coverage).alignment(face.alignment, face.crop_size), face.smoothed)


def prepare(known: FaceCrop, size: int, coverage: float) -> Image:
    """What is kept of a face: (5, size, size) uint8, see ``Batch.pixels``. Hidden parts are filled as the
    background is, have no weight, and do not belong to the face's mask.

    Raises ``InputError`` for a crop that cannot be read or is not what was cut out.
    """
    face = known.face
    image = read_crop(known.crop, face)
    inner = InputCrop(size, coverage).alignment(np.eye(2, 3), face.crop_size)
    points = map_points(inner, map_points(face.alignment, face.smoothed))
    scheme = scheme_of(face)
    hull = face_hull(points, size, scheme, forehead=FOREHEAD)
    visible = None if known.visible is None else _visible(known.visible, size, coverage)
    part = input_mask(hull, visible)
    seen = masked_input(extract_crop(image, inner, size), part, known.colour)
    weight = np.full((size, size), _WEIGHT_OUTSIDE, dtype=np.float32)
    weight += (_WEIGHT_FACE - _WEIGHT_OUTSIDE) * cv2.blur(hull, (size // 16, size // 16))
    features = eyes_and_mouth_mask(points, size, scheme)
    weight += (_WEIGHT_FEATURES - _WEIGHT_FACE) * cv2.blur(features, (5, 5))
    if visible is not None:  # what is hidden teaches nothing
        weight *= visible
    stacked = np.concatenate([seen, weight[..., None] / MAX_WEIGHT, part[..., None]], axis=2)
    return np.clip(stacked.transpose(2, 0, 1) * 255 + 0.5, 0, 255).astype(np.uint8)


def _visible(data: bytes, size: int, coverage: float) -> Mask:
    """A mask in the view of ``coverage``, (size, size) 0..1."""
    mask = decode(data, cv2.IMREAD_GRAYSCALE)
    inner = recrop(np.eye(2, 3), mask.shape[0], coverage, size)
    return to_float(extract_crop(mask, inner, size))
