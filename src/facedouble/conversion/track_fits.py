"""Fits the steps of the face pipeline to each track, before the first frame is written.

What the model draws of a track is known only once it is drawn, and whatever is fitted frame by frame
flickers. So faces of the track, evenly spread, are drawn from the faceset's crops first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from facedouble.conversion.drawn_landmarks import eight_bits, steady
from facedouble.conversion.face_step import FaceStep, FittedStep
from facedouble.conversion.light import lit
from facedouble.conversion.plan import ConversionPlan, FitKeys, PlannedFace, TrackFit
from facedouble.conversion.stored_view import stored_input, stored_view
from facedouble.conversion.swapper import DrawnFace, Swapper
from facedouble.conversion.visibility import VisibleParts, is_occlusion
from facedouble.errors import SettingsError
from facedouble.faces.align import map_points
from facedouble.faces.network_input import InputCrop
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.faceset.store import Faceset
from facedouble.run.run import Run
from facedouble.types import FloatArray, Image, Landmarks

SAMPLE_SIZE = 12
"""Faces of a track that are drawn for every fit."""


@dataclass(frozen=True, slots=True)
class SampledFace:
    """A face of a track: ``crop`` (R, R, 3), the model's view of it in the usual light, ``landmarks`` in the
    crop's pixels, and what the model draws for it."""

    planned: PlannedFace
    crop: Image
    landmarks: Landmarks
    drawn: DrawnFace


@dataclass(frozen=True, slots=True)
class DrawnTrack:
    """What the model draws of the N faces of a track: ``pictures`` (D, D, 3) in 8 bits, and the ``landmarks``
    (N, P, 2) found on them, in shares of the side, smoothed in time."""

    pictures: Sequence[Image]
    landmarks: FloatArray


Redraw = Callable[[DrawnTrack], DrawnTrack]


@dataclass(slots=True)
class Drawings:
    """What one model drew of the tracks of one plan, by their numbers and the fit key of what was known to
    hide their faces, kept for fits with other settings; ``samples`` by the number of faces too. ``faces``:
    the tracks' own by number, with the light on them."""

    faces: dict[int, list[PlannedFace]] = field(default_factory=dict)
    tracks: dict[tuple[int, str], DrawnTrack] = field(default_factory=dict)
    samples: dict[tuple[int, str, int], list[SampledFace]] = field(default_factory=dict)

    def around(self, plan: ConversionPlan, frame: int, reach: int) -> tuple[ConversionPlan, Drawings]:
        """The faces of ``plan`` on the tracks of ``frame``, up to ``reach`` before and after it, and what of
        the drawings is theirs."""
        tracks: dict[int, list[tuple[int, PlannedFace]]] = {}
        for index in sorted(plan.faces):
            for planned in plan.faces[index]:
                tracks.setdefault(planned.face.track, []).append((index, planned))
        shown = {planned.face.track for planned in plan.faces.get(frame, ())}
        part, faces = Drawings(), dict[int, list[PlannedFace]]()
        for number in shown:
            at = next(row for row, (index, _) in enumerate(tracks[number]) if index == frame)
            rows = slice(max(0, at - reach), at + reach + 1)
            for index, planned in tracks[number][rows]:
                faces.setdefault(index, []).append(planned)
            if number in self.faces:
                part.faces[number] = self.faces[number][rows]
            for key, drawn in self.tracks.items():
                if key[0] == number:
                    part.tracks[key] = DrawnTrack(drawn.pictures[rows], drawn.landmarks[rows])
        return replace(plan, faces=faces), part


class Track:
    """The faces of one track, in frame order, and the model that will draw them.

    ``on_demand``: fits may leave work on a face until it is asked for, as for somebody who looks at a few
    frames; what they give is the same.
    """

    def __init__(
        self,
        faces: Sequence[PlannedFace],
        store: Faceset,
        swapper: Swapper,
        run: Run | None = None,
        drawings: Drawings | None = None,
        on_demand: bool = False,
    ) -> None:
        self.faces, self.swapper, self.store, self.on_demand = faces, swapper, store, on_demand
        self.run = run or Run()
        self._number = faces[0].face.track
        self._visible = ""
        self._drawings = drawings or Drawings()
        self._changes: Mapping[str, Redraw] = {}
        self._current: DrawnTrack | None = None

    def redrawn_by(self, changes: Mapping[str, Redraw]) -> None:
        """From now on, what is drawn of the faces is what these steps make of it, one after the other."""
        if changes.keys() != self._changes.keys():
            self._changes, self._current = changes, None

    def hide(self, fit: VisibleParts, name: str, key: str) -> None:
        """Draw the faces from now on without what ``fit`` hides of them, the fit of the step called ``name``
        with that fit key."""
        self.faces = [replace(planned, fits={**planned.fits, name: fit}) for planned in self.faces]
        self._visible, self._current = key, None

    def sample(self, count: int = SAMPLE_SIZE) -> list[SampledFace]:
        """Up to ``count`` faces, evenly spread over the track, drawn in one call of the network."""
        key = (self._number, self._visible, count)
        if key not in self._drawings.samples:
            positions = np.linspace(0, len(self.faces) - 1, min(count, len(self.faces))).round().astype(int)
            chosen = [self.faces[position] for position in positions]
            views = [self._view(planned) for planned in chosen]
            drawn = self.swapper.draw(
                [
                    stored_input(planned, *view, self.swapper.view)
                    for planned, view in zip(chosen, views, strict=True)
                ],
                [planned.geometry for planned in chosen],
            )
            self._drawings.samples[key] = [
                SampledFace(planned, *view, face)
                for planned, view, face in zip(chosen, views, drawn, strict=True)
            ]
        return self._drawings.samples[key]

    def drawn(self) -> DrawnTrack:
        """What the model draws of every face, and earlier steps made of it. It is drawn once, for all steps
        that need it."""
        if self._current is None:
            self._current = self._as_drawn()
            for redraw in self._changes.values():
                self._current = redraw(self._current)
                if not self.on_demand:
                    with ThreadPoolExecutor(os.cpu_count()) as pool:
                        pictures = list(pool.map(self._current.pictures.__getitem__, range(len(self.faces))))
                    self._current = replace(self._current, pictures=pictures)
        return self._current

    def _as_drawn(self) -> DrawnTrack:
        key = (self._number, self._visible)
        if key not in self._drawings.tracks:
            # Kept in 8 bits: a track may be long.
            pictures = [eight_bits(picture) for picture in self._every()]
            found = DrawnTrack(pictures, steady(self.swapper.drawn_landmarks(pictures)))
            self._drawings.tracks[key] = found
        return self._drawings.tracks[key]

    def performer(self, scheme: LandmarkScheme) -> FloatArray | None:
        """The landmarks (N, P, 2) of the frame's own faces in shares of the view's side, smoothed in time;
        ``None`` if they are of another scheme."""
        if any(planned.face.scheme != scheme.name for planned in self.faces):
            return None
        view = InputCrop(1, self.swapper.view.coverage)
        places = [
            map_points(view.alignment(face.alignment, face.crop_size), face.smoothed) + 0.5
            for face in (planned.face for planned in self.faces)
        ]
        return steady(np.stack(places))

    def _every(self, batch: int = 16) -> Iterator[FloatArray]:
        stage = self.run.stage("survey", len(self.faces), "faces")
        for start in range(0, len(self.faces), batch):
            self.run.check()
            chosen = self.faces[start : start + batch]
            inputs = [stored_input(planned, *self._view(planned), self.swapper.view) for planned in chosen]
            geometry = [planned.geometry for planned in chosen]
            yield from (face.picture for face in self.swapper.draw(inputs, geometry))
            stage.progress(start + len(chosen))
        stage.finish()

    def _view(self, planned: PlannedFace) -> tuple[Image, Landmarks]:
        return stored_view(planned, self.store, self.swapper.view)


def fit_plan(
    plan: ConversionPlan,
    faceset: Path,
    swapper: Swapper,
    steps: Sequence[FaceStep],
    run: Run | None = None,
    drawings: Drawings | None = None,
    on_demand: bool = False,
) -> ConversionPlan:
    """``plan`` with the fits of ``steps`` for every track. Fits it already has are kept if they are still
    valid for this model and these steps. ``drawings`` are what ``swapper`` drew for the same faces before;
    those that were missing are there afterwards. For ``on_demand`` see :class:`Track`.

    Raises ``SettingsError`` if a step needs something that the model does not draw.
    """
    drawings = drawings or Drawings()
    keys = fit_keys(swapper, steps, plan)
    if keys == plan.fit_keys and not any(step.needs_mask for step in steps):
        return plan
    same_model = keys.model == plan.fit_keys.model
    valid = {name for name, key in keys.steps.items() if same_model and plan.fit_keys.steps.get(name) == key}
    tracks: dict[int, list[tuple[int, PlannedFace]]] = {}
    for index in sorted(plan.faces):
        for planned in plan.faces[index]:
            tracks.setdefault(planned.face.track, []).append((index, planned))
    faces: dict[int, list[PlannedFace]] = {index: [] for index in sorted(plan.faces)}
    with Faceset.open(faceset) as store:
        for number in (run or Run()).each(sorted(tracks)):
            members = [planned for _, planned in tracks[number]]
            if swapper.usual_brightness is not None:
                if number not in drawings.faces:
                    drawings.faces[number] = lit(members, store, swapper.view, swapper.usual_brightness)
                members = [
                    replace(known, fits=planned.fits)
                    for known, planned in zip(drawings.faces[number], members, strict=True)
                ]
            fits = _fit(Track(members, store, swapper, run, drawings, on_demand), steps, valid)
            for (index, _), planned in zip(tracks[number], members, strict=True):
                faces[index].append(replace(planned, fits=fits))
    for found in faces.values():
        found.sort(key=lambda planned: planned.face.face_index)
    return replace(plan, faces=faces, fit_keys=keys)


def _fit(track: Track, steps: Sequence[FaceStep], valid: set[str]) -> dict[str, TrackFit]:
    needing = next((step.needs_mask for step in steps if step.needs_mask), None)
    if needing is not None and any(sampled.drawn.mask is None for sampled in track.sample()):
        raise SettingsError(needing, "learned", "this model has no learned mask; choose another")
    fits = {name: fit for name, fit in track.faces[0].fits.items() if name in valid}
    track.faces = [replace(planned, fits=fits) for planned in track.faces]
    # What hides the faces first: the others are fitted to faces drawn without it.
    for step in sorted(steps, key=lambda step: not is_occlusion(step.name)):
        if not isinstance(step, FittedStep):
            continue
        if step.name not in fits:
            track.redrawn_by(
                {before.name: partial(before.redrawn, fit=fits[before.name]) for before in step.after}
            )
            fits[step.name] = step.fit(track)
        if isinstance(found := fits[step.name], VisibleParts):
            track.hide(found, step.name, step.fit_key())
    return fits


def fit_keys(swapper: Swapper, steps: Sequence[FaceStep], plan: ConversionPlan) -> FitKeys:
    """What the fits of ``steps`` depend on besides the faces of ``plan``. All of them are fitted to faces
    drawn without what is known to hide them."""
    every = [step for step in steps if isinstance(step, FittedStep)]
    hiding = [text for step in every if is_occlusion(step.name) for text in (step.key, plan.masks)]
    fitted = {step.name: " ".join([step.key, *hiding]) for step in every}
    return FitKeys(swapper.adapted_fingerprint, fitted)
