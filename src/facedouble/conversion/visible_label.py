"""A visible label burnt into a corner of every frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from facedouble.errors import SettingsError
from facedouble.types import Box, FloatArray, Mask
from facedouble.video.frame import Frame
from facedouble.video.regions import padded_regions

_FONT_HEIGHT = 1 / 24  # of the frame's shorter side
_PADDING = 1 / 4  # of the font height, between the letters and the edge of the strip
_DARKENING = 0.55


@dataclass(frozen=True, slots=True)
class VisibleLabel:
    """Text in the lower left corner, white on a darkened strip, in any script that OpenCV's built-in font
    covers, Chinese included. Raises ``SettingsError`` for text of more than one line."""

    text: str

    def __post_init__(self) -> None:
        if not self.text.isprintable():
            raise SettingsError("render.label", self.text, "must be a single line")

    def draw_on(self, frame: Frame) -> Frame:
        """The frame with the label on it."""
        strip, letters = _stored(*_strip(self.text, *frame.shown_size), frame.shown_size, frame.size)
        (part,) = padded_regions([strip], frame.size)
        before = frame.pixels(part)
        peak = np.iinfo(before.dtype).max
        after = before.copy()
        rows = slice(strip.top - part.top, strip.bottom - part.top)
        columns = slice(strip.left - part.left, strip.right - part.left)
        darkened = after[rows, columns, :3].astype(np.float32) * (1 - _DARKENING)
        mixed = darkened + letters[..., None] * (peak - darkened)
        after[rows, columns, :3] = np.rint(mixed).astype(before.dtype)
        return frame.painted(part, before, after)


def _stored(strip: Box, letters: Mask, shown: tuple[int, int], size: tuple[int, int]) -> tuple[Box, Mask]:
    """A strip of the frame as it is shown, in stored pixels."""
    if shown == size:
        return strip, letters
    across, down = size[0] / shown[0], size[1] / shown[1]
    box = Box(0, round(strip.top * down), max(1, round(strip.right * across)), size[1])
    resized = cv2.resize(letters, (box.width, box.height), interpolation=cv2.INTER_AREA)
    return box, np.asarray(resized, dtype=np.float32)


@lru_cache(maxsize=4)
def _strip(text: str, width: int, height: int) -> tuple[Box, Mask]:
    """Position of the strip in a frame, and the letters on it: (h, w) float32 0..1."""
    font = cv2.FontFace("sans")
    size = max(8, round(min(width, height) * _FONT_HEIGHT))
    padding = max(2, round(size * _PADDING))
    room = (max(width, 16) * 4, 4 * size)
    text_width = cv2.getTextSize(room, text, (0, 0), font, size, 400)[2]
    size = max(6, min(size, int(size * (width - 4 * padding) / max(text_width, 1))))
    padding = max(2, round(size * _PADDING))
    canvas = np.zeros((2 * size + 2 * padding, width, 3), dtype=np.uint8)
    origin = (padding, padding + round(1.1 * size))
    cv2.putText(canvas, text, origin, (255, 255, 255), font, size, 400)
    grey = canvas[..., 0]
    columns = np.flatnonzero(grey.max(axis=0))
    right = int(columns[-1]) + 1 + padding if len(columns) else 2 * padding
    bottom = round(1.5 * size) + padding
    letters: FloatArray = (grey[:bottom, : min(right, width)] / 255).astype(np.float32)
    letters_height, letters_width = letters.shape
    strip = Box(0, max(0, height - letters_height), letters_width, height)
    return strip, letters[-strip.height :]
