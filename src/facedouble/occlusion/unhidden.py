"""What a face looks like with nothing in front of it, from other frames of its track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from facedouble.occlusion.hands import Hand, drawn_hands
from facedouble.occlusion.known import resized
from facedouble.occlusion.network import SIDE
from facedouble.occlusion.track_crop import TrackCrop
from facedouble.types import Image

_NEAREST = 9  # faces whose median is taken; more than half of them must show a place unhidden
_FEWEST = 5  # faces without a hand, from which on the others are left out
_HIDDEN = 0.3  # of a hand's mask


class References:
    """Faces of one track that show it unhidden. ``sample`` is spread over the track, ``hands`` were found
    in it."""

    def __init__(self, sample: Sequence[TrackCrop], hands: Sequence[Sequence[Hand]]) -> None:
        crops = np.stack([resized(face.crop) for face in sample])
        hidden = np.stack([drawn_hands(own, SIDE) > _HIDDEN for own in hands])
        free = np.array([not own.any() for own in hidden])
        if free.sum() >= _FEWEST:
            crops, hidden = crops[free], hidden[free]
            sample = [face for face, unhidden in zip(sample, free, strict=True) if unhidden]
        elif hidden.any():
            crops = _filled(crops, hidden)
        self._crops = crops
        self._points = np.stack([face.points(SIDE) for face in sample])

    def like(self, face: TrackCrop) -> Image:
        """What ``face`` would look like unhidden, (256, 256, 3): of each pixel the median over the faces
        whose landmarks are most like its own."""
        apart = np.nanmean(np.linalg.norm(self._points - face.points(SIDE), axis=2), axis=1)
        return median(self._crops[np.argsort(apart, kind="stable")[:_NEAREST]])


def median(crops: Image) -> Image:
    """The median of crops (N, S, S, 3) pixel by pixel, the upper one for an even number.

    That of nine is the median of three values: the largest of the least, the middle of the middle and the
    least of the largest of three rows of three. Whole pictures are compared at a time, which takes a
    fifteenth of the time of sorting pixels.
    """
    if len(crops) != 9:
        middle = len(crops) // 2
        return np.asarray(np.partition(crops, middle, axis=0)[middle])
    rows = [_ordered(*crops[start : start + 3]) for start in (0, 3, 6)]
    least, middles, largest = zip(*rows, strict=True)
    return _ordered(_ordered(*least)[2], _ordered(*middles)[1], _ordered(*largest)[0])[1]


def _ordered(first: Image, second: Image, third: Image) -> tuple[Image, Image, Image]:
    """Three pictures sorted pixel by pixel."""
    first, second = np.minimum(first, second), np.maximum(first, second)
    second, third = np.minimum(second, third), np.maximum(second, third)
    return np.minimum(first, second), np.maximum(first, second), third


def _filled(crops: Image, hidden: npt.NDArray[np.bool_]) -> Image:
    """Crops (N, S, S, 3) with what is hidden in them taken from the others, where any shows it."""
    values = np.where((hidden & ~hidden.all(axis=0))[..., None], np.nan, crops.astype(np.float32))
    usual = np.nanmedian(values, axis=0)
    return np.asarray(np.where(hidden[..., None], usual, crops), np.uint8)
