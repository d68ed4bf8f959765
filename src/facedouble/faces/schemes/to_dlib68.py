"""The points of dlib68 from those of mediapipe478, for what was made for the former."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from facedouble.errors import InputError
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.types import Face, FloatArray

_Float = TypeVar("_Float", bound=np.floating[Any])

# For each point of dlib68 two points of the mesh and the share of the first. Chosen on frames of the
# demonstration's four clips as those whose mix lies nearest to what dlib's predictor finds, the same on both
# sides of the face. Of the eye distance, the mean distance is 2 to 3%; 2% at eyes, nose and lips, 4% along
# the jaw, where both slide.
# fmt: off
_MIXES = (
    # jaw
    (127, 162, 0.8), (93, 162, 0.7), (234, 172, 0.7), (58, 234, 0.8), (58, 172, 0.5), (136, 136, 1),
    (149, 150, 0.6), (176, 148, 0.6), (152, 152, 1), (400, 377, 0.6), (378, 379, 0.6), (365, 365, 1),
    (288, 397, 0.5), (288, 454, 0.8), (454, 397, 0.7), (323, 389, 0.7), (356, 389, 0.8),
    # right brow
    (70, 156, 0.6), (63, 63, 1), (105, 66, 0.6), (66, 107, 0.7), (55, 107, 0.6),
    # left brow
    (285, 336, 0.6), (296, 336, 0.7), (334, 296, 0.6), (293, 293, 1), (300, 383, 0.6),
    # nose
    (168, 6, 0.75), (197, 6, 0.75), (195, 4, 0.75), (4, 4, 1), (240, 99, 0.8), (97, 97, 1), (94, 164, 0.6),
    (326, 326, 1), (460, 328, 0.8),
    # right eye
    (33, 7, 0.5), (160, 159, 0.75), (158, 157, 0.75), (133, 154, 0.6), (153, 145, 0.75), (144, 144, 1),
    # left eye
    (362, 381, 0.6), (385, 384, 0.75), (387, 386, 0.75), (263, 249, 0.5), (373, 373, 1), (380, 374, 0.75),
    # outer lips
    (61, 146, 0.75), (185, 37, 0.6), (37, 37, 1), (0, 0, 1), (267, 267, 1), (409, 267, 0.6),
    (291, 375, 0.75), (405, 321, 0.75), (314, 314, 1), (17, 17, 1), (84, 84, 1), (181, 91, 0.75),
    # inner lips
    (78, 88, 0.75), (82, 82, 1), (13, 13, 1), (312, 312, 1), (308, 318, 0.75), (317, 317, 1), (14, 14, 1),
    (87, 87, 1),
)
# fmt: on
_FIRST, _SECOND = ([int(mix[place]) for mix in _MIXES] for place in (0, 1))
_SHARE = np.array([mix[2] for mix in _MIXES], dtype=np.float32)[:, None]


def to_dlib68(points: npt.NDArray[_Float]) -> npt.NDArray[_Float]:
    """The landmarks (..., 68, K) of dlib68 in the place of those (..., 478, K) of mediapipe478. They are good
    to start dlib's predictor from, and for measures; they are not what it would find."""
    share = _SHARE.astype(points.dtype)
    mixed = share * points[..., _FIRST, :] + (1 - share) * points[..., _SECOND, :]
    return np.asarray(mixed, dtype=points.dtype)


TO_DLIB68: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "mediapipe478": to_dlib68,
    DLIB68.name: lambda points: points,
}
"""For each scheme by name what gives its landmarks (..., P, K) in the places of dlib68."""


def as_dlib68(face: Face) -> Face:
    """A face with its landmarks in the places of dlib68. Its alignment stays: all schemes place a face at the
    same spot of its crop. Raises ``InputError`` for a scheme without such a map."""
    if face.scheme == DLIB68.name:
        return face
    if face.scheme not in TO_DLIB68:
        raise InputError(f"landmarks of the scheme {face.scheme} cannot be brought to those of {DLIB68.name}")
    change = TO_DLIB68[face.scheme]
    return face.with_(
        landmarks=change(face.landmarks),
        smoothed=change(face.smoothed),
        depth=None if face.depth is None else change(face.depth[:, None])[:, 0],
        expression=None,
        scheme=DLIB68.name,
    )
