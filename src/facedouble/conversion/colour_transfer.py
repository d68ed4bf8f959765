"""Colour transfer: from the colours of a drawn face to those of the frame's face.

A transfer is fitted once per track, to pixels of some of its faces, and then is a fixed function. From frame
to frame only the light changes: the slow variation of the mean and deviation of the frame's face.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.conversion.plan import FitRecord
from facedouble.conversion.registry import COLOUR_SPACES
from facedouble.errors import InputError
from facedouble.faces.colour import apply_statistics, standardise
from facedouble.types import FloatArray

Samples = npt.NDArray[np.float32]
"""(N, 3) colours of pixels, in the colour space of a transfer."""

_MAX_MAPS = 8
_MIN_VARIANCE = 1e-5  # added to every channel: a face of one colour has none
_QUANTILES = np.concatenate([[0, 0.002, 0.01], np.linspace(0.03, 0.97, 48), [0.99, 0.998, 1]])
_QUANTILE_SPAN = 0.02  # quantiles are averaged over this fraction on either side, for stability


class ColourMap(Protocol):
    """A fixed map of colours."""

    def __call__(self, colours: FloatArray) -> FloatArray:
        """Map colours (..., 3) to colours (..., 3)."""
        ...

    def arrays(self) -> dict[str, FloatArray]:
        """Its parameters by name."""
        ...


@dataclass(frozen=True, slots=True)
class AffineMap:
    """``matrix @ colour + offset``: (3, 3) and (3,)."""

    matrix: FloatArray
    offset: FloatArray

    def __call__(self, colours: FloatArray) -> FloatArray:
        return np.asarray(colours @ self.matrix.T + self.offset, dtype=np.float32)

    def arrays(self) -> dict[str, FloatArray]:
        return {"matrix": self.matrix, "offset": self.offset}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, FloatArray]) -> Self:
        """The map with these parameters. Raises ``InputError``."""
        return cls(_array(arrays, "matrix", (3, 3)), _array(arrays, "offset", (3,)))


@dataclass(frozen=True, slots=True)
class CurveMap:
    """One curve per channel, by its points: ``before`` and ``after`` (3, P), both rising. It is extrapolated
    with a slope of 1."""

    before: FloatArray
    after: FloatArray

    def __call__(self, colours: FloatArray) -> FloatArray:
        result = np.empty_like(colours, dtype=np.float32)
        for channel, (x, y) in enumerate(zip(self.before, self.after, strict=True)):
            value = colours[..., channel]
            beyond = np.minimum(value - x[0], 0) + np.maximum(value - x[-1], 0)
            result[..., channel] = np.interp(value, x, y) + beyond
        return result

    def arrays(self) -> dict[str, FloatArray]:
        return {"before": self.before, "after": self.after}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, FloatArray]) -> Self:
        """The map with these parameters. Raises ``InputError``."""
        before = _array(arrays, "before", (3, -1))
        if not (np.diff(before, axis=1) >= 0).all():
            raise InputError("a colour curve is not rising")
        return cls(before, _array(arrays, "after", before.shape))


def _moments(samples: Samples) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    values = samples.astype(np.float64)
    return values.mean(axis=0), np.cov(values, rowvar=False) + _MIN_VARIANCE * np.eye(3)


def _root(matrix: npt.NDArray[np.float64], power: float) -> npt.NDArray[np.float64]:
    """A power of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 0) ** power) @ vectors.T)


def _affine(
    matrix: npt.NDArray[np.float64], source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]
) -> AffineMap:
    """The affine map with this matrix that takes mean ``source`` to mean ``target``."""
    return AffineMap(matrix.astype(np.float32, order="C"), (target - matrix @ source).astype(np.float32))


def fit_mean(drawn: Samples, target: Samples) -> ColourMap:
    """Match the mean."""
    return _affine(np.eye(3), drawn.mean(axis=0, dtype=np.float64), target.mean(axis=0, dtype=np.float64))


def fit_reinhard(drawn: Samples, target: Samples) -> ColourMap:
    """Match mean and deviation of each channel (Reinhard et al. 2001, there in lαβ)."""
    (mean, cov), (target_mean, target_cov) = _moments(drawn), _moments(target)
    return _affine(np.diag(np.sqrt(np.diag(target_cov) / np.diag(cov))), mean, target_mean)


def fit_linear(drawn: Samples, target: Samples) -> ColourMap:
    """Match mean and covariance by matrix square roots (Gatys et al. 2017, after Hertzmann et al. 2001)."""
    (mean, cov), (target_mean, target_cov) = _moments(drawn), _moments(target)
    return _affine(_root(target_cov, 0.5) @ _root(cov, -0.5), mean, target_mean)


def fit_mkl(drawn: Samples, target: Samples) -> ColourMap:
    """Match mean and covariance by the map that changes colours least (Monge and Kantorovich; Pitié and
    Kokaram 2007)."""
    (mean, cov), (target_mean, target_cov) = _moments(drawn), _moments(target)
    half, back = _root(cov, 0.5), _root(cov, -0.5)
    return _affine(back @ _root(half @ target_cov @ half, 0.5) @ back, mean, target_mean)


def fit_histogram(drawn: Samples, target: Samples) -> ColourMap:
    """Match the whole distribution of each channel by a curve (Gonzalez and Woods)."""
    before, after = _quantiles(drawn), _quantiles(target)
    # Equal values would make the curve multi-valued.
    before = np.maximum.accumulate(before + np.arange(before.shape[1]) * 1e-6, axis=1)
    return CurveMap(before.astype(np.float32, order="C"), after.astype(np.float32, order="C"))


def _quantiles(samples: Samples) -> npt.NDArray[np.float64]:
    levels = np.stack([_QUANTILES - _QUANTILE_SPAN, _QUANTILES, _QUANTILES + _QUANTILE_SPAN]).clip(0, 1)
    values = np.quantile(samples.astype(np.float64), levels, axis=0)
    return np.asarray(values.mean(axis=0).T)


def fit_nothing(drawn: Samples, target: Samples) -> ColourMap:
    """Keep the colours of the model's person."""
    return _affine(np.eye(3), np.zeros(3), np.zeros(3))


RGB: tuple[int, ...] = ()
LAB: tuple[int, ...] = (cv2.COLOR_RGB2Lab, cv2.COLOR_Lab2RGB)
"""OpenCV's conversion codes to a colour space and back: none for RGB as coded; CIELAB (D65) takes RGB as
sRGB."""


def to_space(space: str, colours: FloatArray) -> FloatArray:
    """Convert RGB (..., 3) 0..1 to a space of :data:`COLOUR_SPACES`, scaled to about 0..1."""
    codes = COLOUR_SPACES[space]
    if not codes:
        return colours
    pixels = np.clip(colours, 0, 1).reshape(-1, 1, 3).astype(np.float32)
    converted = np.asarray(cv2.cvtColor(pixels, codes[0]), dtype=np.float32)
    return converted.reshape(colours.shape) / np.float32(100)


def from_space(space: str, colours: FloatArray) -> FloatArray:
    """The inverse of :func:`to_space`."""
    codes = COLOUR_SPACES[space]
    if not codes:
        return colours
    pixels = (colours * np.float32(100)).reshape(-1, 1, 3).astype(np.float32)
    return np.asarray(cv2.cvtColor(pixels, codes[1]), dtype=np.float32).reshape(colours.shape)


@dataclass(frozen=True, slots=True)
class ToneFit:
    """From the standard colouring that a model draws in to the colours of a track.

    The drawn face is given the statistics ``base`` (2, 3); then ``maps``, each fitted to the result of the
    one before, are applied in ``space``; then, if ``light`` (2, 3), the mean statistics of the track, is
    given, the frame's deviation from it.
    """

    base: FloatArray
    maps: tuple[ColourMap, ...] = ()
    space: str = "rgb"
    light: FloatArray | None = None

    def __call__(self, picture: FloatArray, current: FloatArray) -> FloatArray:
        """Map a picture (..., 3) in the standard colouring to the colours of a frame whose face has the
        statistics ``current`` (2, 3)."""
        colours = apply_statistics(picture, self.base)
        if self.maps:
            colours = to_space(self.space, colours)
            for colour_map in self.maps:
                colours = colour_map(colours)
            colours = from_space(self.space, colours)
        if self.light is not None:
            colours = apply_statistics(standardise(colours, self.light), current)
        return np.asarray(colours, dtype=np.float32)

    def to_record(self) -> FitRecord:
        """The fit as data."""
        kinds = [next(name for name, kind in _MAPS.items() if type(one) is kind) for one in self.maps]
        arrays = {"base": self.base} if self.light is None else {"base": self.base, "light": self.light}
        for number, one in enumerate(self.maps):
            arrays.update({f"map{number}.{name}": array for name, array in one.arrays().items()})
        return FitRecord({"space": self.space, "maps": kinds}, arrays)

    @classmethod
    def from_record(cls, record: FitRecord) -> Self:
        """The fit that :meth:`to_record` described. Raises ``InputError`` for a damaged one."""
        space, kinds = record.values.get("space"), record.values.get("maps")
        if space not in COLOUR_SPACES or not isinstance(kinds, list) or len(kinds) > _MAX_MAPS:
            raise InputError("a colour transfer is damaged")
        maps: list[ColourMap] = []
        for number, kind in enumerate(kinds):
            if not isinstance(kind, str) or kind not in _MAPS:
                raise InputError(f"unknown kind of colour map: {kind!r:.40}")
            prefix = f"map{number}."
            own = {
                name.removeprefix(prefix): a for name, a in record.arrays.items() if name.startswith(prefix)
            }
            maps.append(_MAPS[kind].from_arrays(own))
        light = _array(record.arrays, "light", (2, 3)) if "light" in record.arrays else None
        return cls(_array(record.arrays, "base", (2, 3)), tuple(maps), str(space), light)


_MAPS: Mapping[str, type[AffineMap] | type[CurveMap]] = {"affine": AffineMap, "curves": CurveMap}


def _array(arrays: Mapping[str, FloatArray], name: str, shape: tuple[int, ...]) -> FloatArray:
    """An array of finite numbers of this shape, where -1 is any length. Raises ``InputError``."""
    array = arrays.get(name)
    if array is None:
        raise InputError(f"a colour transfer lacks {name}")
    fits = array.ndim == len(shape) and all(n in (-1, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or 0 in array.shape or not np.isfinite(array).all():
        raise InputError(f"{name} of a colour transfer is damaged")
    return np.asarray(array, dtype=np.float32)


def fit_tones(
    fits: Sequence[Callable[[Samples, Samples], ColourMap]],
    space: str,
    base: FloatArray,
    light: FloatArray | None,
    drawn: Samples,
    target: Samples,
) -> ToneFit:
    """Fit one transfer after another. ``drawn`` (N, 3) are colours of drawn faces in the standard
    colouring, ``target`` (M, 3) RGB colours 0..1 of the frame's faces in the mean light of the track.

    Raises ``SettingsError`` for an unknown colour space.
    """
    COLOUR_SPACES.check(space)
    colours, target = to_space(space, apply_statistics(drawn, base)), to_space(space, target)
    maps: list[ColourMap] = []
    for fit in fits:
        maps.append(fit(colours, target))
        colours = maps[-1](colours)
    return ToneFit(base, tuple(maps), space, light)
