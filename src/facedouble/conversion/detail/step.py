"""The step that carries real detail of the wanted person over to the drawn face."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.array_checks import check_arrays
from facedouble.conversion.detail import flow
from facedouble.conversion.detail.drawn_references import drawn_references
from facedouble.conversion.detail.regions import REGIONS
from facedouble.conversion.detail.spline import ThinPlateSpline
from facedouble.conversion.detail.survey import (
    WARP_GRID,
    Acting,
    Donation,
    FaceSurvey,
    TrackSurvey,
    handle_points,
    survey,
)
from facedouble.conversion.detail.transfer import carry_detail
from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.face_step import FittedStep
from facedouble.conversion.plan import ConversionPlan, FitRecord
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import Track
from facedouble.errors import InputError
from facedouble.faces.align import scale_of
from facedouble.faceset.reference_set import ReferenceSet
from facedouble.settings.convert import ConvertSettings, RealDetail
from facedouble.types import OTHER_SIDE, SIDES, FloatArray

_SIZES = (96, 128, 192, 256, 384, 512, 768)
"""Sides in pixels at which detail is carried over."""
_WEAK = 0.5


@dataclass(frozen=True, slots=True)
class DetailFit:
    """The survey of a track by the key of each face, and the side in pixels at which detail is carried."""

    size: int
    faces: Mapping[tuple[int, int], FaceSurvey] = field(repr=False)

    def to_record(self) -> FitRecord:
        rows = [(row, donation) for row, face in enumerate(self.faces.values()) for donation in face.donated]
        grid = (0, flow.GRID, flow.GRID, 2)
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "keys": np.array(list(self.faces), dtype=np.int64).reshape(-1, 2),
            "handles": np.stack([face.handles for face in self.faces.values()]),
            "strength": np.stack([face.strength for face in self.faces.values()]),
            "rows": np.array([(row, donation.reference) for row, donation in rows], np.int64).reshape(-1, 2),
            "weights": np.array([donation.weights for _, donation in rows], np.float32).reshape(
                -1, len(REGIONS)
            ),
            "motion": np.array([donation.motion for _, donation in rows], np.int8)
            if rows
            else np.zeros(grid, np.int8),
        }
        return FitRecord({"size": self.size}, arrays)

    @classmethod
    def from_record(cls, record: FitRecord) -> DetailFit:
        """Raises ``InputError`` for a record that is damaged."""
        arrays, size = record.arrays, record.values.get("size")
        count, rows = len(arrays["keys"]), len(arrays["rows"])
        shapes = {
            "keys": ("int64", (count, 2)),
            "handles": ("float32", (count, -1, 2)),
            "strength": ("float32", (count, len(REGIONS))),
            "rows": ("int64", (rows, 2)),
            "weights": ("float32", (rows, len(REGIONS))),
            "motion": ("int8", (rows, flow.GRID, flow.GRID, 2)),
        }
        try:
            check_arrays(arrays, shapes)
        except ValueError as error:
            raise InputError(f"the fit of detail is damaged ({error})") from error
        inside = rows == 0 or (arrays["rows"].min() >= 0 and arrays["rows"][:, 0].max() < count)
        if size not in _SIZES or not inside:
            raise InputError("the fit of detail is damaged")
        donated: list[list[Donation]] = [[] for _ in range(count)]
        for (row, reference), weights, motion in zip(
            arrays["rows"].tolist(), arrays["weights"], arrays["motion"], strict=True
        ):
            donated[row].append(Donation(reference, weights, motion))
        faces = {
            (frame, number): FaceSurvey(arrays["handles"][row], donated[row], arrays["strength"][row])
            for row, (frame, number) in enumerate(arrays["keys"].tolist())
        }
        return cls(size, faces)


class _OnDemand(Mapping[tuple[int, int], FaceSurvey]):
    """A survey by the keys of its faces."""

    def __init__(self, keys: Sequence[tuple[int, int]], found: TrackSurvey) -> None:
        self._rows, self._found = {key: row for row, key in enumerate(keys)}, found

    def __getitem__(self, key: tuple[int, int]) -> FaceSurvey:
        return self._found[self._rows[key]]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class CarryDetail(FittedStep):
    """Carry over what the model cannot draw of its person from pictures of that person."""

    name = "detail"
    near = True

    def __init__(self, references: ReferenceSet, swapper: Swapper) -> None:
        self._references, self._swapper = references, swapper

    @classmethod
    def from_settings(cls, settings: ConvertSettings, swapper: Swapper) -> CarryDetail | None:
        references = swapper.references.get(swapper.side)
        if not isinstance(settings.detail, RealDetail) or references is None:
            return None
        return cls(references, swapper)

    def fit_key(self) -> str:
        sets = self._swapper.references
        return json.dumps([self._references.digest, *(sets[side].digest for side in SIDES if side in sets)])

    def fit(self, track: Track) -> DetailFit:
        references = drawn_references(self._swapper, self._size(track))
        drawn = track.drawn()
        scheme = self._references.scheme
        found = survey(drawn.pictures, drawn.landmarks, references, scheme, self._acting(track), track.run)
        keys = [planned.face.key for planned in track.faces]
        self._report(found.strength, track)
        if track.on_demand:
            return DetailFit(references.size, _OnDemand(keys, found))
        return DetailFit(references.size, dict(zip(keys, found.finished(), strict=True)))

    @classmethod
    def load_fit(cls, record: FitRecord) -> DetailFit:
        return DetailFit.from_record(record)

    def prepare(self, plan: ConversionPlan) -> None:
        fits = [planned.fits[self.name] for faces in plan.faces.values() for planned in faces]
        for size in sorted({fit.size for fit in fits if isinstance(fit, DetailFit)}):
            drawn_references(self._swapper, size)

    def __call__(self, layer: FaceLayer) -> FaceLayer:
        fit = layer.planned.fits[self.name]
        assert isinstance(fit, DetailFit)
        references = drawn_references(self._swapper, fit.size)
        face = fit.faces[layer.planned.face.key]
        handles = list(handle_points(self._references.scheme))
        spline = ThinPlateSpline(face.handles, WARP_GRID)
        donors = []
        for donation in face.donated:
            there = references.landmarks[donation.reference][handles]
            motion = flow.unpack(donation.motion)
            displacement = spline.displacement(there - face.handles)
            displacement += cv2.resize(motion, (WARP_GRID, WARP_GRID), interpolation=cv2.INTER_CUBIC)
            donors.append(references.donor(donation.reference, displacement, donation.weights))
        pulls = [region.pull for region in REGIONS]
        return layer.with_(picture=carry_detail(layer.picture, donors, references.regions, pulls))

    def _acting(self, track: Track) -> Acting | None:
        """What the performer does, if landmarks of the references' scheme say it."""
        scheme, swapper = self._references.scheme, self._swapper
        usual = swapper.references.get(OTHER_SIDE[swapper.side])
        landmarks = track.performer(scheme)
        if landmarks is None or usual is None or usual.scheme is not scheme:
            return None
        return Acting(landmarks, usual.in_view(swapper.view.coverage))

    def _report(self, strength: FloatArray, track: Track) -> None:
        """Say where nothing of the person fits what the model draws; ``strength`` (N, K)."""
        weak = (strength < _WEAK).sum(axis=0)
        if weak.any():
            counts = dict(zip((region.name for region in REGIONS), weak.tolist(), strict=True))
            where = ", ".join(f"{name} in {count}" for name, count in counts.items() if count)
            track.run.notice(
                "convert.no_reference_fits",
                f"nothing in the pictures of the person fits some of {len(strength)} faces ({where}): "
                "there the face stays as soft as the model draws it",
                faces=int(weak.max()),
            )

    def _size(self, track: Track) -> int:
        """As fine as both the references and the largest face of the track are."""
        view = self._swapper.view
        largest = max(
            view.resolution / scale_of(view.alignment(planned.face.alignment, planned.face.crop_size))
            for planned in track.faces
        )
        enough = min(largest, self._references.size * view.coverage)
        return next((size for size in _SIZES if size >= 0.93 * enough), _SIZES[-1])
