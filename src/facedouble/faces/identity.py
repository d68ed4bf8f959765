"""Identity: a vector that tells people apart, computed from a face by dlib's recognition network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import dlib
import numpy as np

from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.networks.dlib_files import DESCRIPTOR, weights_file
from facedouble.types import Descriptor, Image, Landmarks

SAME_PERSON = 0.6
"""Euclidean distance below which two descriptors belong to one person (dlib's own threshold)."""


class IdentityDescriptor(Protocol):
    """Turns faces into vectors whose Euclidean distances tell people apart. Its constructor takes the
    device to run on."""

    def describe(
        self, images: Sequence[Image], landmarks: Sequence[Landmarks], scheme: LandmarkScheme
    ) -> list[Descriptor]:
        """Descriptors (128,) float32 of one face in each RGB image, by its landmarks (P, 2)."""
        ...


class DlibDescriptor:
    """dlib's ResNet-29 face recognition network (King 2017), 99.38% on LFW according to its author.

    It cuts out a 150-pixel chip itself: by all points of ``dlib68``, and by dlib's five (corners of the
    eyes and base of the nose) for any other scheme.
    """

    def __init__(self, device: str = "cpu") -> None:
        """``device`` makes no difference: dlib's wheels run on the CPU."""
        self._network = dlib.face_recognition_model_v1(str(weights_file(DESCRIPTOR)))

    def describe(
        self, images: Sequence[Image], landmarks: Sequence[Landmarks], scheme: LandmarkScheme
    ) -> list[Descriptor]:
        return [
            self._described(image, points, scheme) for image, points in zip(images, landmarks, strict=True)
        ]

    def _described(self, image: Image, landmarks: Landmarks, scheme: LandmarkScheme) -> Descriptor:
        points = landmarks if scheme is DLIB68 else five_points(landmarks, scheme)
        left, top = points.min(axis=0)
        right, bottom = points.max(axis=0)
        rectangle = dlib.rectangle(
            round(float(left)), round(float(top)), round(float(right)), round(float(bottom))
        )
        parts = dlib.points([dlib.point(round(float(x)), round(float(y))) for x, y in points])
        shape = dlib.full_object_detection(rectangle, parts)
        return np.array(self._network.compute_face_descriptor(image, shape), dtype=np.float32)


def five_points(landmarks: Landmarks, scheme: LandmarkScheme) -> Landmarks:
    """The points (5, 2) of dlib's five-point model: left eye from its outer to its inner corner, right eye
    the same, base of the nose."""
    regions = scheme.regions
    (right_outer, right_inner), (left_inner, left_outer) = (eye.opening.corners for eye in regions.eyes)
    return landmarks[[left_outer, left_inner, right_outer, right_inner, regions.nose_base]]
