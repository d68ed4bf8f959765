"""The steps that bend the drawn face to where the performer has lips, lids, irises and brows.

Lips come before real detail: real mouths are chosen for the shape that is wanted, and bent to it. Lids come
after it: detail of open eyes must go below a lid that shuts.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from facedouble.array_checks import check_arrays
from facedouble.conversion.drawn_landmarks import eight_bits
from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.face_step import FittedStep
from facedouble.conversion.lips import bend_lips, with_lips_of
from facedouble.conversion.plan import FitRecord, TrackFit
from facedouble.conversion.retargeting import bend_face, neutral_of, retargeted
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import DrawnTrack, Track
from facedouble.errors import InputError
from facedouble.faces.colour import to_float
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.settings.convert import ConvertSettings
from facedouble.types import OTHER_SIDE, SIDES, FloatArray, Image, Landmarks, Side


@dataclass(frozen=True, slots=True)
class RetargetFit:
    """Landmarks of the drawn faces of a track and where they belong, both (N, P, 2) in shares of the view's
    side, by the key of each face."""

    rows: dict[tuple[int, int], int] = field(repr=False)
    drawn: FloatArray
    target: FloatArray

    def to_record(self) -> FitRecord:
        keys = np.array(list(self.rows), dtype=np.int64).reshape(-1, 2)
        return FitRecord({}, {"keys": keys, "drawn": self.drawn, "target": self.target})

    @classmethod
    def from_record(cls, record: FitRecord) -> RetargetFit:
        """Raises ``InputError`` for a record that is damaged."""
        keys, drawn, target = (record.arrays[name] for name in ("keys", "drawn", "target"))
        points = ("float32", (len(keys), -1, 2))
        try:
            check_arrays(
                record.arrays, {"keys": ("int64", (len(keys), 2)), "drawn": points, "target": points}
            )
        except ValueError as error:
            raise InputError(f"the fit of expressions is damaged ({error})") from error
        if drawn.shape != target.shape:
            raise InputError("the fit of expressions is damaged")
        return cls({(frame, number): row for row, (frame, number) in enumerate(keys.tolist())}, drawn, target)


class Retarget(FittedStep):
    """Bend parts of the drawn face to where the performer has them."""

    near = True
    bend: Callable[[FloatArray, Landmarks, Landmarks, LandmarkScheme], FloatArray]

    def __init__(self, amount: float, swapper: Swapper) -> None:
        self._amount, self._swapper = amount, swapper
        self._scheme = swapper.references[swapper.side].scheme

    @classmethod
    def from_settings(cls, settings: ConvertSettings, swapper: Swapper) -> Self | None:
        sets = swapper.references
        if not settings.retargeting or len(sets) < 2 or len({s.scheme.name for s in sets.values()}) > 1:
            return None
        return cls(settings.retargeting, swapper)

    def fit_key(self) -> str:
        return json.dumps([self._amount, *(self._swapper.references[side].digest for side in SIDES)])

    def fit(self, track: Track) -> RetargetFit:
        drawn = track.drawn().landmarks
        performer = track.performer(self._scheme)
        target = drawn if performer is None else self.target(drawn, performer)
        target = drawn + np.float32(self._amount) * (target - drawn)
        rows = {planned.face.key: row for row, planned in enumerate(track.faces)}
        return RetargetFit(rows, drawn, target.astype(np.float32))

    @classmethod
    def load_fit(cls, record: FitRecord) -> RetargetFit:
        return RetargetFit.from_record(record)

    @abstractmethod
    def target(self, drawn: FloatArray, performer: FloatArray) -> FloatArray:
        """Where the landmarks of drawn faces (N, P, 2) belong, given the performer's (N, P, 2)."""

    def __call__(self, layer: FaceLayer) -> FaceLayer:
        fit = layer.planned.fits[self.name]
        assert isinstance(fit, RetargetFit)
        row = fit.rows[layer.planned.face.key]
        picture = type(self).bend(layer.picture, fit.drawn[row], fit.target[row], self._scheme)
        return layer.with_(picture=picture)

    def _usual(self, side: Side) -> FloatArray:
        """The landmarks of the references of a person."""
        swapper = self._swapper
        return swapper.references[side].in_view(swapper.view.coverage)


class RetargetLips(Retarget):
    """Bend the lips to where the performer has them."""

    name = "lips"
    redraws = True
    bend = staticmethod(bend_lips)

    def fit(self, track: Track) -> RetargetFit:
        if track.performer(self._scheme) is None:
            track.run.warn(
                "convert.no_retargeting",
                "the expression stays as the model draws it: the clip's faces have other landmarks than "
                f"the model's pictures ({self._scheme.name}); extract the clip with these",
            )
        return super().fit(track)

    def target(self, drawn: FloatArray, performer: FloatArray) -> FloatArray:
        return with_lips_of(performer, drawn, self._scheme)

    def redrawn(self, drawn: DrawnTrack, fit: TrackFit) -> DrawnTrack:
        assert isinstance(fit, RetargetFit)
        return DrawnTrack(_BentLips(drawn.pictures, fit, self._scheme), fit.target)


class _BentLips(Sequence[Image]):
    """Pictures of a track with their lips bent, each when it is asked for."""

    def __init__(self, pictures: Sequence[Image], fit: RetargetFit, scheme: LandmarkScheme) -> None:
        self._pictures, self._fit, self._scheme = pictures, fit, scheme

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, number: int) -> Image:  # type: ignore[override]
        picture = to_float(self._pictures[number])
        bent = bend_lips(picture, self._fit.drawn[number], self._fit.target[number], self._scheme)
        return eight_bits(bent)


class RetargetExpression(Retarget):
    """Bend lids, irises and brows to where the performer has them."""

    name = "expression"
    bend = staticmethod(bend_face)

    def target(self, drawn: FloatArray, performer: FloatArray) -> FloatArray:
        side = self._swapper.side
        person, other = (neutral_of(self._usual(s), self._scheme) for s in (side, OTHER_SIDE[side]))
        return retargeted(drawn, performer, person, other, self._scheme)
