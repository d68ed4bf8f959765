"""The 68 points of Multi-PIE and iBUG 300-W, which dlib's predictor finds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facedouble.faces.schemes.scheme import Eye, LandmarkScheme, Opening, Regions, Weights
from facedouble.types import Landmarks

_JAW = tuple(range(17))
_RIGHT_BROW = tuple(range(17, 22))
_LEFT_BROW = tuple(range(22, 27))
_NOSE = tuple(range(27, 36))
_RIGHT_EYE = tuple(range(36, 42))
_LEFT_EYE = tuple(range(42, 48))
_OUTER_LIPS = tuple(range(48, 60))
_INNER_LIPS = tuple(range(60, 68))
_INNER = tuple(range(17, 68))
_EYE_CORNERS = (36, 39, 42, 45)
_MOUTH_CORNERS = (48, 54)

# -- the mean face -------------------------------------------------------------------------------------
#
# x, y of one half, in units of which 300 are the crop's side, x from the midline, y from the bridge of the
# nose. The shape is the one that dlib's predictor starts from (its answer to an image without features), made
# symmetric.
# fmt: off
_HALF_JAW_XY = (
    (-84.5, 15.0), (-84.5, 37.0), (-82.0, 61.0), (-77.0, 83.5), (-68.0, 105.0), (-55.5, 125.5),
    (-39.5, 143.0), (-20.5, 155.0), (0.0, 158.0),
)
_RIGHT_BROW_XY = ((-68.0, -9.0), (-57.5, -16.5), (-42.5, -17.5), (-28.0, -15.0), (-14.5, -8.0))
_NOSE_LINE_XY = ((0.0, 6.5), (0.0, 22.5), (0.0, 37.5), (0.0, 53.5))
_NOSTRILS_XY = ((-19.0, 63.0), (-10.5, 67.0), (0.0, 69.5), (10.5, 67.0), (19.0, 63.0))
_RIGHT_EYE_XY = (
    (-52.5, 8.0), (-43.0, 2.0), (-31.5, 2.0), (-22.5, 8.0), (-32.5, 10.0), (-43.0, 10.0),
)
_OUTER_LIPS_XY = (
    (-35.5, 97.5), (-23.0, 90.5), (-8.0, 87.5), (0.0, 89.0), (8.0, 87.5), (23.0, 90.5), (35.5, 97.5),
    (25.0, 108.0), (11.0, 114.5), (0.0, 115.5), (-11.0, 114.5), (-25.0, 108.0),
)
_INNER_LIPS_XY = (
    (-29.5, 97.0), (-9.5, 95.0), (0.0, 96.0), (9.5, 95.0), (29.5, 97.0), (9.5, 101.5), (0.0, 102.5),
    (-9.5, 101.5),
)

# Depth: millimetres in front of the ear canals, for an average adult, rounded to what faces have in common.
# The jaw line begins at the ears and comes forward to the chin. The tip of the nose is the foremost point,
# two centimetres in front of the lips. The bridge of the nose lies one centimetre in front of the inner
# corners of the eyes. The skull curves back, so the outer corners of eyes and brows and the corners of the
# mouth lie one to two centimetres behind the inner ones. A reconstruction from clips with much head motion
# (Tomasi and Kanade 1992) shows the same profile: within 3 mm (root mean square) on one clip, flatter on
# others, because landmark predictors are biased towards the frontal face.
_HALF_JAW_Z = (6, 8, 11, 15, 22, 38, 60, 80, 88)  # ear to chin
_BROW_Z = (76, 87, 93, 96, 97)                    # outer to inner end
_NOSE_LINE_Z = (95, 102, 111, 121)                # bridge to tip
_NOSTRILS_Z = (98, 103, 106, 103, 98)
_EYE_Z = (74, 82, 84, 82, 83, 81)                 # outer corner, upper lid, inner corner, lower lid
_OUTER_LIPS_Z = (90, 102, 107, 107, 107, 102, 90, 99, 104, 105, 104, 99)
_INNER_LIPS_Z = (91, 103, 104, 103, 91, 101, 102, 101)
# fmt: on
_EYES_APART = 63.0  # millimetres between the centres of an adult's eyes (Dodgson 2004)
_MIRRORED_EYE = (3, 2, 1, 0, 5, 4)  # from the order of one eye's points to the other's


def _mean_shape() -> Landmarks:
    def mirror(points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
        return [(-x, y) for x, y in points]

    points = [
        *_HALF_JAW_XY,
        *mirror(_HALF_JAW_XY)[-2::-1],
        *_RIGHT_BROW_XY,
        *mirror(_RIGHT_BROW_XY)[::-1],
        *_NOSE_LINE_XY,
        *_NOSTRILS_XY,
        *_RIGHT_EYE_XY,
        *(mirror(_RIGHT_EYE_XY)[i] for i in _MIRRORED_EYE),
        *_OUTER_LIPS_XY,
        *_INNER_LIPS_XY,
    ]
    shape = np.array(points, dtype=np.float64)
    # Brows to chin fill 60% of the crop's height, and the middle of the face lies at its centre.
    return (shape / 300 + (0.5, 0.5 - 62.0 / 300)).astype(np.float32)


def _depth(mean_shape: Landmarks) -> npt.NDArray[np.float64]:
    left_eye = [_EYE_Z[i] for i in _MIRRORED_EYE]
    depth = [*_HALF_JAW_Z, *_HALF_JAW_Z[-2::-1], *_BROW_Z, *_BROW_Z[::-1], *_NOSE_LINE_Z, *_NOSTRILS_Z]
    depth += [*_EYE_Z, *left_eye, *_OUTER_LIPS_Z, *_INNER_LIPS_Z]
    flat = mean_shape.astype(np.float64)
    right, left = (flat[list(eye)].mean(axis=0) for eye in (_RIGHT_EYE, _LEFT_EYE))
    return np.asarray((left - right)[0] / _EYES_APART * np.array(depth, dtype=np.float64))


def _weights() -> Weights:
    # Eyes and nose decide fully where the crop lies, brows and the corners of the mouth a little, jaw and
    # lips not at all: otherwise every opening of the mouth would scale the whole face.
    alignment = np.zeros(len(_MEAN_SHAPE))
    alignment[list(_RIGHT_BROW + _LEFT_BROW)] = 0.25
    alignment[list(_NOSE + _RIGHT_EYE + _LEFT_EYE)] = 1.0
    alignment[list(_MOUTH_CORNERS)] = 1.0
    rigid = np.zeros(len(_MEAN_SHAPE))
    rigid[list(_NOSE + _EYE_CORNERS)] = 1.0
    # Horizontally also the corners of the mouth, which usually move alike on both sides.
    across = rigid.copy()
    across[list(_MOUTH_CORNERS)] = 0.5
    # Vertically also the jaw line beside the ears. It lies far behind everything else and steadies the
    # pitch (its spread over 17 clips and photographs falls from 7 to 5 degrees). Horizontally it does not
    # help: in a turned head the outline is another line of the skin, and would halve the yaw.
    down = rigid.copy()
    down[[0, 1, 2, 3, 13, 14, 15, 16]] = 0.5
    return Weights(alignment, rigid, across, down)


_MEAN_SHAPE = _mean_shape()

DLIB68 = LandmarkScheme(
    name="dlib68",
    version=1,
    mean_shape=_MEAN_SHAPE,
    depth=_depth(_MEAN_SHAPE),
    regions=Regions(
        jaw=_JAW,
        right_brow=_RIGHT_BROW,
        left_brow=_LEFT_BROW,
        nose=_NOSE,
        nose_base=33,
        right_eye=Eye(_RIGHT_EYE, Opening((36, 39), ((37, 41), (38, 40)))),
        left_eye=Eye(_LEFT_EYE, Opening((42, 45), ((43, 47), (44, 46)))),
        outer_lips=_OUTER_LIPS,
        inner_lips=_INNER_LIPS,
        mouth=Opening((60, 64), ((61, 67), (62, 66), (63, 65))),
    ),
    weights=_weights(),
    inner=_INNER,
    stable=_NOSE + _RIGHT_EYE + _LEFT_EYE,
    # Brows, nose and eyes, and six places on the cheeks that speech moves little.
    tracking=(
        *((i,) for i in _RIGHT_BROW + _LEFT_BROW + _NOSE + _RIGHT_EYE + _LEFT_EYE),
        *((31, 2), (35, 14), (31, 36), (35, 45), (48, 4), (54, 12)),
    ),
    hull=tuple(range(68)),
    # Every second of the jaw, ends and middle of the brows, line and base of the nose, corners and lids of
    # the eyes, outer lips. All 68 would bend no better and take four times as long.
    warp_handles=(
        *(0, 2, 4, 6, 8, 10, 12, 14, 16),
        *(17, 19, 21, 22, 24, 26),
        *(27, 30, 31, 33, 35),
        *(36, 37, 39, 41, 42, 44, 45, 46),
        *(48, 50, 51, 52, 54, 56, 57, 58),
    ),
    # Medians over the boxes that dlib's HOG detector gives on the demonstration clips.
    detector_box=(0.02, 1.68),
)
