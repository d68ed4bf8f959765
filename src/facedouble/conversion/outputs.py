"""What a converted frame shows: the whole picture, the new face alone, its alpha, or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from facedouble.types import FloatArray, Image, Mask


@dataclass(frozen=True, slots=True)
class Layer:
    """A face as it is laid over its frame: ``picture`` (h, w, 3) and ``alpha`` (h, w) float32 0..1, with
    its upper left corner at the frame's pixel (``left``, ``top``)."""

    left: int
    top: int
    picture: FloatArray
    alpha: Mask

    @property
    def place(self) -> tuple[slice, slice]:
        height, width = self.alpha.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


@dataclass(frozen=True, slots=True)
class Output:
    """An output mode: ``compose`` makes the picture (H, W * ``beside``, ``channels``) of a frame (H, W, 3)
    and its layers, lowest first, in the frame's own type (uint8 or uint16, full range)."""

    compose: Callable[[Image, Sequence[Layer]], Image]
    channels: int = 3
    beside: int = 1


def composite(frame: Image, layers: Sequence[Layer]) -> Image:
    """The frame with its faces replaced; ``frame`` itself where there is none. Pixels whose alpha is 0
    keep exactly the value they had."""
    if not layers:
        return frame
    result = frame.copy()
    for layer in layers:
        lay_over(result, layer)
    return result


def lay_over(frame: Image, layer: Layer) -> None:
    """Alpha-blend one layer into ``frame`` in place."""
    peak = np.float32(np.iinfo(frame.dtype).max)
    part = frame[layer.place]
    old = part.astype(np.float32)
    mixed = np.clip(layer.picture, 0, 1)
    mixed *= peak
    mixed -= old
    mixed *= layer.alpha[..., None]
    mixed += old
    part[...] = np.rint(mixed, out=mixed).astype(frame.dtype)


def _face(frame: Image, layers: Sequence[Layer]) -> Image:
    result = np.zeros_like(frame)
    for layer in layers:
        lay_over(result, layer)
    return result


def _mask(frame: Image, layers: Sequence[Layer]) -> Image:
    result = np.zeros_like(frame)
    for layer in layers:
        white = np.ones((*layer.alpha.shape, 3), dtype=np.float32)
        lay_over(result, Layer(layer.left, layer.top, white, layer.alpha))
    return result


def _side_by_side(frame: Image, layers: Sequence[Layer]) -> Image:
    return np.hstack([frame, composite(frame, layers)])


def _rgba(frame: Image, layers: Sequence[Layer]) -> Image:
    peak = np.float32(np.iinfo(frame.dtype).max)
    result = np.zeros((*frame.shape[:2], 4), dtype=frame.dtype)
    for layer in layers:
        part = result[layer.place]
        below = part.astype(np.float32) / peak
        # Porter and Duff 1984, "over", of straight alpha.
        above = layer.alpha[..., None]
        share = below[..., 3:] * (1 - above)
        alpha = above + share
        colour = (np.clip(layer.picture, 0, 1) * above + below[..., :3] * share) / np.maximum(alpha, 1e-6)
        part[...] = np.rint(np.concatenate([colour, alpha], axis=2) * peak).astype(frame.dtype)
        part[part[..., 3] == 0] = 0
    return result


OUTPUTS: dict[str, Output] = {
    "composite": Output(composite),
    "face": Output(_face),
    "mask": Output(_mask),
    "side-by-side": Output(_side_by_side, beside=2),
    "rgba": Output(_rgba, channels=4),
}
"""Output modes by name. ``face``: the new face over black; ``mask``: its alpha, as grey; ``side-by-side``:
the frame and the result beside each other; ``rgba``: the face with straight (not premultiplied) alpha, for
compositors, fully transparent where there is none."""
