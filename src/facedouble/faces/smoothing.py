"""Steady landmarks: where a face is, freed of the tremble of finding it frame by frame.

What is known of a face in each frame is where landmarks were placed (free of drift, but trembling by
half a percent of the face) and how its picture moved since the frame before (several times finer, but
errors add up). The path that agrees best with both is found for the whole track at once, so it does
not lag (zero phase). Where the picture says that the face moves evenly, the path is smoothed
further; where it says that the face is shaken, the path is not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter1d

from facedouble.faces.align import align, inverse, map_points
from facedouble.faces.landmarks import eye_distance
from facedouble.types import Alignment, Face, Landmarks

PosePath = npt.NDArray[np.float64]  # (frames, 4): x, y, logarithm of the scale, angle

_SIZE = 256  # any: the side of the crop in which shapes are compared
_MOTION = 10.0  # weight of the picture's motion against landmarks: the ratio of their variances
_EVENNESS = 80.0  # weight of even motion against landmarks, while the face moves evenly
_SHAKEN = 0.01  # acceleration at which evenness counts half: of the eye distance per frame squared
_EXPRESSION = 0.6  # deviation in frames of the Gaussian that smooths the shape within the crop


def smooth_track(faces: Sequence[Face], strength: float = 1.0) -> list[Face]:
    """Faces of one track on consecutive frames, with their ``steady`` landmarks.

    The pose (the alignment's place, scale and angle) minimises the sum of squares of its distance
    from the landmarks' own pose, of its change against the picture's motion, and of its second
    difference (Whittaker 1923, Eilers 2003, with weights that follow the motion); the shape within
    the crop is smoothed a little. ``strength`` 0 leaves everything as it is.
    """
    if strength <= 0 or len(faces) < 3:
        return [face.with_(smoothed=face.landmarks) for face in faces]
    alignments = [align(face.landmarks, _SIZE) for face in faces]
    unit = float(np.median([eye_distance(face.landmarks) for face in faces]))
    path = _path(alignments, unit)
    velocity, known = _velocity(faces, alignments, unit)
    trusted = np.array([face.origin != "filled" for face in faces], dtype=np.float64)
    smooth = _fuse(
        path, velocity, trusted, np.where(known, _MOTION, 0.0), _evenness(velocity, known, strength)
    )
    shapes = np.stack(
        [map_points(matrix, face.landmarks) for matrix, face in zip(alignments, faces, strict=True)]
    )
    shapes = gaussian_filter1d(shapes, _EXPRESSION * min(strength, 1.0), axis=0, mode="nearest")
    return [
        face.with_(smoothed=_placed(shape, pose, unit))
        for face, shape, pose in zip(faces, shapes, smooth, strict=True)
    ]


def _path(alignments: Sequence[Alignment], unit: float) -> PosePath:
    """Pose of each crop in the frame: its middle in units of ``unit`` pixels, scale and angle."""
    back = np.stack([inverse(matrix) for matrix in alignments])
    middle = (_SIZE - 1) / 2
    place = back[:, :, :2] @ (middle, middle) + back[:, :, 2]
    scale = np.log(np.hypot(back[:, 0, 0], back[:, 1, 0]))
    angle = np.unwrap(np.arctan2(back[:, 1, 0], back[:, 0, 0]))
    return np.column_stack([place / unit, scale, angle])


def _placed(shape: Landmarks, pose: PosePath, unit: float) -> Landmarks:
    """Crop points (68, 2) put into the frame at a pose."""
    scale, angle = float(np.exp(pose[2])), float(pose[3])
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    middle = (_SIZE - 1) / 2
    return np.asarray((shape - middle) @ linear.T + pose[:2] * unit, dtype=np.float32)


def _velocity(
    faces: Sequence[Face], alignments: Sequence[Alignment], unit: float
) -> tuple[PosePath, npt.NDArray[np.bool_]]:
    """How each pose changed from the frame before by the picture's motion, and where that is known."""
    velocity = np.zeros((len(faces), 4))
    known = np.zeros(len(faces), dtype=np.bool_)
    place = _path(alignments, 1.0)[:, :2]
    for i in range(1, len(faces)):
        motion = faces[i].motion
        if motion is None:
            continue
        known[i] = True
        velocity[i, :2] = (motion[:, :2] @ place[i - 1] + motion[:, 2] - place[i - 1]) / unit
        velocity[i, 2] = np.log(np.hypot(motion[0, 0], motion[1, 0]))
        velocity[i, 3] = np.arctan2(motion[1, 0], motion[0, 0])
    return velocity, known


def _evenness(velocity: PosePath, known: npt.NDArray[np.bool_], strength: float) -> npt.NDArray[np.float64]:
    """Weight of even motion at each frame, less where the picture's motion changes fast."""
    change = np.zeros(len(velocity))
    both = known[2:] & known[1:-1]
    change[1:-1] = np.where(both, np.linalg.norm(velocity[2:] - velocity[1:-1], axis=1), 0.0)
    change = np.sqrt(gaussian_filter1d(change**2, 1.0, mode="nearest"))
    return np.asarray(strength * _EVENNESS / (1 + (change / _SHAKEN) ** 2), dtype=np.float64)


def _fuse(
    path: PosePath,
    velocity: PosePath,
    trusted: npt.NDArray[np.float64],
    moving: npt.NDArray[np.float64],
    even: npt.NDArray[np.float64],
) -> PosePath:
    """The path s that minimises, over frames t, the sum of
    trusted (s - path)² + moving (s[t] - s[t-1] - velocity)² + even (s[t+1] - 2 s[t] + s[t-1])².

    Its normal equations have a band of five; all arrays have one entry a frame.
    """
    band = np.zeros((3, len(path)))
    right = trusted[:, None] * path
    band[0] = trusted
    step = moving[1:]
    band[0, 1:] += step
    band[0, :-1] += step
    band[1, :-1] -= step
    pull = step[:, None] * velocity[1:]
    right[1:] += pull
    right[:-1] -= pull
    bend = even[1:-1]
    band[0, :-2] += bend
    band[0, 1:-1] += 4 * bend
    band[0, 2:] += bend
    band[1, :-2] -= 2 * bend
    band[1, 1:-1] -= 2 * bend
    band[2, :-2] += bend
    return np.asarray(solveh_banded(band, right, lower=True))
