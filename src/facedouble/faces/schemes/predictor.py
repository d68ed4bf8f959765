"""What a landmark predictor does."""

from __future__ import annotations

from typing import Protocol

from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Box, Grey, Image, Landmarks


class LandmarkPredictor(Protocol):
    """Finds the landmarks of a face whose rough position is known. Calls do not affect each other."""

    scheme: LandmarkScheme

    def predict(self, image: Image | Grey, box: Box) -> Landmarks:
        """Landmarks (P, 2) in pixels of ``image`` of the face inside a detector's ``box``."""
        ...

    def refine(self, image: Image | Grey, landmarks: Landmarks) -> Landmarks:
        """Landmarks (P, 2) of the face that ``landmarks`` (P, 2) already lie close to, at any rotation."""
        ...
