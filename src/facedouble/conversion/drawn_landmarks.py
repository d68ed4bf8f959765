"""Landmarks of faces that a model draws: upright, in the middle, and all of one size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from facedouble.faces.analyser import FaceAnalyser
from facedouble.faces.network_input import InputCrop
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import FloatArray, Image, Landmarks

_SIDE = 256  # pixels of the picture in which they are found
_BATCH = 16
_SIGMA = 0.8  # frames


class DrawnLandmarks:
    """Finds the landmarks of ``scheme`` on faces drawn in the ``view`` of a model."""

    def __init__(self, scheme: LandmarkScheme, view: InputCrop, device: str = "cpu") -> None:
        self.scheme, self._view, self._device = scheme, view, device

    @cached_property
    def _analyser(self) -> FaceAnalyser:
        return FaceAnalyser(landmarks=self.scheme.name, device=self._device)

    def __call__(self, pictures: Sequence[Image]) -> FloatArray:
        """Landmarks (N, P, 2), in shares of the side, of N drawn faces (D, D, 3)."""
        margin = (1 - self._view.coverage) / 2
        start = (self.scheme.mean_shape - np.float32(margin)) * np.float32(_SIDE / self._view.coverage)
        found: list[Landmarks] = []
        for first in range(0, len(pictures), _BATCH):
            some = pictures[first : first + _BATCH]
            large = [cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC) for picture in some]
            images = [np.asarray(picture, dtype=np.uint8) for picture in large]
            placed = self._analyser.refine_all(images, [start - np.float32(0.5)] * len(images))
            found += [face.points for face in placed]
        return np.stack([(points + np.float32(0.5)) / np.float32(_SIDE) for points in found])


def steady(landmarks: FloatArray) -> FloatArray:
    """Landmarks (N, P, 2) of a track, smoothed in time."""
    return np.asarray(gaussian_filter1d(landmarks, _SIGMA, axis=0, mode="nearest"), dtype=np.float32)


def eight_bits(picture: FloatArray) -> Image:
    """A picture 0..1 as uint8."""
    return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), dtype=np.uint8)
