"""MediaPipe's networks for faces and hands (Google, Apache-2.0), each loaded once for a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.networks.shipped import shipped_module

if TYPE_CHECKING:
    from facedouble.networks.tflite_module import TfliteModule

LANDMARKS_FILE = "face_landmarks_detector.tflite"
BLENDSHAPES_FILE = "face_blendshapes.tflite"
DETECTOR_FILE = "face_detection_full_range.tflite"

PALMS_FILE = "palm_detection_full.tflite"
HAND_FILE = "hand_landmark_full.tflite"

LANDMARKS_SIDE = 256
DETECTOR_SIDE = 192
PALMS_SIDE = 192
HAND_SIDE = 224
"""Sides in pixels of the square pictures that the networks take."""

LANDMARKS, PRESENCE = "Identity", "Identity_1"
"""Outputs of :func:`face_landmarks`."""

BOXES, SCORES = "reshaped_regressor_face_4", "reshaped_classifier_face_4"
"""Outputs of :func:`full_range`."""

PALM_BOXES, PALM_SCORES = "Identity", "Identity_1"
"""Outputs of :func:`palms`."""

JOINTS, HAND_PRESENCE = "Identity", "Identity_1"
"""Outputs of :func:`hand_joints`."""

BLENDSHAPES = "StatefulPartitionedCall:0"
"""Output of :func:`blendshapes`."""


def face_landmarks(device: str = "cpu") -> TfliteModule:
    """The network that places the points of a mesh on an upright face, (N, 3, 256, 256), R, G, B in 0..1.

    ``LANDMARKS`` (N, 1, 1, 1434): for each point x, y and depth, in pixels of the input, whose left and upper
    edges are at 0. ``PRESENCE`` (N, 1, 1, 1): logit that there is a face.
    """
    return shipped_module(LANDMARKS_FILE, device)


def blendshapes(device: str = "cpu") -> TfliteModule:
    """The network that turns 146 of the points, (N, 146, 2), x and y in pixels, into how far each of 52
    expressions is made: ``BLENDSHAPES`` (N, 52), 0..1."""
    return shipped_module(BLENDSHAPES_FILE, device)


def full_range(device: str = "cpu") -> TfliteModule:
    """The detector of faces near and far, for pictures (N, 3, 192, 192), R, G, B in -1..1.

    Every fourth pixel of every fourth row has an answer. ``BOXES`` (N, 2304, 16): centre, width and height of
    the box and six key points, x and y, in pixels, centre and points from the middle of that cell. ``SCORES``
    (N, 2304, 1): logit that a face is there.
    """
    return shipped_module(DETECTOR_FILE, device)


def palms(device: str = "cpu") -> TfliteModule:
    """The detector of palms, for pictures (N, 3, 192, 192), R, G, B in 0..1.

    2016 anchors have an answer each. ``PALM_BOXES`` (N, 2016, 18): centre, width and height of the box and
    seven key points, x and y, in pixels, centre and points from the anchor. ``PALM_SCORES`` (N, 2016, 1):
    logit that a palm is there.
    """
    return shipped_module(PALMS_FILE, device)


def hand_joints(device: str = "cpu") -> TfliteModule:
    """The network that places 21 joints on an upright hand, for pictures (N, 3, 224, 224), R, G, B in 0..1.

    ``JOINTS`` (N, 63): for each x, y and depth, in pixels of the input. ``HAND_PRESENCE`` (N, 1): how sure it
    is that there is a hand, 0..1.
    """
    return shipped_module(HAND_FILE, device)
