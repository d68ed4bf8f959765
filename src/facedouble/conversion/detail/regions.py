"""The regions of a face that take their detail from references of their own."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facedouble.faces.hull import convex_mask
from facedouble.faces.schemes.scheme import Indices, LandmarkScheme
from facedouble.types import FloatArray, Landmarks


@dataclass(frozen=True, slots=True)
class DetailRegion:
    """A region of the face.

    ``pull`` (0..1): how far its coarse structure goes from the drawn towards the real one; 0 adds fine detail
    alone, and keeps what the model smears. ``price``: what it costs to change references between two frames,
    in units of the usual best match. ``acts``: references are also chosen by what the performer does there.
    """

    name: str
    pull: float
    price: float
    acts: bool = False


REGIONS = (
    DetailRegion("eyes", pull=0.7, price=0.4),
    DetailRegion("mouth", pull=0.8, price=0.3, acts=True),
    DetailRegion("rest", pull=0.5, price=1.0),
)
"""Eyes and brows, mouth and chin, and everything else."""


def region_points(scheme: LandmarkScheme) -> tuple[Indices, Indices, Indices]:
    """The landmarks by which references are matched, for each of :data:`REGIONS`."""
    parts = scheme.regions
    eyes = tuple(point for eye in parts.eyes for point in (*eye.contour, *eye.iris))
    return (parts.brows + eyes, parts.lips, parts.nose + parts.jaw)


def region_masks(shape: Landmarks, scheme: LandmarkScheme, size: int) -> FloatArray:
    """Soft masks (3, size, size) of :data:`REGIONS` that sum to 1, from landmarks (P, 2) in shares of the
    side."""
    points = shape * np.float32(size) - np.float32(0.5)
    parts = scheme.regions
    eyes = points[[*parts.brows, *(point for eye in parts.eyes for point in eye.contour)]]
    jaw = len(parts.jaw)
    chin = parts.jaw[round(0.38 * jaw) : round(0.64 * jaw)]
    mouth = points[[*parts.outer_lips, *chin]]
    upper = _blob(eyes, (1.15, 1.5), size, 3 / 96)
    lower = _blob(mouth, (1.2, 1.15), size, 4 / 96) * (1 - upper)
    return np.stack([upper, lower, 1 - np.clip(upper + lower, 0, 1)]).astype(np.float32)


def _blob(points: Landmarks, growth: tuple[float, float], size: int, softness: float) -> FloatArray:
    centre = points.mean(axis=0)
    grown = centre + (points - centre) * np.array(growth, dtype=np.float32)
    return np.asarray(cv2.GaussianBlur(convex_mask(grown, size), (0, 0), softness * size))
