"""Curves over iterations (losses, held-out metrics), drawn as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facedouble.types import Image

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]
"""Iteration and value."""

_COLOURS: tuple[Colour, ...] = ((46, 109, 180), (214, 112, 12), (40, 140, 80), (150, 70, 150))
_INK: Colour = (50, 50, 50)
_FAINT: Colour = (222, 224, 226)
_WIDTH, _HEIGHT = 1000, 330  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 24, 44, 40  # margins of the axes in it


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves over iterations under one title, on a ``logarithmic`` value axis if wanted."""

    title: str
    curves: Mapping[str, Points]
    logarithmic: bool = False


def plot(panels: Sequence[Panel]) -> Image:
    """The ``panels`` that have points, one below the other."""
    drawn = [_draw(panel) for panel in panels if any(panel.curves.values())]
    return np.vstack(drawn) if drawn else np.full((_HEIGHT, _WIDTH, 3), 255, dtype=np.uint8)


def _draw(panel: Panel) -> Image:
    image = np.full((_HEIGHT, _WIDTH, 3), 255, dtype=np.uint8)
    curves = {name: _usable(points, panel.logarithmic) for name, points in panel.curves.items()}
    points = [point for curve in curves.values() for point in curve]
    _write(image, panel.title, (_LEFT, 26), 0.55)
    if not points:
        return image
    last = max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    room = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    low, high = low - room, high + room

    def place(x: float, y: float) -> tuple[int, int]:
        across = _LEFT + (x / last if last else 0.0) * (_WIDTH - _LEFT - _RIGHT)
        down = _TOP + (high - y) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        return round(across), round(down)

    for step in range(5):
        value = low + (high - low) * step / 4
        left, y = place(0, value)
        cv2.line(image, (left, y), (_WIDTH - _RIGHT, y), _FAINT, 1)
        _write(image, f"{math.exp(value) if panel.logarithmic else value:.3g}", (8, y + 4))
        x, _ = place(last * step / 4, low)
        _write(image, f"{last * step / 4:.0f}", (x - 12, _HEIGHT - 14))
    for number, (name, curve) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        line = np.array([place(x, y) for x, y in curve], dtype=np.int32)
        if len(line):
            cv2.polylines(image, [line], False, colour, 2, cv2.LINE_AA)
            cv2.circle(image, tuple(line[-1].tolist()), 3, colour, -1, cv2.LINE_AA)
        at = (_WIDTH - _RIGHT - 190 * (len(curves) - number), 26)
        cv2.line(image, (at[0], at[1] - 4), (at[0] + 18, at[1] - 4), colour, 3)
        _write(image, name, (at[0] + 26, at[1]))
    return image


def _usable(points: Points, logarithmic: bool) -> list[tuple[float, float]]:
    if not logarithmic:
        return [(x, y) for x, y in points if math.isfinite(y)]
    return [(x, math.log(y)) for x, y in points if math.isfinite(y) and y > 0]


def _write(image: Image, text: str, at: tuple[int, int], size: float = 0.42) -> None:
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, _INK, 1, cv2.LINE_AA)
