"""What a converted frame shows: the whole picture, the new face alone, its alpha, or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from facedouble.types import Image
from facedouble.video.overlay import Overlay


@dataclass(frozen=True, slots=True)
class OutputMode:
    """``compose`` makes the picture (H, W * ``width_factor``, ``channels``) from a frame (H, W, 3) and its
    overlays, lowest first, in the frame's own type (uint8 or uint16, full range)."""

    compose: Callable[[Image, Sequence[Overlay]], Image]
    channels: int = 3
    width_factor: int = 1
    whole_frame: bool = True
    """It shows more than the frame with its new faces."""
    layers: bool = False
    """The faces are written beside the frame, in layers of an OpenEXR file."""


def composite(frame: Image, overlays: Sequence[Overlay]) -> Image:
    """The frame with its faces replaced; ``frame`` itself if there is none. Pixels with alpha 0 keep their
    exact value."""
    if not overlays:
        return frame
    result = frame.copy()
    for overlay in overlays:
        paint_over(result, overlay)
    return result


def paint_over(frame: Image, overlay: Overlay) -> None:
    """Alpha-blend one overlay into ``frame`` in place."""
    peak = np.float32(np.iinfo(frame.dtype).max)
    region = frame[overlay.area]
    old = region.astype(np.float32)
    mixed = np.clip(overlay.picture, 0, 1)
    mixed *= peak
    mixed -= old
    mixed *= overlay.alpha[..., None]
    mixed += old
    region[...] = np.rint(mixed, out=mixed).astype(frame.dtype)


def _face(frame: Image, overlays: Sequence[Overlay]) -> Image:
    result = np.zeros_like(frame)
    for overlay in overlays:
        paint_over(result, overlay)
    return result


def _mask(frame: Image, overlays: Sequence[Overlay]) -> Image:
    result = np.zeros_like(frame)
    for overlay in overlays:
        white = np.ones((*overlay.alpha.shape, 3), dtype=np.float32)
        paint_over(result, Overlay(overlay.left, overlay.top, white, overlay.alpha))
    return result


def _side_by_side(frame: Image, overlays: Sequence[Overlay]) -> Image:
    return np.hstack([frame, composite(frame, overlays)])


def _rgba(frame: Image, overlays: Sequence[Overlay]) -> Image:
    peak = np.float32(np.iinfo(frame.dtype).max)
    result = np.zeros((*frame.shape[:2], 4), dtype=frame.dtype)
    for overlay in overlays:
        region = result[overlay.area]
        below = region.astype(np.float32) / peak
        # The "over" operator for straight alpha (Porter and Duff 1984).
        above = overlay.alpha[..., None]
        share = below[..., 3:] * (1 - above)
        alpha = above + share
        colour = (np.clip(overlay.picture, 0, 1) * above + below[..., :3] * share) / np.maximum(alpha, 1e-6)
        region[...] = np.rint(np.concatenate([colour, alpha], axis=2) * peak).astype(frame.dtype)
        region[region[..., 3] == 0] = 0
    return result


COMPOSITE = OutputMode(composite, whole_frame=False)
LAYERS = OutputMode(composite, whole_frame=False, layers=True)
"""The composite, and in layers beside it the face with its alpha, its mask, and what is in front of it."""

FACE = OutputMode(_face)
"""The new face over black."""

MASK = OutputMode(_mask)
"""Its alpha, as grey."""

SIDE_BY_SIDE = OutputMode(_side_by_side, width_factor=2)
RGBA = OutputMode(_rgba, channels=4)
"""The face with straight (not premultiplied) alpha, for compositors, fully transparent elsewhere."""
