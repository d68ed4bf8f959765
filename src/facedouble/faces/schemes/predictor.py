"""What a landmark predictor does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Box, FloatArray, Grey, Image, Landmarks


class LandmarkPredictor(Protocol):
    """Finds the landmarks of faces whose rough positions are known. Calls do not affect each other.

    Its constructor takes the device to run on. Several faces are given together, so that a network can
    process them as one batch.
    """

    scheme: LandmarkScheme

    def predict(self, image: Image | Grey, boxes: Sequence[Box]) -> list[Landmarks]:
        """Landmarks (P, 2), in pixels of ``image``, of the face inside each of a detector's ``boxes``."""
        ...

    def refine(self, images: Sequence[Image | Grey], landmarks: Sequence[Landmarks]) -> list[Landmarks]:
        """Landmarks (P, 2) of one face in each image, which the given ``landmarks`` (P, 2) already lie
        close to; at any rotation."""
        ...

    def expression(self, landmarks: Landmarks) -> FloatArray | None:
        """Expression values (K,) of a face, in the order of ``scheme.expressions``; ``None`` if the scheme
        names none."""
        ...
