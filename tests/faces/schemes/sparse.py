"""A small landmark scheme for tests: 24 points in an order of their own, with irises that may be missing.

Its points are dlib's, found by dlib's predictor; so everything that is computed from them can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facedouble.faces.landmarks import eye_distance, eye_opening, mouth_opening
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.dlib68_predictor import Dlib68Predictor
from facedouble.faces.schemes.scheme import Eye, LandmarkScheme, Opening, Regions, Weights
from facedouble.types import Box, Detection, FloatArray, Grey, Image, Landmarks, PredictedLandmarks

# Of which points of dlib68 each point is the mean. Nothing lies where dlib68 has it.
FROM_DLIB68: tuple[tuple[int, ...], ...] = (
    *((62,), (66,), (60,), (64,), (51,), (57,)),  # 0-5: mouth
    *((36,), (37, 38), (39,), (40, 41)),  # 6-9: right eye
    *((42,), (43, 44), (45,), (46, 47)),  # 10-13: left eye
    *((37, 38, 40, 41), (43, 44, 46, 47)),  # 14, 15: irises
    *((33,), (27,), (30,)),  # 16-18: nose
    *((0,), (8,), (16,)),  # 19-21: jaw
    *((19,), (24,)),  # 22, 23: brows
)
COUNT = len(FROM_DLIB68)
IRISES = (14, 15)


def reduced(points: np.ndarray) -> np.ndarray:
    """Points (..., 68, K) of dlib68 as points (..., 24, K) of this scheme."""
    return np.stack([points[..., list(group), :].mean(axis=-2) for group in FROM_DLIB68], axis=-2)


def _weights() -> Weights:
    rigid = np.zeros(COUNT)
    rigid[[6, 8, 10, 12, 16, 17, 18]] = 1
    across = rigid.copy()
    across[[2, 3]] = 0.5
    down = rigid.copy()
    down[[19, 21]] = 0.5
    alignment = rigid.copy()
    alignment[list(IRISES)] = 0.5
    return Weights(alignment, rigid, across, down)


SPARSE = LandmarkScheme(
    name="sparse",
    version=1,
    mean_shape=reduced(DLIB68.mean_shape).astype(np.float32),
    depth=reduced(DLIB68.depth[:, None])[:, 0],
    regions=Regions(
        jaw=(19, 20, 21),
        right_brow=(22,),
        left_brow=(23,),
        nose=(17, 18, 16),
        nose_base=16,
        right_eye=Eye((6, 7, 8, 9), Opening((6, 8), ((7, 9),)), iris=(14,)),
        left_eye=Eye((10, 11, 12, 13), Opening((10, 12), ((11, 13),)), iris=(15,)),
        outer_lips=(2, 4, 3, 5),
        inner_lips=(2, 0, 3, 1),
        mouth=Opening((2, 3), ((0, 1),)),
    ),
    weights=_weights(),
    inner=(*range(19), 22, 23),
    stable=(*range(6, 14), 16, 17, 18),
    tracking=(*((i,) for i in (*range(6, 14), 16, 17, 18, 22, 23)), (16, 19), (16, 21), (17, 22), (17, 23)),
    hull=(19, 20, 21, 22, 23),
    warp_handles=(0, 1, 2, 3, 6, 8, 10, 12, 16, 17, 19, 20, 21, 22, 23),
    detector_box=(0.0, 1.75),
    optional=frozenset(IRISES),
    expressions=("mouth", "eyes"),
)


class SparsePredictor:
    """dlib's points, reduced; irises of eyes that are nearly shut are missing."""

    scheme = SPARSE
    colour = False
    knows_presence = False
    in_threads = True

    def __init__(self, device: str = "cpu") -> None:
        self._dlib = Dlib68Predictor(device)

    def predict(self, image: Image | Grey, detections: Sequence[Detection]) -> list[PredictedLandmarks]:
        return [self._reduced(found.points) for found in self._dlib.predict(image, detections)]

    def refine(
        self, images: Sequence[Image | Grey], landmarks: Sequence[Landmarks]
    ) -> list[PredictedLandmarks]:
        return [self._refined(image, points) for image, points in zip(images, landmarks, strict=True)]

    def expressions(self, landmarks: Sequence[Landmarks]) -> list[FloatArray | None]:
        return [
            np.array([mouth_opening(points, SPARSE), eye_opening(points, SPARSE)], dtype=np.float32)
            for points in landmarks
        ]

    def _refined(self, image: Image | Grey, landmarks: Landmarks) -> PredictedLandmarks:
        left, top = np.nanmin(landmarks, axis=0)
        right, bottom = np.nanmax(landmarks, axis=0)
        box = Box(round(float(left)), round(float(top)), round(float(right)), round(float(bottom)))
        return self._reduced(self._dlib.predict(image, [Detection(box, 1.0)])[0].points)

    def _reduced(self, points: Landmarks) -> PredictedLandmarks:
        result = reduced(points).astype(np.float32)
        if eye_opening(result, SPARSE) < 0.25:
            result[list(IRISES)] = np.nan
        return PredictedLandmarks(result, depth=_depth(result), presence=0.9)


def _depth(points: Landmarks) -> FloatArray:
    """The depth of the mean face, as large as this one; missing where a point is."""
    scale = eye_distance(points, SPARSE) / SPARSE.eye_distance
    depth = (SPARSE.shape[:, 2] * scale).astype(np.float32)
    depth[np.isnan(points[:, 0])] = np.nan
    return depth
