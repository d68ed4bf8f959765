"""Masks: which part of the frame's face is replaced, and how its edge is shrunk and made soft."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from facedouble.conversion.patch import Patch
from facedouble.errors import SettingsError
from facedouble.faces.hull import FOREHEAD, face_hull
from facedouble.types import Mask

_RECT_MARGIN = 0.05  # of the square: how far the rectangle reaches beyond brows, eyes, nose and mouth
_EDGE = 0.01  # of the square: what is never painted, so that the square itself cannot show
_TAIL = 0.65  # of the width of an edge: how far out of it there is still more than a hundredth of it


def _rect(patch: Patch) -> Mask:
    inner = patch.landmarks[17:]
    margin = _RECT_MARGIN * patch.size
    left, top = inner.min(axis=0) - margin
    right, bottom = inner.max(axis=0) + margin
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=np.float32)
    return face_hull(corners, patch.size)


def _facehull(patch: Patch) -> Mask:
    return face_hull(patch.landmarks, patch.size)


def _facehullandrect(patch: Patch) -> Mask:
    return np.minimum(_facehull(patch), _rect(patch))


def _extended(patch: Patch) -> Mask:
    return face_hull(patch.landmarks, patch.size, forehead=FOREHEAD)


def _learned(patch: Patch) -> Mask:
    return learned(patch, "--mask-type")


def square(patch: Patch) -> Mask:
    """All that the model draws."""
    return np.ones((patch.size, patch.size), dtype=np.float32)


MASKS: dict[str, Callable[[Patch], Mask]] = {
    "rect": _rect,
    "facehull": _facehull,
    "facehullandrect": _facehullandrect,
    "extended": _extended,
    "learned": _learned,
}
"""Masks (S, S) float32 0..1 by name. ``rect``: an upright rectangle of the face around brows, eyes, nose
and mouth; ``facehull``: the convex hull of the landmarks; ``facehullandrect``: where both are, which
leaves chin and jaw as they are in the frame; ``extended``: the hull with some forehead;
``learned``: what the model itself learned to be the face."""


def _everything(patch: Patch) -> Mask:
    return square(patch)


def _by_model(patch: Patch) -> Mask:
    return learned(patch, "--occlusion")


OCCLUSIONS: dict[str, Callable[[Patch], Mask]] = {"none": _everything, "learned": _by_model}
"""What of a face is not hidden by hands, hair or microphones (S, S) 0..1, by name: all of it, or what the
model's own mask says. Models learn that mask with patches before the faces they are shown."""


def learned(patch: Patch, option: str) -> Mask:
    """The model's own mask at the size of the patch's. Raises ``SettingsError`` where it has none."""
    if patch.learned is None:
        raise SettingsError(f"{option} learned: this model has not learned a mask; choose another")
    resized = cv2.resize(patch.learned, (patch.size, patch.size), interpolation=cv2.INTER_LINEAR)
    return np.clip(np.asarray(resized, dtype=np.float32), 0, 1)


def eroded(mask: Mask, radius: float) -> Mask:
    """A mask (S, S) eroded by a disc of ``radius`` pixels, dilated where it is negative.

    Parts of a pixel count: between two whole radii it is mixed, so that a mask does not jump where a face
    slowly comes nearer.
    """
    if radius == 0:
        return mask
    operation = cv2.erode if radius > 0 else cv2.dilate
    whole = int(abs(radius))
    share = abs(radius) - whole

    def by(pixels: int) -> Mask:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
        return np.asarray(operation(mask, kernel), dtype=np.float32)

    return np.asarray((1 - share) * by(whole) + share * by(whole + 1), dtype=np.float32)


def softened(mask: Mask, width: float) -> Mask:
    """A mask with an edge ``width`` pixels wide (a Gaussian of a quarter of that), faded to 0 before its
    border, so that the square does not show where the face is larger than it."""
    border = max(1, round(_EDGE * mask.shape[0] + _TAIL * width))
    result = np.zeros_like(mask)
    result[border:-border, border:-border] = mask[border:-border, border:-border]
    if width > 0:
        result = np.asarray(cv2.GaussianBlur(result, (0, 0), width / 4))
        result[0], result[-1], result[:, 0], result[:, -1] = 0, 0, 0, 0
    return np.clip(result, 0, 1)
