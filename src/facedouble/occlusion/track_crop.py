"""A face of a track as the occlusion network needs it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedouble.faces.align import map_points, recrop
from facedouble.types import Image, Landmarks


@dataclass(frozen=True, slots=True)
class TrackCrop:
    """Number of the frame, aligned crop (S, S, 3), landmarks (P, 2) in the crop's pixels."""

    frame: int
    crop: Image
    landmarks: Landmarks

    def points(self, side: int) -> Landmarks:
        """The landmarks in the crop at another side."""
        return map_points(recrop(np.eye(2, 3), self.crop.shape[0], 1.0, side), self.landmarks)
