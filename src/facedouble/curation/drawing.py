"""Draw with OpenCV: text of a given height, contact sheets, picture files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from facedouble.errors import OutputError, SettingsError
from facedouble.files import write_whole
from facedouble.types import Image
from facedouble.video.opencv_codec import encode

Colour = tuple[int, int, int]
Anchor = Literal["left", "middle", "right"]

PAPER: Colour = (250, 250, 248)
INK: Colour = (38, 42, 48)
FAINT: Colour = (128, 134, 142)
EDGE: Colour = (205, 208, 212)

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class Cell:
    """One crop of a contact sheet: the picture, a caption in ink, and a fainter text below it."""

    image: Image
    caption: str
    text: str = ""


def blank_sheet(width: int, height: int) -> Image:
    """An empty sheet (height, width, 3)."""
    return np.full((height, width, 3), PAPER, dtype=np.uint8)


def draw_text(
    image: Image,
    text: str,
    at: tuple[float, float],
    height: float,
    *,
    colour: Colour = INK,
    anchor: Anchor = "left",
    bold: bool = False,
) -> None:
    """Draw ``text`` into ``image`` with capitals ``height`` pixels high, its baseline at the point ``at``.

    The point is the text's left end, middle or right end, by ``anchor``.
    """
    text = _plain(text)
    scale, thickness = _scale(height, bold), _thickness(height, bold)
    width = cv2.getTextSize(text, _FONT, scale, thickness)[0][0]
    left = at[0] - {"left": 0.0, "middle": width / 2, "right": float(width)}[anchor]
    where = (round(left), round(at[1]))
    cv2.putText(image, text, where, _FONT, scale, colour, thickness, cv2.LINE_AA)


def text_width(text: str, height: float, *, bold: bool = False) -> int:
    """How wide :func:`write` makes ``text``, in pixels."""
    size, _ = cv2.getTextSize(_plain(text), _FONT, _scale(height, bold), _thickness(height, bold))
    return int(size[0])


def wrap_text(text: str, height: float, width: float, *, max_lines: int | None = None) -> list[str]:
    """``text`` as lines of at most ``width`` pixels. If there are more than ``max_lines``, the last
    one ends in dots."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, height) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    if max_lines is not None and len(lines) > max_lines:
        lines = [*lines[: max_lines - 1], lines[max_lines - 1] + " ..."]
    return lines


def contact_sheet(cells: Sequence[Cell], title: str, *, columns: int, side: int, lines: int = 1) -> Image:
    """Crops in rows of ``columns``, ``side`` pixels wide each, with ``lines`` lines for their texts."""
    gap, letters = 12, 8
    caption_height = 24 + lines * 18
    columns = max(1, min(columns, len(cells)))
    rows = -(-len(cells) // columns)
    top = 70
    width = max(gap + columns * (side + gap), text_width(title, 13, bold=True) + 3 * gap)
    sheet = blank_sheet(width, top + rows * (side + caption_height + gap))
    draw_text(sheet, title, (gap + 2, 44), 13, bold=True)
    for number, cell in enumerate(cells):
        left = gap + number % columns * (side + gap)
        upper = top + number // columns * (side + caption_height + gap)
        enlarging = cell.image.shape[0] < side
        shown = cv2.resize(
            cell.image, (side, side), interpolation=cv2.INTER_CUBIC if enlarging else cv2.INTER_AREA
        )
        sheet[upper : upper + side, left : left + side] = shown
        cv2.rectangle(sheet, (left - 1, upper - 1), (left + side, upper + side), EDGE, 1)
        draw_text(sheet, cell.caption, (left, upper + side + 18), letters)
        for line, words in enumerate(wrap_text(cell.text, letters, side, max_lines=lines)):
            draw_text(sheet, words, (left, upper + side + 37 + 18 * line), letters, colour=FAINT)
    return sheet


def validate_picture_path(path: Path) -> None:
    """Raise ``SettingsError`` if the name has no suffix of a picture that can be written."""
    if path.suffix.lower() not in _PICTURE_SUFFIXES:
        raise SettingsError(f"{path}: the picture's name must end in {' or '.join(_PICTURE_SUFFIXES)}")


def write_picture(path: Path, image: Image) -> None:
    """Write a picture as JPEG or PNG, by its suffix, over one that is there.

    Raises ``SettingsError`` for another suffix, ``OutputError`` if it cannot be written.
    """
    validate_picture_path(path)
    suffix = path.suffix.lower()
    options = [cv2.IMWRITE_JPEG_QUALITY, 92] if suffix != ".png" else [cv2.IMWRITE_PNG_COMPRESSION, 6]
    try:
        write_whole(path, encode(suffix, np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR)), options))
    except ValueError as error:
        raise OutputError(f"{path}: {error}") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _plain(text: str) -> str:
    """``text`` in characters that OpenCV's fonts have in all its versions."""
    return text.encode("ascii", "replace").decode()


def _thickness(height: float, bold: bool) -> int:
    return max(1, round(height / (7 if bold else 14)))


def _scale(height: float, bold: bool) -> float:
    """OpenCV's scale for capitals ``height`` pixels high."""
    return height / _capital(_thickness(height, bold))


@cache
def _capital(thickness: int) -> float:
    """Height in pixels of a capital drawn at scale 1. Measured, because fonts differ between versions of
    OpenCV, and the height they report is not always that of their capitals."""
    trial = np.zeros((200, 200), dtype=np.uint8)
    scale = 4.0
    cv2.putText(trial, "H", (20, 180), _FONT, scale, (255,), thickness, cv2.LINE_AA)
    return int((trial > 127).any(axis=1).sum()) / scale
