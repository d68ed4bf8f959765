"""From the answers of MediaPipe's hand networks to hands: pure functions on arrays.

What surrounds the networks follows their description (Zhang et al. 2020, "MediaPipe Hands"): a detector of
palms whose answers belong to a grid of anchors, and a network of joints that is shown an upright square
around a palm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from facedouble.types import Alignment, FloatArray

PALM_SIDE, JOINTS_SIDE = 192, 224
"""Sides of the square pictures that the two networks take."""

_STRIDES = (8, 16, 16, 16)  # pixels between the anchors of each layer, of which each place has two
_WRIST, _MIDDLE = 0, 2  # key points of a palm
_PALM_ROOM, _PALM_UP = 2.6, 0.5  # the square of a hand in sides of its palm's box, and how far it is moved up
_JOINTS_ROOM, _JOINTS_UP = 2.0, 0.1
_PALM_JOINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
_SAME = 0.3  # overlap from which two boxes are of one palm


@dataclass(frozen=True, slots=True)
class Square:
    """A turned square: ``centre`` (x, y) and ``side`` in pixels, ``turn`` in radians, 0 for a hand whose
    fingers point up, clockwise."""

    centre: tuple[float, float]
    side: float
    turn: float

    def alignment(self, side: int) -> Alignment:
        """The matrix (2, 3) that takes pixels of the picture to those of the square drawn ``side`` pixels
        wide."""
        scale = side / max(self.side, 1e-6)
        cos, sin = np.cos(self.turn) * scale, np.sin(self.turn) * scale
        linear = np.array([[cos, sin], [-sin, cos]])
        middle = (side - 1) / 2
        return np.column_stack([linear, middle - linear @ np.array(self.centre)])


@cache
def anchors() -> FloatArray:
    """(2016, 2) middles of the anchors, x and y, 0 to 1."""
    found = []
    for stride in _STRIDES:
        count = PALM_SIDE // stride
        middles = (np.arange(count) + 0.5) / count
        x, y = np.meshgrid(middles, middles)
        found.append(np.repeat(np.column_stack([x.ravel(), y.ravel()]), 2, axis=0))
    # Layers of one grid are interleaved: all anchors of a place follow each other.
    last = np.stack(found[1:], axis=0).reshape(3, -1, 2, 2).transpose(1, 0, 2, 3).reshape(-1, 2)
    return np.concatenate([found[0], last]).astype(np.float32)


def find_palms(boxes: FloatArray, scores: FloatArray, least: float) -> list[tuple[float, Square]]:
    """Squares around hands, in pixels of the detector's input, and their scores, the best first.

    ``boxes`` (2016, 18): centre, size and seven key points in pixels, from the anchor; ``scores`` (2016,)
    logits; ``least`` the score from which a palm counts, 0..1.
    """
    certain = 1 / (1 + np.exp(-np.clip(scores, -50, 50)))
    order = np.nonzero(certain >= least)[0]
    order = order[np.argsort(-certain[order])]
    found: list[tuple[float, Square]] = []
    taken: list[npt.NDArray[np.float64]] = []
    for index in order:
        values = boxes[index].astype(np.float64).reshape(9, 2)
        base = anchors()[index].astype(np.float64) * PALM_SIDE
        centre, size, points = values[0] + base, values[1], values[2:] + base
        box = np.concatenate([centre - size / 2, centre + size / 2])
        if any(_overlap(box, other) > _SAME for other in taken):
            continue
        taken.append(box)
        found.append((float(certain[index]), _square(centre, size, points[_WRIST], points[_MIDDLE])))
    return found


def square_around(joints: FloatArray) -> Square:
    """The square around a hand whose joints (21, 2) are known, as for the frame after."""
    points = joints[list(_PALM_JOINTS)].astype(np.float64)
    turn = _turn(points[0], (joints[5] + joints[13]) / 4 + joints[9] / 2)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = points.mean(axis=0)
    upright = (points - middle) @ rotation
    low, high = upright.min(axis=0), upright.max(axis=0)
    side = float((high - low).max())
    centre = middle + rotation @ ((low + high) / 2 + (0, -_JOINTS_UP * (high - low)[1]))
    return Square((float(centre[0]), float(centre[1])), side * _JOINTS_ROOM, turn)


def _square(
    centre: npt.NDArray[np.float64],
    size: npt.NDArray[np.float64],
    wrist: npt.NDArray[np.float64],
    middle: npt.NDArray[np.float64],
) -> Square:
    turn = _turn(wrist, middle)
    up = np.array([np.sin(turn), -np.cos(turn)]) * _PALM_UP * size[1]
    moved = centre + up
    return Square((float(moved[0]), float(moved[1])), float(size.max()) * _PALM_ROOM, turn)


def _turn(wrist: npt.NDArray[np.floating], towards: npt.NDArray[np.floating]) -> float:
    across, up = towards[0] - wrist[0], wrist[1] - towards[1]
    return float(np.arctan2(across, up))


def _overlap(first: Sequence[float] | npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    both = float(np.prod(np.clip(high - low, 0, None)))
    areas = sum(float(np.prod(np.subtract(box[2:], box[:2]))) for box in (first, second))
    return both / max(areas - both, 1e-9)
