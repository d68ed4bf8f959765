"""One clip, one model and the settings of a conversion, opened: what is needed to plan it and to write any of
its frames."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facedouble.conversion.clip_plan import ClipPlanner, placed_overrides, selected_ranges
from facedouble.conversion.cut_ranges import frame_notes
from facedouble.conversion.detail.step import CarryDetail, DetailFit
from facedouble.conversion.face_pipeline import make_steps
from facedouble.conversion.fingerprint import conversion_fingerprint, faces_digest
from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.conversion.marking import COMMENT, make_marking
from facedouble.conversion.output_modes import OutputMode
from facedouble.conversion.plan import ConversionPlan, FitKeys, Upscaled, count_upscaled
from facedouble.conversion.plan_file import load_plan, save_plan
from facedouble.conversion.registry import OUTPUT_MODES
from facedouble.conversion.render import FrameRenderer
from facedouble.conversion.stream import FrameStream
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import fit_keys, fit_plan
from facedouble.errors import InputError, SettingsError, setting
from facedouble.extraction.extract import extract
from facedouble.faces.network_input import InputCrop
from facedouble.faceset.store import Faceset
from facedouble.models.extraction import extraction_settings
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings, RealDetail, Unmarked
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.video import ClipEncoding, ImageEncoding
from facedouble.video import sinks
from facedouble.video.exr_plates import has_openexr
from facedouble.video.frame_extras import without_alpha
from facedouble.video.hashing import source_hash
from facedouble.video.info import SourceInfo
from facedouble.video.sinks import Marking, PartSink, PartsSink, WorkFolder
from facedouble.video.source import Source, open_source, reported

ADAPTATION = "adaptation.safetensors"
"""In the work folder: unfinished training on the clip."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An output that is being made: its ``work`` folder, its ``sink``, and the faces ``given`` by the user's
    faceset, with their digest."""

    work: WorkFolder
    sink: PartsSink
    given: ConversionPlan | None
    faces: str | None


@dataclass(frozen=True, slots=True)
class ClipConversion:
    """``settings`` name frames by their places in the source; ``faceset`` is the one that the user gave."""

    source: Path
    model: Path
    output: Path
    settings: ConvertSettings
    faceset: Path | None
    frames: Source
    ranges: FrameRanges
    matte: Source | None
    swapper: Swapper

    @classmethod
    def open(
        cls,
        source: Path,
        model: Path,
        output: Path,
        settings: ConvertSettings,
        faceset: Path | None,
        run: Run,
    ) -> ClipConversion:
        """Raises ``InputError``, ``ModelError`` or ``SettingsError`` for what cannot be used, and
        ``OutputError`` for an output that cannot be written."""
        frames = open_source(source, settings.reading)
        ranges, settings = selected_ranges(frames, settings), placed_overrides(frames, settings)
        inputs = [path for path in (source, settings.matte) if path is not None]
        sinks.check_output(output, overwrite=settings.overwrite, reading=inputs)
        encoding = settings.encoding_of(output)
        if OUTPUT_MODES[settings.render.mode].layers:
            _check_layers(encoding)
        is_clip = isinstance(encoding, ClipEncoding)
        for code, note in frame_notes(frames, ranges, settings, is_clip=is_clip):
            run.warn(code, note)
        matte = open_matte(settings, frames)
        for read in (model, faceset):
            if read is not None:
                run.reading(read)
        swapper = Swapper.load(model, settings, run)
        return cls(source, model, output, settings, faceset, frames, ranges, matte, swapper)

    # -- planning ------------------------------------------------------------------------------------

    def given_faces(self, run: Run) -> ConversionPlan | None:
        """The faces to replace, of the faceset that the user gave; ``None`` where they are found later."""
        return None if self.faceset is None else self._planner.plan(self.faceset, run)

    def work_folder(self, faces: str | None) -> AbstractContextManager[WorkFolder]:
        """The locked folder of unfinished work on ``faces`` of this digest; see
        :func:`facedouble.video.sinks.open_work_folder`."""
        fingerprint = conversion_fingerprint(source_hash(self.source), self.swapper, faces, self.settings)
        return sinks.open_work_folder(self.output, fingerprint, self._is_usable)

    def plan(self, work: WorkFolder, given: ConversionPlan | None, run: Run) -> ConversionPlan:
        """The faces to replace with all that is fitted to their tracks: as ``work`` has it, else worked out
        and stored there."""
        plan = self.selected(work, given, run)
        fitted = self.fitted(plan, run)
        if fitted is not plan:
            work.make()
            save_plan(fitted, work.plan)
        self.warn_of_upscaling(self.upscaled(fitted), run)
        return fitted

    def selected(self, work: WorkFolder, given: ConversionPlan | None, run: Run) -> ConversionPlan:
        """The faces to replace, with what the model adapts to the clip, before anything is fitted to their
        tracks; or the whole plan, where ``work`` has one."""
        self._warn_of_missing_references(run)
        plan = _saved_plan(work)
        if plan is None:
            if given is None:
                found_with = extraction_settings(self.swapper.card, self.model, run)
                found_with = found_with.replace(skip_existing=True, reading=self.settings.reading)
                work.make()
                _extract_faces(self.source, self.faces, found_with, run)
                given = self._planner.plan(self.faces, run)
            plan = self._planner.adapted(given, self.faces, work.make() / ADAPTATION, run)
        return plan

    def fitted(self, plan: ConversionPlan, run: Run) -> ConversionPlan:
        """``plan``, or some tracks of it, with all that is fitted to them; fits that it has are kept as far
        as they are valid."""
        if plan.fit_keys == self.fit_keys(plan):
            return plan
        return fit_plan(plan, self.faces, self.swapper, make_steps(self.settings, self.swapper), run)

    def fit_keys(self, plan: ConversionPlan) -> FitKeys:
        """What ``plan`` is fitted for by :meth:`fitted`."""
        self.swapper.adopt(plan.adaptation)
        return fit_keys(self.swapper, make_steps(self.settings, self.swapper), plan)

    @property
    def faces(self) -> Path:
        """The faceset: the one that the user gave, or that of the work folder."""
        return self.faceset or sinks.work_path(self.output) / "faces"

    @property
    def _planner(self) -> ClipPlanner:
        return ClipPlanner.from_settings(self.frames, self.swapper, self.settings)

    def _is_usable(self, part: dict[str, Any]) -> bool:
        return self.settings.keep_going or not part["failures"]

    # -- writing -------------------------------------------------------------------------------------

    def renderer(self) -> FrameRenderer:
        """What renders the frames."""
        return FrameRenderer.from_settings(self.swapper, self.settings)

    def stream(self, plan: ConversionPlan, run: Run) -> FrameStream:
        """A pass over the frames."""
        return FrameStream(self.frames, self.matte, plan, self.ranges, self.settings, run)

    @property
    def is_marked(self) -> bool:
        """Whether the output is marked as synthetic."""
        return not isinstance(self.settings.marking, Unmarked)

    def marking(self, run: Run) -> Marking | None:
        """The marking of the output; see :func:`.marking.make_marking`."""
        card = self.swapper.card
        parameters: dict[str, str | int | float | bool] = {
            "model": self.model.name,
            "architecture": card.kind,
            "iteration": card.iteration,
        }
        marking = make_marking(self.settings, self.source, self.output, parameters)
        if marking is not None and marking.remark is not None:
            run.warn("provenance.not_carried", marking.remark)
        return marking

    @contextmanager
    def unfinished(self, run: Run, faces: str | None = None) -> Iterator[Unfinished]:
        """The output as far as it was made, locked against other runs, and closed when the ``with`` ends
        well. ``faces`` is the digest of the given faces, where that is known; then they are not read."""
        marking = self.marking(run)
        given = self.given_faces(run) if faces is None else None
        if given is not None:
            faces = faces_digest(given)
        with (
            reported(self.frames, run),
            self.work_folder(faces) as work,
            self.sink(work, marking, run) as sink,
        ):
            yield Unfinished(work, sink, given, faces)

    def sink(self, work: WorkFolder, marking: Marking | None, run: Run) -> PartsSink:
        """The output, made in parts."""
        clip, images = self._encodings
        sink = sinks.open_parts(
            self.output,
            self._like,
            clip,
            work,
            audio_from=self.source if self.frames.info.kind == "clip" else None,
            overwrite=self.settings.overwrite,
            marking=marking,
            images=images.format,
            alpha=self._mode.channels == 4,
        )
        for remark in sink.remarks:
            run.warn("output.remark", f"{self.output.name}: {remark}")
        return sink

    def part_sink(self, folder: Path) -> PartSink:
        """One part of the output, written into ``folder`` and marked when it is put together with the
        others."""
        clip, images = self._encodings
        return sinks.open_part(
            folder,
            self.output,
            self._like,
            clip,
            images=images.format,
            alpha=self._mode.channels == 4,
            comment=COMMENT if self.is_marked else None,
        )

    @property
    def _encodings(self) -> tuple[ClipEncoding, ImageEncoding]:
        found = self.settings.encoding_of(self.output)
        clip = found if isinstance(found, ClipEncoding) else ClipEncoding()
        return clip, found if isinstance(found, ImageEncoding) else ImageEncoding()

    @property
    def _mode(self) -> OutputMode:
        return OUTPUT_MODES[self.settings.render.mode]

    @property
    def _like(self) -> SourceInfo:
        like = replace(self.frames.info, width=self.frames.info.width * self._mode.width_factor)
        if self._mode.whole_frame:  # it shows something else where the source is clear
            return replace(like, pixel_format=without_alpha(like.pixel_format))
        return like

    # -- warnings ------------------------------------------------------------------------------------

    def _warn_of_missing_references(self, run: Run) -> None:
        if isinstance(self.settings.detail, RealDetail) and self.swapper.side not in self.swapper.references:
            run.warn(
                "convert.no_references",
                f"{self.model} holds no pictures of {self.swapper.side.upper()}, so the new face is "
                "sharpened instead of getting real detail; training the model further writes them",
            )
        schemes = {references.scheme.name for references in self.swapper.references.values()}
        if self.settings.retargeting and len(schemes) > 1:
            run.warn(
                "convert.no_retargeting",
                "the expression stays as the model draws it: its pictures of A and B have different "
                f"landmarks ({', '.join(sorted(schemes))})",
            )

    def upscaled(self, plan: ConversionPlan) -> Upscaled:
        """How many faces of a fitted plan come out softer than the frame."""
        fits = [planned.fits.get(CarryDetail.name) for faces in plan.faces.values() for planned in faces]
        details = [fit.size for fit in fits if isinstance(fit, DetailFit)]
        side = max([self.swapper.view.resolution, *details])
        return count_upscaled(plan.faces, InputCrop(side, self.swapper.view.coverage))

    @staticmethod
    def warn_of_upscaling(upscaled: Upscaled, run: Run) -> None:
        """Say so where faces come out softer than the frame."""
        if upscaled.faces:
            run.warn(
                "convert.upscaling",
                f"{upscaled.faces} of {upscaled.total} faces are larger in the frame than the "
                f"{upscaled.side} pixels of the new face, up to {upscaled.largest:.1f} times; they will look "
                "softer than their surroundings",
                faces=upscaled.faces,
                largest=upscaled.largest,
            )


def _check_layers(encoding: ClipEncoding | ImageEncoding) -> None:
    exr = setting("encoding.format", "exr")
    if not isinstance(encoding, ImageEncoding) or encoding.format != "exr":
        raise SettingsError("render.mode", "layers", f"is for a folder of OpenEXR images ({exr})")
    if not has_openexr():
        raise SettingsError(
            "render.mode", "layers", "needs OpenEXR's library: pip install 'facedouble[plates]'"
        )


def open_matte(settings: ConvertSettings, source: Source) -> Source | None:
    """The matte that the settings name, in step with ``source``. Raises ``InputError`` for one that does not
    fit it."""
    if settings.matte is None:
        return None
    matte, info = open_source(settings.matte, settings.reading.of_other_clips()), source.info
    if (matte.info.width, matte.info.height) != (info.width, info.height):
        raise InputError(
            f"{settings.matte}: the matte is {matte.info.width}x{matte.info.height}, the source "
            f"{info.width}x{info.height}; both must be the same size"
        )
    if matte.index.count != source.index.count:
        raise InputError(
            f"{settings.matte}: the matte has {matte.index.count} frames, the source {source.index.count}; "
            "both must have the same number"
        )
    return matte


def _extract_faces(source: Path, path: Path, settings: ExtractSettings, run: Run) -> Path:
    """Extract the faceset of ``source`` at ``path``, or resume. A faceset without any face is valid here."""
    try:
        extract(source, path, settings, run=run)
    except InputError as error:
        with Faceset.open(path) as store:
            usable, failure = store.complete and not store.all_faces(), store.failure
        if not usable:
            shutil.rmtree(path)
            if failure is not None:
                raise InputError(failure) from None
            raise
        run.warn("convert.no_face", f"its frames are copied unchanged: {error}")
    return path


def _saved_plan(work: WorkFolder) -> ConversionPlan | None:
    """The plan that an interrupted run left beside its parts, unless it is damaged. That it has the right
    faces is known from the work folder's fingerprint."""
    if not work.plan.exists():
        return None
    try:
        return load_plan(work.plan)
    except InputError:
        return None
