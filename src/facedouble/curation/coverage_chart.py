"""The picture of a faceset's coverage: poses as a heat map, five histograms, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facedouble.curation.attributes import FaceAttributes
from facedouble.curation.coverage import (
    AXES,
    Axis,
    Counts,
    missing_poses,
    missing_values,
    pose_counts,
)
from facedouble.curation.drawing import FAINT, INK, Colour, blank_sheet, draw_text, text_width, wrap_text
from facedouble.faces.pose import PITCH_EDGES, YAW_EDGES
from facedouble.types import Image

HERE: Colour = (46, 109, 180)
THERE: Colour = (214, 112, 12)
_PALE: Colour = (226, 236, 246)
_GRID: Colour = (224, 226, 228)
_WHITE: Colour = (255, 255, 255)

_WIDTH = 1640
_MARGIN = 48
_CELL = (70, 52)  # of the heat map, pixels across and down
_MAP = (_MARGIN + 104, 118)  # its upper left corner
_BARS = (288, 176)  # of a histogram
_BARS_TOP = 726
_WORDS_TOP = 996
_SMALL, _TEXT, _TITLE = 9, 11, 16  # heights of capitals


def coverage_chart(
    here: FaceAttributes,
    name: str,
    sentences: Sequence[str],
    there: FaceAttributes | None = None,
    other: str = "",
) -> Image:
    """Draw what the faceset called ``name`` covers, with ``sentences`` below; beside it what ``there``,
    called ``other``, does, where given."""
    lines = [wrap_text(sentence, _TEXT, _WIDTH - 2 * _MARGIN - 30) for sentence in sentences]
    sheet = blank_sheet(_WIDTH, _WORDS_TOP + sum(14 + 27 * len(sentence) for sentence in lines) + 20)
    title = f"What {name} shows" if there is None else f"What {name} shows, and lacks of {other}"
    draw_text(sheet, title, (_MARGIN, 72), _TITLE, bold=True)
    _poses(sheet, pose_counts(here), None if there is None else pose_counts(there))
    _legend(sheet, name, len(here.yaw), None if there is None else (other, len(there.yaw)))
    for number, axis in enumerate(AXES):
        left = _MARGIN + number * (_BARS[0] + 26)
        _histogram(sheet, left, axis, axis.counts(here), None if there is None else axis.counts(there))
    y = _WORDS_TOP
    for sentence in lines:
        cv2.circle(sheet, (_MARGIN + 5, y - 6), 4, HERE, -1, cv2.LINE_AA)
        for line in sentence:
            draw_text(sheet, line, (_MARGIN + 24, y), _TEXT)
            y += 27
        y += 14
    return sheet


def _poses(sheet: Image, here: Counts, there: Counts | None) -> None:
    """The heat map: rows from looking up to looking down, columns from the image's left to its right."""
    (left, top), (across, down) = _MAP, _CELL
    missing = missing_poses(here, there)
    most = max(int(here.max()), 1)
    for row, column in np.ndindex(*here.shape):
        x, y = left + column * across, top + row * down
        # By the square root, so that a bin with a tenth of the faces still shows.
        share = float(np.sqrt(here[row, column] / most))
        cv2.rectangle(
            sheet, (x, y), (x + across, y + down), _mixed(_PALE, HERE, share) if share else _WHITE, -1
        )
        cv2.rectangle(sheet, (x, y), (x + across, y + down), _GRID, 1)
    for row, column in np.ndindex(*here.shape):
        x, y = left + column * across, top + row * down
        hatched = bool(missing[row, column])
        if hatched:
            _mark(sheet, x, y, x + across, y + down)
        count, other = int(here[row, column]), 0 if there is None else int(there[row, column])
        middle = x + across / 2
        ink = _WHITE if count / most > 0.25 and not hatched else INK
        if count:
            _number(sheet, count, (middle, y + (22 if other else 33)), 10, ink, plate=hatched)
        if other:
            ink = THERE if hatched or not count else ink
            _number(sheet, other, (middle, y + (43 if count else 32)), 9, ink, plate=hatched)
    _pose_axes(sheet, here.shape)


def _number(
    sheet: Image, number: int, at: tuple[float, float], height: int, colour: Colour, *, plate: bool
) -> None:
    """A number above the point ``at``; on a ``plate`` where the ground is hatched."""
    text = str(number)
    if plate:
        half = text_width(text, height) / 2 + 4
        first, last = (
            (round(at[0] - half), round(at[1] - height - 3)),
            (round(at[0] + half), round(at[1] + 3)),
        )
        cv2.rectangle(sheet, first, last, _WHITE, -1)
    draw_text(sheet, text, at, height, colour=colour, anchor="middle")


def _pose_axes(sheet: Image, shape: tuple[int, ...]) -> None:
    (left, top), (across, down) = _MAP, _CELL
    right, bottom = left + shape[1] * across, top + shape[0] * down
    for number in range(shape[1]):
        middle = (YAW_EDGES[number] + YAW_EDGES[number + 1]) / 2
        draw_text(
            sheet, f"{middle:.0f}", (left + (number + 0.5) * across, bottom + 24), _SMALL, anchor="middle"
        )
    for number in range(shape[0]):
        middle = 0.0 - (PITCH_EDGES[number] + PITCH_EDGES[number + 1]) / 2
        draw_text(
            sheet, f"{middle:.0f}", (left - 12, top + (number + 0.5) * down + 5), _SMALL, anchor="right"
        )
    centre = (left + right) / 2
    draw_text(sheet, "yaw, degrees", (centre, bottom + 54), _SMALL, colour=FAINT, anchor="middle")
    draw_text(sheet, "looks to the left of the image", (left, bottom + 54), _SMALL, colour=FAINT)
    draw_text(sheet, "to the right", (right, bottom + 54), _SMALL, colour=FAINT, anchor="right")
    draw_text(sheet, "pitch", (_MARGIN, (top + bottom) / 2 + 6), _SMALL, colour=FAINT)
    draw_text(sheet, "up", (_MARGIN, top + down / 2 + 6), _SMALL, colour=FAINT)
    draw_text(sheet, "down", (_MARGIN, bottom - down / 2 + 6), _SMALL, colour=FAINT)


def _legend(sheet: Image, name: str, faces: int, other: tuple[str, int] | None) -> None:
    """What the colours mean, to the right of the heat map."""
    x = _MAP[0] + (len(YAW_EDGES) - 1) * _CELL[0] + 44
    y = _MAP[1]
    room = _WIDTH - _MARGIN - x - 48

    def entry(text: str) -> None:
        nonlocal y
        for line in wrap_text(text, _TEXT, room):
            draw_text(sheet, line, (x + 48, y + 18), _TEXT)
            y += 26
        y += 20

    cv2.rectangle(sheet, (x, y), (x + 34, y + 22), HERE, -1)
    entry(f"{name}, {faces} faces")
    if other is not None:
        cv2.rectangle(sheet, (x, y), (x + 34, y + 22), THERE, 2, cv2.LINE_AA)
        entry(f"{other[0]}, {other[1]} faces: small numbers and outlines")
    _mark(sheet, x, y, x + 34, y + 22)
    entry("missing here, there in the other" if other else "missing here, though heads that talk do it")
    y += 6
    for line in wrap_text(
        "Numbers are faces. Each cell is 10 degrees wide and high; what lies beyond is in the outermost.",
        _SMALL,
        room + 48,
    ):
        draw_text(sheet, line, (x, y + 14), _SMALL, colour=FAINT)
        y += 22


def _histogram(sheet: Image, left: int, axis: Axis, here: Counts, there: Counts | None) -> None:
    """Bars of the share of faces in each bin; those of the other faceset as outlines."""
    width, height = _BARS
    top, bottom = _BARS_TOP, _BARS_TOP + height
    draw_text(sheet, axis.name, (left, top - 16), _TEXT, bold=True)
    cv2.rectangle(sheet, (left, top), (left + width, bottom), _WHITE, -1)
    shares = [counts / max(int(counts.sum()), 1) for counts in (here, there) if counts is not None]
    most = max(float(share.max()) for share in shares) or 1.0
    step = width / len(here)
    missing = missing_values(axis, here, there)

    def bar(number: int, share: float) -> tuple[tuple[int, int], tuple[int, int]]:
        x, high = left + number * step, share / most * (height - 26)
        return (round(x) + 2, round(bottom - high)), (round(x + step) - 2, bottom)

    for number, share in enumerate(shares[0].tolist()):
        if share:
            first, last = bar(number, share)
            cv2.rectangle(sheet, first, (last[0], max(last[1] - 1, first[1])), HERE, -1)
    for number, share in enumerate(shares[-1].tolist()):
        first, last = bar(number, share)
        if missing[number]:
            _mark(sheet, first[0], min(first[1], bottom - 20), *last)
        if there is not None and share:
            cv2.rectangle(sheet, first, last, THERE, 2)
    cv2.line(sheet, (left, bottom), (left + width, bottom), FAINT, 1)
    draw_text(sheet, f"{most:.0%}", (left + width - 4, top + 16), 8, colour=FAINT, anchor="right")
    low, high = _position(axis, float(axis.edges[0])), _position(axis, float(axis.edges[-1]))
    for tick in axis.ticks:
        x = left + (_position(axis, tick) - low) / (high - low) * width
        cv2.line(sheet, (round(x), bottom), (round(x), bottom + 5), FAINT, 1)
        text = f"{tick:g}"
        x = min(max(x, left + text_width(text, _SMALL) / 2), left + width - text_width(text, _SMALL) / 2)
        draw_text(sheet, text, (x, bottom + 25), _SMALL, anchor="middle")


def _position(axis: Axis, value: float) -> float:
    return float(np.log(value)) if axis.logarithmic else value


def _mark(sheet: Image, left: int, top: int, right: int, bottom: int) -> None:
    """Hatch a rectangle in which something is missing."""
    area = sheet[top + 1 : bottom, left + 1 : right]
    y, x = np.mgrid[: area.shape[0], : area.shape[1]]
    area[(x + y) % 8 < 2] = _mixed(_WHITE, THERE, 0.55)
    cv2.rectangle(sheet, (left, top), (right, bottom), THERE, 1)


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    """A colour ``share`` of the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
