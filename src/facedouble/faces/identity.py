"""Who a face is: dlib's 128-d descriptor."""

from __future__ import annotations

from typing import Protocol

import dlib
import numpy as np

from facedouble.networks.dlib_files import DESCRIPTOR, weights_file
from facedouble.types import Descriptor, Image, Landmarks

SAME_PERSON = 0.6
"""Euclidean distance under which two descriptors are of one person (dlib's own threshold)."""


class IdentityDescriptor(Protocol):
    """Turns a face into a vector whose Euclidean distances tell people apart."""

    def describe(self, image: Image, landmarks: Landmarks) -> Descriptor:
        """Descriptor (128,) float32 of the face with these landmarks in ``image``."""
        ...


class DlibDescriptor:
    """dlib's ResNet-29 face recognition network (King 2017), 99.38% on LFW by its author.

    It cuts a 150 pixel chip around the landmarks by itself.
    """

    def __init__(self) -> None:
        self._network = dlib.face_recognition_model_v1(str(weights_file(DESCRIPTOR)))

    def describe(self, image: Image, landmarks: Landmarks) -> Descriptor:
        left, top = landmarks.min(axis=0)
        right, bottom = landmarks.max(axis=0)
        rectangle = dlib.rectangle(
            round(float(left)), round(float(top)), round(float(right)), round(float(bottom))
        )
        points = dlib.points([dlib.point(round(float(x)), round(float(y))) for x, y in landmarks])
        shape = dlib.full_object_detection(rectangle, points)
        return np.array(self._network.compute_face_descriptor(image, shape), dtype=np.float32)
