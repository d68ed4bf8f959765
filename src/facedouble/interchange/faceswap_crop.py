"""The crop of a face that faceswap calls "legacy": where its masks can lie without its estimate of pose.

The 51 points without the jaw are fitted to a mean face by a similarity (Umeyama 1991), which spans the middle
5/8 of the crop.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facedouble.faces.align import fit_similarity
from facedouble.types import Alignment, Landmarks

CENTERING = "legacy"
_PADDING = 0.375 / 2  # of the crop's side, on each of its edges
_INNER = slice(17, None)  # all but the jaw

# The mean face of dlib's face chips (dlib/image_transforms/interpolation.h, Boost Software License), moved so
# that its midline is at one half: x and y of the points of a half, then those on the midline.
# fmt: off
_BROW = ((0.010086, 0.106454), (0.085135, 0.038915), (0.191003, 0.018748), (0.300643, 0.034489),
         (0.403270, 0.077391))
_RIDGE = (0.203352, 0.307009, 0.409805, 0.515625)
_NOSTRIL = ((0.376753, 0.587326), (0.435909, 0.609345))
_EYE = ((0.131610, 0.216423), (0.196995, 0.178758), (0.275698, 0.179852), (0.344479, 0.231733),
        (0.270791, 0.245099), (0.192616, 0.244077))
_LIP = ((0.264022, 0.780233), (0.350858, 0.745405), (0.438731, 0.727388))
_LOWER_LIP = ((0.433405, 0.902192), (0.347967, 0.864805))
_INNER_LIP = ((0.300252, 0.784792), (0.437969, 0.778746))
# fmt: on
_NOSE_BASE, _UPPER, _LOWER, _INNER_UPPER, _INNER_LOWER = 0.628106, 0.742578, 0.909281, 0.785343, 0.831803
_INNER_LOWER_SIDE = (0.436763, 0.824182)

_Points = list[tuple[float, float]]


def _mean_face() -> npt.NDArray[np.float64]:
    """(51, 2), brows to inner lips, in the order of iBUG 300-W."""

    def mirrored(points: _Points) -> _Points:
        return [(1 - x, y) for x, y in reversed(points)]

    def around(points: _Points, middle: float) -> _Points:
        return [*points, (0.5, middle), *mirrored(points)]

    brow, eye = list(_BROW), list(_EYE)
    # The left eye begins at its inner corner.
    left_eye = [(1 - x, y) for x, y in (eye[3], eye[2], eye[1], eye[0], eye[5], eye[4])]
    points = [
        *(brow + mirrored(brow)),
        *[(0.5, y) for y in _RIDGE],
        *around(list(_NOSTRIL), _NOSE_BASE),
        *eye,
        *left_eye,
        *around(list(_LIP), _UPPER),
        *[*mirrored(list(_LOWER_LIP)), (0.5, _LOWER), *_LOWER_LIP],
        *around(list(_INNER_LIP), _INNER_UPPER),
        *[(1 - _INNER_LOWER_SIDE[0], _INNER_LOWER_SIDE[1]), (0.5, _INNER_LOWER), _INNER_LOWER_SIDE],
    ]
    return np.array(points, dtype=np.float64)


_MEAN_FACE = _mean_face()


def legacy_alignment(landmarks: Landmarks, size: int) -> Alignment:
    """The (2, 3) similarity from pixels of the frame, in which ``landmarks`` of iBUG 300-W are, to pixels of
    the crop of side ``size``. Raises ``ValueError`` if all points coincide."""
    source = landmarks[_INNER].astype(np.float64)
    fitted = fit_similarity(source, _MEAN_FACE, np.ones(len(source)))
    padding = round(size * _PADDING)
    aligned = fitted * (size - 2 * padding)
    aligned[:, 2] += padding
    return aligned
