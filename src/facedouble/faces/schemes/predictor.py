"""What a landmark predictor does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Detection, FloatArray, Grey, Image, Landmarks, PredictedLandmarks


class LandmarkPredictor(Protocol):
    """Finds the landmarks of faces whose rough positions are known. Calls do not affect each other.

    Its constructor takes the device to run on. Several faces are given together, so that a network can
    process them as one batch.
    """

    scheme: LandmarkScheme

    colour: bool
    """Whether it needs RGB; otherwise it works on grey images (H, W) just as well."""

    knows_presence: bool
    """Whether it says if there is a face under the points."""

    in_threads: bool
    """Whether threads that each have their own can run it at once, because it works outside Python's lock."""

    def predict(self, image: Image | Grey, detections: Sequence[Detection]) -> list[PredictedLandmarks]:
        """The landmarks, in pixels of ``image``, of the face of each of a detector's ``detections``."""
        ...

    def refine(
        self, images: Sequence[Image | Grey], landmarks: Sequence[Landmarks]
    ) -> list[PredictedLandmarks]:
        """The landmarks of one face in each image, which the given ``landmarks`` (P, 2) already lie close
        to; at any rotation."""
        ...

    def expressions(self, landmarks: Sequence[Landmarks]) -> list[FloatArray | None]:
        """Expression values (K,) of faces with these ``landmarks`` (P, 2), in the order of
        ``scheme.expressions``; ``None`` if the scheme names none. They depend on the landmarks alone, so
        they are computed for the faces that are kept, all at once."""
        ...
