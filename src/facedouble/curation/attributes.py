"""Attributes of all the faces of a faceset: pose, openings, sharpness, size, brightness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facedouble.faces.align import scale_of
from facedouble.faces.landmarks import eye_opening, mouth_opening
from facedouble.faces.pose import face_poses
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.types import Face, FloatArray

Array = npt.NDArray[np.float64]

_LUMA = np.array([0.2126, 0.7152, 0.0722])  # BT.709


@dataclass(frozen=True, slots=True)
class FaceAttributes:
    """One number for each of N faces, arrays (N,) in the order of the faces.

    ``yaw``, ``pitch``, ``roll``, ``misfit`` as in :class:`facedouble.faces.pose.Pose`; ``mouth`` and
    ``eyes`` are openings as in ``faces/landmarks.py``; ``sharpness`` as in ``Face``; ``width`` is that of
    the face in pixels of the frame; ``brightness`` the mean luma of the face, 0..1, and NaN where no
    colour is known.
    """

    yaw: Array
    pitch: Array
    roll: Array
    misfit: Array
    mouth: Array
    eyes: Array
    sharpness: Array
    width: Array
    brightness: Array


def face_attributes(faces: Sequence[Face]) -> FaceAttributes:
    """Attributes of faces, from their smoothed landmarks."""
    yaw, pitch, roll, misfit = face_poses(faces, "smoothed").T
    return FaceAttributes(
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        misfit=misfit,
        mouth=np.array([mouth_opening(face.smoothed, scheme_of(face)) for face in faces]),
        eyes=np.array([eye_opening(face.smoothed, scheme_of(face)) for face in faces]),
        sharpness=np.array([face.sharpness for face in faces]),
        width=np.array([width_in_frame(face) for face in faces]),
        brightness=np.array([brightness(face.colour) for face in faces]),
    )


def width_in_frame(face: Face) -> float:
    """Width of a face in pixels of the frame. By the alignment, as boxes differ between detectors."""
    return scheme_of(face).face_width * side_in_frame(face)


def side_in_frame(face: Face) -> float:
    """Side of a face's crop in pixels of the frame."""
    return face.crop_size / max(scale_of(face.alignment), 1e-9)


def brightness(colour: FloatArray | None) -> float:
    """Mean luma 0..1 of a face with these colour statistics (2, 3); NaN without."""
    return float("nan") if colour is None else float(colour[0].astype(np.float64) @ _LUMA)
