"""The 478 points of MediaPipe's face mesh: 468 of the canonical face and five of each iris.

The numbers are those of MediaPipe's own tables (face_mesh_connections, Apache-2.0); right is the person's
right, which is at the left of the image.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.schemes.scheme import Eye, Indices, LandmarkScheme, Opening, Regions, Weights
from facedouble.types import Landmarks

_Array = npt.NDArray[np.float64]

# fmt: off
_JAW = (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152,
        377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356)
# At the cheeks the jaw of the mesh lies 2 to 5% of the eye distance outside the skin that is seen, in a shout
# most. These points follow what is seen.
_OUTLINE = (127, 227, 137, 177, 215, 172, 136, 150, 149, 176, 148, 152,
            377, 400, 378, 379, 365, 397, 435, 401, 366, 447, 356)
_FOREHEAD = (389, 251, 284, 332, 297, 338, 10, 109, 67, 103, 54, 21, 162)
_RIGHT_BROW, _LEFT_BROW = (70, 63, 105, 66, 107), (336, 296, 334, 293, 300)
_NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 97, 326, 327)
_NOSE_BASE = 2
_RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
_LEFT_EYE = (362, 398, 384, 385, 386, 387, 388, 466, 263, 249, 390, 373, 374, 380, 381, 382)
_RIGHT_IRIS, _LEFT_IRIS = (468, 469, 470, 471, 472), (473, 474, 475, 476, 477)
_OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
_INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
_CHEEKS = (117, 50, 101, 36, 205, 346, 280, 330, 266, 425)
# fmt: on
_MOUTH_CORNERS = (61, 291)

FOREHEAD_TOP, CHIN = 10, 152

# -- the mean face -------------------------------------------------------------------------------------
#
# The canonical face is a model in centimetres. It is drawn as a camera sees it from some distance, and put
# where the crops of dlib68 have the same face: over the four clips of the demonstration the crops of the two
# schemes differ by less than these constants are rounded (median scale, shift and rotation).
_CAMERA = 45.0  # centimetres from the eyes; ears are as far apart as in frontal pictures
_SIZE = 0.0413  # of the crop's side for a centimetre at the eyes
_MIDDLE = 0.4305  # of the crop's height for the height 0 of the model
_IRIS = 0.585  # centimetres, radius (Thainimit et al. 2013)
_IRIS_STEPS = ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1))  # centre, then right in the image, up, left, down


def _canonical_face() -> _Array:
    """(478, 3): x to the right of the image, y up, z towards the camera, centimetres."""
    mesh = np.load(Path(__file__).parent / "canonical_face.npy", allow_pickle=False).astype(np.float64)
    irises = [
        mesh[list(eye)].mean(axis=0) + _IRIS * np.array([*step, 0.0])
        for eye in (_RIGHT_EYE, _LEFT_EYE)
        for step in _IRIS_STEPS
    ]
    return np.vstack([mesh, irises])


def _mean_shape(face: _Array) -> Landmarks:
    eyes = face[list(_RIGHT_EYE + _LEFT_EYE), 2].mean()
    seen = face[:, :2] * (_CAMERA / (_CAMERA + eyes - face[:, 2]))[:, None]
    return np.asarray(seen * (_SIZE, -_SIZE) + (0.5, _MIDDLE), dtype=np.float32)


def _weights(face: _Array) -> Weights:
    # As dlib68: eyes and nose decide where the crop lies, brows and the corners of the mouth a little. The
    # eyes have as much weight together as there, and the rest of the upper face steadies them.
    outline = list(_JAW + _FOREHEAD)
    upper = face[:, 1] > -1.0
    upper[[*outline, *_RIGHT_IRIS, *_LEFT_IRIS]] = False
    alignment: _Array = 0.1 * upper.astype(np.float64)
    alignment[list(_RIGHT_BROW + _LEFT_BROW)] += 0.25
    alignment[list(_NOSE)] += 1.0
    alignment[list(_RIGHT_EYE + _LEFT_EYE)] += 0.375
    alignment[list(_MOUTH_CORNERS)] = 2.0
    # All of the upper face but what moves by itself: steadier than the basis that MediaPipe fits its head to,
    # which has points of the jaw.
    rigid = (face[:, 1] > -1.5).astype(np.float64)
    rigid[[*_RIGHT_EYE, *_LEFT_EYE, *_RIGHT_BROW, *_LEFT_BROW, *_RIGHT_IRIS, *_LEFT_IRIS]] = 0.0
    return Weights(alignment, rigid, rigid, rigid)


def _hull(shape: Landmarks) -> Indices:
    """The points that a frontal face has inside brows and outline: all that can stand out when it turns, such
    as nose and lips. The forehead is not among them, as in dlib68: whoever needs that raises the brows."""
    outline = shape[[*_OUTLINE, *_LEFT_BROW[::-1], *_RIGHT_BROW[::-1]]].reshape(-1, 1, 2)
    inside = (cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in shape)
    return tuple(index for index, is_inside in enumerate(inside) if is_inside)


_FACE = _canonical_face()
_MEAN_SHAPE = _mean_shape(_FACE)

MEDIAPIPE478 = LandmarkScheme(
    name="mediapipe478",
    version=1,
    mean_shape=_MEAN_SHAPE,
    depth=(_FACE[:, 2] - _FACE[_JAW[1], 2]) * _SIZE,
    regions=Regions(
        jaw=_JAW,
        right_brow=_RIGHT_BROW,
        left_brow=_LEFT_BROW,
        nose=_NOSE,
        nose_base=_NOSE_BASE,
        right_eye=Eye(_RIGHT_EYE, Opening((33, 133), ((160, 144), (159, 145), (158, 153))), _RIGHT_IRIS),
        left_eye=Eye(_LEFT_EYE, Opening((362, 263), ((385, 380), (386, 374), (387, 373))), _LEFT_IRIS),
        outer_lips=_OUTER_LIPS,
        inner_lips=_INNER_LIPS,
        mouth=Opening((78, 308), ((81, 178), (82, 87), (13, 14), (312, 317), (311, 402))),
    ),
    weights=_weights(_FACE),
    inner=_RIGHT_BROW + _LEFT_BROW + _NOSE + _RIGHT_EYE + _LEFT_EYE + _OUTER_LIPS + _INNER_LIPS,
    stable=_NOSE + _RIGHT_EYE + _LEFT_EYE,
    # Brows, nose, every second point of the lids, and places on the cheeks that speech moves little.
    tracking=tuple(
        (i,) for i in (*_RIGHT_BROW, *_LEFT_BROW, *_NOSE, *_RIGHT_EYE[::2], *_LEFT_EYE[::2], *_CHEEKS)
    ),
    hull=_hull(_MEAN_SHAPE),
    warp_handles=(
        *(127, 93, 58, 136, 149, 152, 378, 365, 288, 323, 356),
        *(70, 105, 107, 336, 334, 300),
        *(168, 4, 98, 2, 327),
        *(33, 159, 133, 145, 362, 386, 263, 374),
        *(61, 37, 267, 291, 405, 17, 181),
    ),
    # The same boxes as by dlib68: medians over the clips of the demonstration.
    detector_box=(0.0, 1.71),
    expressions=(
        *("_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
        *("cheekPuff", "cheekSquintLeft", "cheekSquintRight"),
        *("eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft"),
        *("eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"),
        *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight"),
        *("jawForward", "jawLeft", "jawOpen", "jawRight"),
        *("mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight"),
        *("mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft"),
        *("mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper"),
        *("mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft"),
        *("mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight"),
    ),
)
