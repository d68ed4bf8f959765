"""The step that gives the drawn face the colours of the frame, by one colour transfer for each track, and the
light that falls on it there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np

from facedouble.conversion.colour_transfer import (
    ColourMap,
    Samples,
    ToneFit,
    fit_histogram,
    fit_mean,
    fit_tones,
)
from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.face_step import FittedStep
from facedouble.conversion.light import gain
from facedouble.conversion.plan import FitRecord, TrackFit
from facedouble.conversion.registry import COLOUR_TRANSFERS
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import Track
from facedouble.faces.colour import apply_statistics, standardise, to_float
from facedouble.faces.hull import inner_face_mask
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.settings.convert import Adjust, ConvertSettings
from facedouble.types import FloatArray

_MAX_PIXELS = 20_000  # a transfer is fitted to at most
_MIN_PIXELS = 200  # and at least: a face in profile may be too narrow
_MAX_CONTRAST = 2.0  # times as much in one face as in the other; more is the camera's
_LEAST = 1e-3
_MARGIN = 0.03  # of the square, inside the landmarks' hull: pixels are taken from within it


class ToneTransfer(FittedStep):
    """From the standard colouring to the frame's. ``transfers`` are fitted to each track, in order;
    ``contrast`` (0..1) is the share of the frame's face in the contrast that they aim for, the rest is the
    person's; ``keeps_contrast``: they start from the person's own contrast, not from that of the frame's
    face."""

    name = "tones"
    as_drawn = True

    def __init__(
        self, transfers: Sequence[str], space: str, contrast: float, *, keeps_contrast: bool
    ) -> None:
        self._transfers, self._space = tuple(transfers), space
        self._contrast, self._keeps_contrast = contrast, keeps_contrast

    @classmethod
    def from_settings(cls, settings: ConvertSettings, swapper: Swapper) -> ToneTransfer:
        converter = settings.converter
        if isinstance(converter, Adjust):
            transfers = ["mean"] if converter.average_colour else []
            return cls(transfers, converter.colour_space, 1.0, keeps_contrast=True)
        colour = converter.colour
        transfers = [] if colour.kind == "none" else [colour.kind]
        if colour.match_histogram:
            transfers.append("histogram")
        return cls(transfers, colour.space, colour.contrast, keeps_contrast=colour.kind == "none")

    def __call__(self, layer: FaceLayer) -> FaceLayer:
        planned = layer.planned
        tones = planned.fits[self.name]
        assert isinstance(tones, ToneFit)
        picture = tones(layer.picture, planned.statistics)
        if planned.light.any():
            picture = np.clip(picture * gain(planned.light, picture.shape[0]), 0, 1)
        return layer.with_(picture=picture)

    def fit_key(self) -> str:
        return json.dumps([self._transfers, self._space, self._contrast, self._keeps_contrast])

    def fit(self, track: Track) -> ToneFit:
        sample = track.sample()
        light = np.mean([planned.statistics for planned in track.faces], axis=0).astype(np.float32)
        own = track.swapper.card.statistics(track.swapper.side)
        if not self._transfers:
            return ToneFit(own)
        base = own if self._keeps_contrast else light
        new, old = [], []
        for face in sample:
            scheme = scheme_of(face.planned.face)
            inside = inner_face_mask(face.landmarks, track.swapper.view.resolution, scheme, _MARGIN) > 0.5
            new.append(face.drawn.picture[inside])
            # All in one light: changes between the samples would otherwise count as contrast of the face.
            colours = standardise(to_float(face.crop)[inside], face.planned.statistics)
            old.append(apply_statistics(colours, light))
        if sum(map(len, new)) < _MIN_PIXELS:
            return ToneFit(light, light=light)
        fits = [_fit_of(name) for name in self._transfers]
        drawn, target = _thinned(new), _thinned(old)
        target = with_contrast_of(apply_statistics(drawn, own), target, 1 - self._contrast)
        return fit_tones(fits, self._space, base, light, drawn, target)

    @classmethod
    def load_fit(cls, record: FitRecord) -> TrackFit:
        return ToneFit.from_record(record)


def with_contrast_of(person: Samples, target: Samples, share: float) -> Samples:
    """Colours ``target`` (M, 3) with their contrast brought towards that of a ``person`` (N, 3), all the way
    with a ``share`` of 1.

    Contrast is deviation over mean, as more light scales both. Part of it is the camera's, and part of it the
    face's: with that of a face with dark brows and deep eyes, a fair one gets black irises.
    """
    own, other = (
        float(colours.mean(axis=1).std()) / max(float(colours.mean()), _LEAST) for colours in (person, target)
    )
    ratio = np.clip(own / max(other, _LEAST), 1 / _MAX_CONTRAST, _MAX_CONTRAST)
    mean = target.mean(axis=0)
    return np.asarray(mean + (target - mean) * np.float32(ratio**share), dtype=np.float32)


def _fit_of(name: str) -> Callable[[Samples, Samples], ColourMap]:
    return {"mean": fit_mean, "histogram": fit_histogram}.get(name) or COLOUR_TRANSFERS[name]


def _thinned(parts: Sequence[FloatArray]) -> Samples:
    """Pixels of all parts, evenly subsampled."""
    pixels = np.concatenate(parts)
    return np.asarray(pixels[:: max(1, len(pixels) // _MAX_PIXELS)], dtype=np.float32)
