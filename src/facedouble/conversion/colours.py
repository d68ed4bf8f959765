"""Taking over colours: from the colours of a drawn face to those of the frame's face.

A matching is fitted once for a track, on pixels of some of its faces, and then is a fixed function:
nothing of it changes from frame to frame but the light, which is the slow course of the mean and
deviation of the frame's face.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.errors import SettingsError
from facedouble.faces.colour import apply_statistics, standardise
from facedouble.types import FloatArray

Samples = npt.NDArray[np.float32]
"""(N, 3) colours of pixels, in the space a matching works in."""

_LEAST = 1e-5  # variance added to every channel: a face in one colour has none
_QUANTILES = np.concatenate([[0, 0.002, 0.01], np.linspace(0.03, 0.97, 48), [0.99, 0.998, 1]])
_CURVE_SPAN = 0.02  # quantiles are taken as means over this share on either side, to be steady


class Map(Protocol):
    """A fixed change of colours."""

    def __call__(self, colours: FloatArray) -> FloatArray:
        """Colours (..., 3) to colours (..., 3)."""
        ...


@dataclass(frozen=True, slots=True)
class Linear:
    """``matrix @ colour + offset``: (3, 3) and (3,)."""

    matrix: FloatArray
    offset: FloatArray

    def __call__(self, colours: FloatArray) -> FloatArray:
        return np.asarray(colours @ self.matrix.T + self.offset, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Curves:
    """A curve for each channel, by its points: ``before`` and ``after`` (3, P), both rising. Beyond the
    ends it goes on with a slope of 1."""

    before: FloatArray
    after: FloatArray

    def __call__(self, colours: FloatArray) -> FloatArray:
        result = np.empty_like(colours, dtype=np.float32)
        for channel, (x, y) in enumerate(zip(self.before, self.after, strict=True)):
            value = colours[..., channel]
            beyond = np.minimum(value - x[0], 0) + np.maximum(value - x[-1], 0)
            result[..., channel] = np.interp(value, x, y) + beyond
        return result


def _moments(samples: Samples) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    values = samples.astype(np.float64)
    return values.mean(axis=0), np.cov(values, rowvar=False) + _LEAST * np.eye(3)


def _root(matrix: npt.NDArray[np.float64], power: float) -> npt.NDArray[np.float64]:
    """A power of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 0) ** power) @ vectors.T)


def _affine(
    matrix: npt.NDArray[np.float64], source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]
) -> Linear:
    """The map of this matrix that takes one mean to the other."""
    return Linear(matrix.astype(np.float32), (target - matrix @ source).astype(np.float32))


def fit_mean(drawn: Samples, wanted: Samples) -> Map:
    """The mean alone."""
    return _affine(np.eye(3), drawn.mean(axis=0, dtype=np.float64), wanted.mean(axis=0, dtype=np.float64))


def _reinhard(drawn: Samples, wanted: Samples) -> Map:
    (mean, cov), (to, target) = _moments(drawn), _moments(wanted)
    return _affine(np.diag(np.sqrt(np.diag(target) / np.diag(cov))), mean, to)


def _linear(drawn: Samples, wanted: Samples) -> Map:
    (mean, cov), (to, target) = _moments(drawn), _moments(wanted)
    return _affine(_root(target, 0.5) @ _root(cov, -0.5), mean, to)


def _mkl(drawn: Samples, wanted: Samples) -> Map:
    (mean, cov), (to, target) = _moments(drawn), _moments(wanted)
    half, back = _root(cov, 0.5), _root(cov, -0.5)
    return _affine(back @ _root(half @ target @ half, 0.5) @ back, mean, to)


def fit_histogram(drawn: Samples, wanted: Samples) -> Map:
    """A curve for each channel that gives it the other's distribution."""
    before, after = _quantiles(drawn), _quantiles(wanted)
    # Equal values would make the curve two-valued there.
    before = np.maximum.accumulate(before + np.arange(before.shape[1]) * 1e-6, axis=1)
    return Curves(before.astype(np.float32), after.astype(np.float32))


def _quantiles(samples: Samples) -> npt.NDArray[np.float64]:
    ends = np.stack([_QUANTILES - _CURVE_SPAN, _QUANTILES, _QUANTILES + _CURVE_SPAN]).clip(0, 1)
    values = np.quantile(samples.astype(np.float64), ends, axis=0)
    return np.asarray(values.mean(axis=0).T)


def _nothing(drawn: Samples, wanted: Samples) -> Map:
    return _affine(np.eye(3), np.zeros(3), np.zeros(3))


COLOURS: dict[str, Callable[[Samples, Samples], Map]] = {
    "none": _nothing,
    "reinhard": _reinhard,
    "linear": _linear,
    "mkl": _mkl,
    "histogram": fit_histogram,
}
"""How a matching is fitted, by name, from colours of the drawn face and colours of the frame's face.
``reinhard``: mean and deviation of each channel (Reinhard et al. 2001, there in lαβ); ``linear``: mean and
covariance by their square roots (Gatys et al. 2017, after Hertzmann et al. 2001); ``mkl``: the same by the
map that changes colours least (Monge and Kantorovich; Pitié and Kokaram 2007); ``histogram``: the whole
distribution of each channel (Gonzalez and Woods). ``none`` leaves the colours of the model's person."""


SPACES: dict[str, tuple[int, int] | None] = {"rgb": None, "lab": (cv2.COLOR_RGB2Lab, cv2.COLOR_Lab2RGB)}
"""Spaces that colours are matched in: RGB as it is coded, or CIELAB (D65) of it taken as sRGB."""


def into(space: str, colours: FloatArray) -> FloatArray:
    """RGB (..., 3) 0..1 in a space of :data:`SPACES`, scaled to about 0..1."""
    codes = SPACES[space]
    if codes is None:
        return colours
    pixels = np.clip(colours, 0, 1).reshape(-1, 1, 3).astype(np.float32)
    converted = np.asarray(cv2.cvtColor(pixels, codes[0]), dtype=np.float32)
    return converted.reshape(colours.shape) / np.float32(100)


def out_of(space: str, colours: FloatArray) -> FloatArray:
    """The inverse of :func:`into`."""
    codes = SPACES[space]
    if codes is None:
        return colours
    pixels = (colours * np.float32(100)).reshape(-1, 1, 3).astype(np.float32)
    return np.asarray(cv2.cvtColor(pixels, codes[1]), dtype=np.float32).reshape(colours.shape)


@dataclass(frozen=True, slots=True)
class Tones:
    """From the standard colouring that a model draws in to the colours of a track.

    ``base`` (2, 3): statistics the drawn face is given first; then ``maps``, fitted to one another in
    ``space``; then, where there is a ``light`` (2, 3), the mean statistics of the track, what differs from
    it in the frame at hand.
    """

    base: FloatArray
    maps: tuple[Map, ...] = ()
    space: str = "rgb"
    light: FloatArray | None = None

    def __call__(self, picture: FloatArray, now: FloatArray) -> FloatArray:
        """A picture (..., 3) in the standard colouring as it belongs into a frame whose face has the
        statistics ``now`` (2, 3)."""
        colours = apply_statistics(picture, self.base)
        if self.maps:
            colours = into(self.space, colours)
            for change in self.maps:
                colours = change(colours)
            colours = out_of(self.space, colours)
        if self.light is not None:
            colours = apply_statistics(standardise(colours, self.light), now)
        return np.asarray(colours, dtype=np.float32)


def fit_tones(
    fits: Sequence[Callable[[Samples, Samples], Map]],
    space: str,
    base: FloatArray,
    light: FloatArray | None,
    drawn: Samples,
    wanted: Samples,
) -> Tones:
    """Fit one matching after another. ``drawn`` (N, 3) are colours of drawn faces in the standard
    colouring, ``wanted`` (M, 3) RGB colours 0..1 of the frame's faces in the mean light of the track."""
    if space not in SPACES:
        raise SettingsError(f"no colour space {space!r}; there are: {', '.join(SPACES)}")
    colours, target = into(space, apply_statistics(drawn, base)), into(space, wanted)
    maps: list[Map] = []
    for fit in fits:
        maps.append(fit(colours, target))
        colours = maps[-1](colours)
    return Tones(base, tuple(maps), space, light)
