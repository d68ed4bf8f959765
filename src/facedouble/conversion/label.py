"""A visible label, drawn into a corner of every frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from facedouble.errors import SettingsError
from facedouble.types import Box, FloatArray, Mask
from facedouble.video.picture import Picture, around, in_rgb, painted, size_of

_HEIGHT = 1 / 24  # of the letters, of the frame's shorter side
_AROUND = 1 / 4  # of that height: how far the dark around the letters reaches
_DARKNESS = 0.55


@dataclass(frozen=True, slots=True)
class Label:
    """Text in the lower left corner, white on a darkened strip. Any script that OpenCV's own typeface has,
    Chinese among them. Raises ``SettingsError`` for a text of more than one line."""

    text: str

    def __post_init__(self) -> None:
        if not self.text.isprintable():
            raise SettingsError("--label: the text must be a single line")

    def drawn(self, picture: Picture) -> Picture:
        """``picture`` with the label on it."""
        width, height = size_of(picture)
        box, letters = _letters(self.text, width, height)
        (part,) = around([box], (width, height))
        before = in_rgb(picture, part)
        peak = np.iinfo(before.dtype).max
        after = before.copy()
        rows = slice(box.top - part.top, box.bottom - part.top)
        columns = slice(box.left - part.left, box.right - part.left)
        strip = after[rows, columns, :3].astype(np.float32) * (1 - _DARKNESS)
        mixed = strip + letters[..., None] * (peak - strip)
        after[rows, columns, :3] = np.rint(mixed).astype(before.dtype)
        return painted(picture, part, before, after)


@lru_cache(maxsize=4)
def _letters(text: str, width: int, height: int) -> tuple[Box, Mask]:
    """Where the strip lies in a frame, and the letters in it: (h, w) float32 0..1."""
    font = cv2.FontFace("sans")
    size = max(8, round(min(width, height) * _HEIGHT))
    gap = max(2, round(size * _AROUND))
    room = (max(width, 16) * 4, 4 * size)
    across = cv2.getTextSize(room, text, (0, 0), font, size, 400)[2]
    size = max(6, min(size, int(size * (width - 4 * gap) / max(across, 1))))
    gap = max(2, round(size * _AROUND))
    canvas = np.zeros((2 * size + 2 * gap, width, 3), dtype=np.uint8)
    cv2.putText(canvas, text, (gap, gap + round(1.1 * size)), (255, 255, 255), font, size, 400)
    grey = canvas[..., 0]
    columns = np.flatnonzero(grey.max(axis=0))
    right = int(columns[-1]) + 1 + gap if len(columns) else 2 * gap
    bottom = round(1.5 * size) + gap
    letters: FloatArray = (grey[:bottom, : min(right, width)] / 255).astype(np.float32)
    high, wide = letters.shape
    box = Box(0, max(0, height - high), wide, height)
    return box, letters[-box.height :]
