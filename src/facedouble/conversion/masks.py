"""Masks: which part of the frame's face is replaced, and how its edge is eroded and feathered.

Masks are (S, S) float32 0..1 at the layer's mask size.
"""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.conversion.face_layer import FaceLayer
from facedouble.errors import SettingsError
from facedouble.faces.hull import FOREHEAD, convex_mask, face_hull
from facedouble.types import Mask

_RECT_MARGIN = 0.05  # of the square: how far the rectangle reaches beyond brows, eyes, nose and mouth
_BORDER = 0.01  # of the square: never painted, so that the square itself cannot show
_TAIL = 0.65  # of the feather width: beyond this distance from the edge the mask is below a hundredth


def rect(layer: FaceLayer) -> Mask:
    """An upright rectangle around brows, eyes, nose and mouth."""
    inner = layer.scheme.points(layer.landmarks, layer.scheme.inner)
    margin = _RECT_MARGIN * layer.mask_size
    left, top = inner.min(axis=0) - margin
    right, bottom = inner.max(axis=0) + margin
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=np.float32)
    return convex_mask(corners, layer.mask_size)


def facehull(layer: FaceLayer) -> Mask:
    """The convex hull of the landmarks."""
    return face_hull(layer.landmarks, layer.mask_size, layer.scheme)


def facehullandrect(layer: FaceLayer) -> Mask:
    """The intersection of hull and rectangle, which leaves chin and jaw as they are in the frame."""
    return np.minimum(facehull(layer), rect(layer))


def extended(layer: FaceLayer) -> Mask:
    """The hull with part of the forehead."""
    return face_hull(layer.landmarks, layer.mask_size, layer.scheme, forehead=FOREHEAD)


def learned_mask(layer: FaceLayer) -> Mask:
    """What the model learned to be the face."""
    return learned(layer, "converter.mask.kind")


def whole_square(layer: FaceLayer) -> Mask:
    """Everything that the model draws."""
    return np.ones((layer.mask_size, layer.mask_size), dtype=np.float32)


def learned(layer: FaceLayer, field: str) -> Mask:
    """The model's own mask at the layer's mask size. Raises ``SettingsError`` if the model has none."""
    if layer.learned_mask is None:
        raise SettingsError(field, "learned", "this model has no learned mask; choose another")
    size = (layer.mask_size, layer.mask_size)
    resized = cv2.resize(layer.learned_mask, size, interpolation=cv2.INTER_LINEAR)
    return np.clip(np.asarray(resized, dtype=np.float32), 0, 1)


def erode(mask: Mask, radius: float) -> Mask:
    """A mask (S, S) eroded by a disc of ``radius`` pixels; dilated if negative.

    The radius may be fractional: the results of the two nearest whole radii are mixed, so that the mask
    does not jump while a face slowly comes closer.
    """
    if radius == 0:
        return mask
    operation = cv2.erode if radius > 0 else cv2.dilate
    whole = int(abs(radius))
    fraction = abs(radius) - whole

    def by(pixels: int) -> Mask:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
        return np.asarray(operation(mask, kernel), dtype=np.float32)

    return np.asarray((1 - fraction) * by(whole) + fraction * by(whole + 1), dtype=np.float32)


def feather(mask: Mask, width: float) -> Mask:
    """A mask with a soft edge ``width`` pixels wide (a Gaussian of a quarter of that), faded to 0 before
    its border, so that the square does not show where the face is larger than it."""
    border = max(1, round(_BORDER * mask.shape[0] + _TAIL * width))
    result = np.zeros_like(mask)
    result[border:-border, border:-border] = mask[border:-border, border:-border]
    if width > 0:
        result = np.asarray(cv2.GaussianBlur(result, (0, 0), width / 4))
        result[0], result[-1], result[:, 0], result[:, -1] = 0, 0, 0, 0
    return np.clip(result, 0, 1)
