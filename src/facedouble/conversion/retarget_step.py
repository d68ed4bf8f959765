"""The step that bends lids, irises, brows and lips of the drawn face to where the performer has them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np

from facedouble.array_checks import check_arrays
from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.face_step import FittedStep
from facedouble.conversion.plan import FitRecord
from facedouble.conversion.retargeting import Neutral, bend_face, neutral_of, retargeted
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import Track
from facedouble.errors import InputError
from facedouble.settings.convert import ConvertSettings
from facedouble.types import OTHER_SIDE, SIDES, FloatArray, Side


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


class RetargetExpression(FittedStep):
    """Bend lids, irises, brows and lips to where the performer has them."""

    name = "expression"

    def __init__(self, amount: float, swapper: Swapper) -> None:
        self._amount, self._swapper = amount, swapper
        self._scheme = swapper.references[swapper.side].scheme

    @classmethod
    def from_settings(cls, settings: ConvertSettings, swapper: Swapper) -> RetargetExpression | None:
        sets = swapper.references
        if not settings.retargeting or len(sets) < 2 or len({s.scheme.name for s in sets.values()}) > 1:
            return None
        return cls(settings.retargeting, swapper)

    def fit_key(self) -> str:
        return json.dumps([self._amount, *(self._swapper.references[side].digest for side in SIDES)])

    def fit(self, track: Track) -> RetargetFit:
        swapper = self._swapper
        drawn = track.drawn().landmarks
        target = drawn
        performer = track.performer(self._scheme)
        if performer is None:
            track.run.warn(
                "convert.no_retargeting",
                "the expression stays as the model draws it: the clip's faces have other landmarks than "
                f"the model's pictures ({self._scheme.name}); extract the clip with these",
            )
        else:
            person = self._neutral(swapper.side)
            of_performer = self._neutral(OTHER_SIDE[swapper.side])
            target = retargeted(drawn, performer, person, of_performer, self._scheme)
            target = drawn + np.float32(self._amount) * (target - drawn)
        rows = {planned.face.key: row for row, planned in enumerate(track.faces)}
        return RetargetFit(rows, drawn, target.astype(np.float32))

    @classmethod
    def load_fit(cls, record: FitRecord) -> RetargetFit:
        return RetargetFit.from_record(record)

    def __call__(self, layer: FaceLayer) -> FaceLayer:
        fit = layer.planned.fits[self.name]
        assert isinstance(fit, RetargetFit)
        row = fit.rows[layer.planned.face.key]
        return layer.with_(picture=bend_face(layer.picture, fit.drawn[row], fit.target[row], self._scheme))

    def _neutral(self, side: Side) -> Neutral:
        swapper = self._swapper
        return neutral_of(swapper.references[side].in_view(swapper.view.coverage), self._scheme)
