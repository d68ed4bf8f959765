"""The step that bends lids and brows of the drawn face to where the performer has them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from facedouble.conversion.drawn_landmarks import steady
from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.face_step import FittedStep
from facedouble.conversion.plan import FitRecord
from facedouble.conversion.retargeting import Neutral, bend_face, neutral_of, retargeted
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import Track
from facedouble.errors import InputError
from facedouble.faces.align import map_points
from facedouble.faces.network_input import InputCrop
from facedouble.faceset.reference_set import ReferenceSet
from facedouble.settings.convert import ConvertSettings
from facedouble.types import OTHER_SIDE, SIDES, FloatArray


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
        keys: npt.NDArray[np.int64] = record.arrays["keys"]
        drawn, target = record.arrays["drawn"], record.arrays["target"]
        shape = (len(keys), drawn.shape[1], 2)
        if keys.dtype != "int64" or keys.shape != (len(keys), 2) or drawn.shape != shape:
            raise InputError("the fit of expressions is damaged")
        if target.shape != shape or {drawn.dtype.str, target.dtype.str} != {"<f4"}:
            raise InputError("the fit of expressions is damaged")
        if not (np.isfinite(drawn).all() and np.isfinite(target).all()):
            raise InputError("the fit of expressions is damaged")
        return cls({(frame, number): row for row, (frame, number) in enumerate(keys.tolist())}, drawn, target)


class RetargetExpression(FittedStep):
    """Bend lids and brows to where the performer has them."""

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
        view = InputCrop(1, swapper.view.coverage)
        faces = [planned.face for planned in track.faces]
        drawn = track.drawn().landmarks
        target = drawn
        if any(face.scheme != self._scheme.name for face in faces):
            track.run.warn(
                "convert.no_retargeting",
                "lids and brows stay as the model draws them: the clip's faces have other landmarks than "
                f"the model's pictures ({self._scheme.name}); extract the clip with these",
            )
        else:
            performer = np.stack(
                [
                    map_points(view.alignment(face.alignment, face.crop_size), face.smoothed) + 0.5
                    for face in faces
                ]
            )
            person = self._neutral(swapper.references[swapper.side])
            of_performer = self._neutral(swapper.references[OTHER_SIDE[swapper.side]])
            target = retargeted(drawn, steady(performer), person, of_performer, self._scheme)
            target = drawn + np.float32(self._amount) * (target - drawn)
        rows = {face.key: row for row, face in enumerate(faces)}
        return RetargetFit(rows, drawn, target.astype(np.float32))

    @classmethod
    def load_fit(cls, record: FitRecord) -> RetargetFit:
        return RetargetFit.from_record(record)

    def __call__(self, layer: FaceLayer) -> FaceLayer:
        fit = layer.planned.fits[self.name]
        assert isinstance(fit, RetargetFit)
        row = fit.rows[layer.planned.face.key]
        return layer.with_(picture=bend_face(layer.picture, fit.drawn[row], fit.target[row], self._scheme))

    def _neutral(self, references: ReferenceSet) -> Neutral:
        coverage = self._swapper.view.coverage
        in_view = (references.landmarks - np.float32((1 - coverage) / 2)) / np.float32(coverage)
        return neutral_of(in_view, self._scheme)
