"""Laying a patch over its frame."""

from __future__ import annotations

import cv2
import numpy as np

from facedouble.conversion.patch import Patch
from facedouble.faces.align import apply, inverse
from facedouble.types import Image


def blend(frame: Image, patch: Patch) -> None:
    """Alpha-blend a patch into ``frame`` (H, W, 3) in place: ``out = mask * new + (1 - mask) * old``.

    Picture and mask are brought to the frame's pixels (Lanczos and bilinear), over the patch's own
    rectangle only. Pixels where the mask is 0 keep exactly the value they had.
    """
    back = inverse(patch.alignment)
    size = patch.size
    corners = np.array([(0, 0), (size, 0), (size, size), (0, size)], dtype=np.float32) - 0.5
    spots = apply(back, corners)
    height, width = frame.shape[:2]
    left, top = np.maximum(np.floor(spots.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(spots.max(axis=0)).astype(int) + 1, (width, height))
    if right <= left or bottom <= top:
        return
    back = back.copy()
    back[:, 2] -= (left, top)
    area = (int(right - left), int(bottom - top))
    new = cv2.warpAffine(patch.picture, back, area, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(patch.mask, back, area, flags=cv2.INTER_LINEAR)[..., None]
    old = frame[top:bottom, left:right].astype(np.float32)
    mixed = old + alpha * (np.clip(new, 0, 1) * 255 - old)
    frame[top:bottom, left:right] = np.where(alpha > 0, np.round(mixed), old).astype(np.uint8)
