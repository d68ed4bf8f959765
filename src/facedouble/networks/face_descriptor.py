"""dlib's face descriptor (King 2017; a ResNet after He et al. 2016), public domain, as a PyTorch module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.networks.shipped import shipped_module

if TYPE_CHECKING:
    from facedouble.networks.tflite_module import TfliteModule

DESCRIPTOR_FILE = "dlib_face_descriptor.tflite"

DESCRIPTOR = "descriptor"
LEVELS = ("level 1", "level 2", "level 3", "level 4")
"""Outputs of :func:`face_descriptor`."""


def face_descriptor(device: str = "cpu") -> TfliteModule:
    """The network for chips (N, 3, 150, 150), R, G, B in 0..1, cut as :mod:`facedouble.faces.chip` does.

    ``DESCRIPTOR`` (N, 128): for the same chip within 0.001 of ``dlib.face_recognition_model_v1`` (Euclidean
    distance; the weights are half floats). ``LEVELS``: activations (N, rows, columns, channels) with 35, 17,
    8, 4 pixels and 32, 64, 128, 256 channels, all at least 0.
    """
    return shipped_module(DESCRIPTOR_FILE, device)
