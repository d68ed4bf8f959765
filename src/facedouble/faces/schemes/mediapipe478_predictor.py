"""MediaPipe's predictor of the 478 landmarks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facedouble.faces.align import align, fast_crop, inverse, map_points, scale_of
from facedouble.faces.landmarks import inner_face
from facedouble.faces.schemes.mediapipe478 import CHIN, FOREHEAD_TOP, MEDIAPIPE478
from facedouble.networks.inference import blendshapes, face_landmarks
from facedouble.networks.mediapipe import BLENDSHAPES, LANDMARKS, LANDMARKS_SIDE, PRESENCE
from facedouble.types import (
    Alignment,
    Detection,
    FloatArray,
    Grey,
    Image,
    Landmarks,
    PredictedLandmarks,
)

_ROOM = 1.5  # side of the region that the network is shown, of the longer side of the face's points

# The points that the network of expressions reads (MediaPipe's face_blendshapes_graph).
# fmt: off
_EXPRESSIVE = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70,
    78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149,
    150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195,
    197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300,
    308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375,
    377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454,
    466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)
# fmt: on


class Mediapipe478Predictor:
    """MediaPipe's Face Landmarker (Google 2023, Apache-2.0): a network that sees an upright face of any pose
    in a square region half as large again, and gives points, their depth and whether there is a face.

    A detector's box is coarse, so the region is cut out a second time around the points that were found for
    it; on later frames the neighbouring frame's points say where it is.
    """

    scheme = MEDIAPIPE478
    colour = True
    knows_presence = True
    in_threads = True

    def __init__(self, device: str = "cpu") -> None:
        self._landmarks, self._expressions = face_landmarks(device), blendshapes(device)

    def predict(self, image: Image | Grey, detections: Sequence[Detection]) -> list[PredictedLandmarks]:
        images = [image] * len(detections)
        first = self._found(images, [_region_of_box(detection) for detection in detections])
        return self.refine(images, [found.points for found in first])

    def refine(
        self, images: Sequence[Image | Grey], landmarks: Sequence[Landmarks]
    ) -> list[PredictedLandmarks]:
        return self._found(images, [_region_of_points(points) for points in landmarks])

    def expressions(self, landmarks: Sequence[Landmarks]) -> list[FloatArray | None]:
        if not landmarks:
            return []
        upright = [map_points(align(points, LANDMARKS_SIDE, self.scheme), points) for points in landmarks]
        return list(self._expressions(np.stack(upright)[:, list(_EXPRESSIVE)])[BLENDSHAPES])

    def _found(
        self, images: Sequence[Image | Grey], regions: Sequence[Alignment]
    ) -> list[PredictedLandmarks]:
        """What the network finds of one face in each image, in the regions that these matrices (2, 3) bring
        to the network's input."""
        if not images:
            return []
        crops = [
            _in_colour(fast_crop(image, region, LANDMARKS_SIDE))
            for image, region in zip(images, regions, strict=True)
        ]
        seen = self._landmarks(np.stack(crops))
        points = seen[LANDMARKS].reshape(len(images), -1, 3)
        presence = 1 / (1 + np.exp(-seen[PRESENCE].astype(np.float64).reshape(-1)))
        return [
            PredictedLandmarks(
                # The network's coordinates are 0 at the edge of the picture, not at the first pixel's centre.
                map_points(inverse(region), own[:, :2] - np.float32(0.5)),
                (own[:, 2] / scale_of(region)).astype(np.float32),
                there,
            )
            for own, region, there in zip(points, regions, presence.tolist(), strict=True)
        ]


def _region_of_box(detection: Detection) -> Alignment:
    """The matrix that brings the surroundings of the mean face in a detector's box to the network's input."""
    shape = MEDIAPIPE478.mean_shape
    (x, y), size = inner_face(shape, MEDIAPIPE478)
    below, side = MEDIAPIPE478.detector_box
    scale = detection.box.width / (side * size)
    turn = np.exp(1j * np.deg2rad(detection.roll)) * scale
    placed = ((shape - (x, y + below * size)) @ (1, 1j)) * turn + complex(*detection.box.centre)
    return _region_of_points(np.column_stack([placed.real, placed.imag]).astype(np.float32))


def _region_of_points(landmarks: Landmarks) -> Alignment:
    """The matrix that brings the surroundings of landmarks (P, 2) to the network's input, upright."""
    points = landmarks.astype(np.float64) @ (1, 1j)
    right, left = (eye.opening.corners for eye in MEDIAPIPE478.regions.eyes)
    # In a profile the eyes lie on one another, and only the line from forehead to chin shows what is up.
    across = points[left[1]] - points[right[0]]
    down = points[CHIN] - points[FOREHEAD_TOP]
    upright = np.exp(-1j * np.angle(2 * across - 1j * down))
    turned = points * upright
    low = complex(turned.real.min(), turned.imag.min())
    high = complex(turned.real.max(), turned.imag.max())
    side = max(high.real - low.real, high.imag - low.imag, 1.0) * _ROOM
    factor = upright * LANDMARKS_SIDE / side
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    middle = (low + high) / 2 * LANDMARKS_SIDE / side
    return np.column_stack([linear, (LANDMARKS_SIDE - 1) / 2 - np.array([middle.real, middle.imag])])


def _in_colour(crop: Image | Grey) -> Image:
    return crop if crop.ndim == 3 else np.repeat(crop[..., None], 3, axis=2)
