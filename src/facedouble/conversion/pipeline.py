"""Conversion: every frame of a source with the new face in it, written as a clip or a folder.

    decode ─► cut ─► network ─► compose ─► encode
              only the region around a face goes through RGB; all other samples are the source's own

Each stage runs in its own threads (:mod:`.concurrency`). Finished frames are kept in parts, so that a killed
run can be resumed (:mod:`facedouble.video.sinks.parts`).
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

from facedouble.conversion.clip_plan import ClipPlanner, placed_overrides, selected_ranges
from facedouble.conversion.detail.step import CarryDetail, DetailFit
from facedouble.conversion.face_pipeline import make_steps
from facedouble.conversion.fingerprint import conversion_fingerprint
from facedouble.conversion.marking import make_marking
from facedouble.conversion.plan import ConversionPlan, count_upscaled
from facedouble.conversion.plan_file import load_plan, save_plan
from facedouble.conversion.registry import OUTPUT_MODES
from facedouble.conversion.render import FrameRenderer
from facedouble.conversion.stream import FrameFailure, FrameStream
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import fit_keys, fit_plan
from facedouble.errors import InputError, SettingsError, setting
from facedouble.extraction.extract import extract
from facedouble.faces.network_input import InputCrop
from facedouble.faceset.store import Faceset
from facedouble.models.extraction import extraction_settings
from facedouble.run.run import Run, operation
from facedouble.settings.convert import ConvertSettings, RealDetail
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.video import ClipEncoding, ImageEncoding
from facedouble.video import sinks
from facedouble.video.exr_plates import has_openexr
from facedouble.video.frame_extras import without_alpha
from facedouble.video.hashing import source_hash
from facedouble.video.sinks import WorkFolder
from facedouble.video.source import Source, open_source, reported

ADAPTATION = "adaptation.safetensors"
"""In the work folder: unfinished training on the clip."""


@dataclass(frozen=True, slots=True)
class ConvertResult:
    """What was written.

    Of ``frames`` written, ``frames_swapped`` have a new face; ``frames_without_face`` had none selected and
    were copied. ``faces_deleted`` counts faces whose crop was deleted from the faceset,
    ``faces_not_selected`` those of other people or tracks than selected. ``failures`` are frames copied
    unchanged because of ``keep_going``. ``frames_resumed`` were done by an earlier run.
    ``stage_utilisation`` is the fraction of the time that each stage was busy, 0 to 1; the others waited for
    the ``slowest_stage``. ``marked``: the output is marked as synthetic.
    """

    output: Path
    frames: int
    frames_swapped: int
    frames_without_face: int
    faces_swapped: int
    faces_deleted: int
    faces_not_selected: int
    failures: tuple[FrameFailure, ...]
    frames_resumed: int
    marked: bool
    seconds: float
    stage_utilisation: dict[str, float]

    @property
    def slowest_stage(self) -> str | None:
        return max(self.stage_utilisation, key=lambda stage: self.stage_utilisation[stage], default=None)


def convert(
    source: Path,
    model: Path,
    output: Path,
    settings: ConvertSettings | None = None,
    *,
    faceset: Path | None = None,
    run: Run | None = None,
) -> ConvertResult:
    """Write ``source`` to ``output`` with the faces of ``faceset`` replaced by the model's person.

    Without ``faceset`` the faces are extracted first, with the settings of those the model was trained on.
    Faces whose crop was deleted from the faceset stay as they are and are counted. Raises ``InputError``
    (also for the faceset of another source), ``ModelError``, ``SettingsError``, ``OutputError`` or
    ``ConversionError``; then nothing appears under the output's name, and finished parts are kept, so that
    the same call resumes.
    """
    with operation("convert", run) as run:
        return run.finish(_convert(source, model, output, settings or ConvertSettings(), faceset, run))


def _convert(
    source: Path, model: Path, output: Path, settings: ConvertSettings, faceset: Path | None, run: Run
) -> ConvertResult:
    start = time.perf_counter()
    frames = open_source(source, settings.reading)
    ranges, settings = selected_ranges(frames, settings), placed_overrides(frames, settings)
    inputs = [path for path in (source, settings.matte) if path is not None]
    sinks.check_output(output, overwrite=settings.overwrite, reading=inputs)
    encoding = settings.encoding_of(output)
    mode = OUTPUT_MODES[settings.render.mode]
    if mode.layers:
        _check_layers(encoding)
    matte = _open_matte(settings, frames)
    for read in (model, faceset):
        if read is not None:
            run.reading(read)
    swapper = Swapper.load(model, settings, run)
    marking = make_marking(settings, source, output, _credential_parameters(model, swapper))
    if marking is not None and marking.remark is not None:
        run.warn("provenance.not_carried", marking.remark)
    planner = ClipPlanner.from_settings(frames, swapper, settings)
    plan = None if faceset is None else planner.plan(faceset, run)
    fingerprint = conversion_fingerprint(source_hash(source), swapper, plan, settings)
    like = replace(frames.info, width=frames.info.width * mode.width_factor)
    if mode.whole_frame:  # it shows something else where the source is clear
        like = replace(like, pixel_format=without_alpha(like.pixel_format))
    with (
        reported(frames, run),
        sinks.open_work_folder(
            output, fingerprint, lambda part: settings.keep_going or not part["failures"]
        ) as work,
        sinks.open_parts(
            output,
            like,
            encoding if isinstance(encoding, ClipEncoding) else ClipEncoding(),
            work,
            audio_from=source if frames.info.kind == "clip" else None,
            overwrite=settings.overwrite,
            marking=marking,
            images=encoding.format if isinstance(encoding, ImageEncoding) else ImageEncoding().format,
            alpha=mode.channels == 4,
        ) as sink,
    ):
        for remark in sink.remarks:
            run.warn("output.remark", f"{output.name}: {remark}")
        if work.discarded:
            run.notice(
                "convert.discarded",
                "discarded the unfinished output of a run with other settings or another source",
            )
        steps = make_steps(settings, swapper)
        _warn_of_missing_references(settings, swapper, model, run)
        saved = _saved_plan(work)
        if saved is None:
            if plan is None or faceset is None:
                found_with = extraction_settings(swapper.card, model, run)
                found_with = found_with.replace(skip_existing=True, reading=settings.reading)
                faceset = _extract_faces(source, work.make() / "faces", found_with, run)
                plan = planner.plan(faceset, run)
            saved = planner.adapted(plan, faceset, work.make() / ADAPTATION, run)
        plan = saved
        swapper.adopt(plan.adaptation)
        if plan.fit_keys != fit_keys(swapper, steps):
            plan = fit_plan(plan, faceset or work.folder / "faces", swapper, steps, run)
            work.make()
            save_plan(plan, work.plan)
        _warn_of_upscaling(plan, swapper, run)
        renderer = FrameRenderer.from_settings(swapper, settings)
        stream = FrameStream(frames, matte, plan, ranges, settings, run)
        counts = stream.write(renderer, sink)
    seconds = time.perf_counter() - start
    return ConvertResult(
        output=output,
        frames=counts.frames,
        frames_swapped=counts.swapped,
        frames_without_face=counts.faceless,
        faces_swapped=counts.faces,
        faces_deleted=plan.deleted,
        faces_not_selected=plan.not_selected,
        failures=tuple(counts.failures),
        frames_resumed=stream.resumed,
        marked=marking is not None,
        seconds=seconds,
        stage_utilisation=stream.timer.utilisation(stream.seconds),
    )


def _check_layers(encoding: ClipEncoding | ImageEncoding) -> None:
    exr = setting("encoding.format", "exr")
    if not isinstance(encoding, ImageEncoding) or encoding.format != "exr":
        raise SettingsError("render.mode", "layers", f"is for a folder of OpenEXR images ({exr})")
    if not has_openexr():
        raise SettingsError(
            "render.mode", "layers", "needs OpenEXR's library: pip install 'facedouble[plates]'"
        )


def _open_matte(settings: ConvertSettings, source: Source) -> Source | None:
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


def _credential_parameters(model: Path, swapper: Swapper) -> dict[str, str | int | float | bool]:
    card = swapper.card
    return {"model": model.name, "architecture": card.kind, "iteration": card.iteration}


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


def _warn_of_missing_references(settings: ConvertSettings, swapper: Swapper, model: Path, run: Run) -> None:
    if isinstance(settings.detail, RealDetail) and swapper.side not in swapper.references:
        run.warn(
            "convert.no_references",
            f"{model} holds no pictures of {swapper.side.upper()}, so the new face is sharpened instead of "
            "getting real detail; training the model further writes them",
        )
    schemes = {references.scheme.name for references in swapper.references.values()}
    if settings.retargeting and len(schemes) > 1:
        run.warn(
            "convert.no_retargeting",
            f"the expression stays as the model draws it: its pictures of A and B have different landmarks "
            f"({', '.join(sorted(schemes))})",
        )


def _warn_of_upscaling(plan: ConversionPlan, swapper: Swapper, run: Run) -> None:
    fits = [planned.fits.get(CarryDetail.name) for faces in plan.faces.values() for planned in faces]
    details = [fit.size for fit in fits if isinstance(fit, DetailFit)]
    side = max([swapper.view.resolution, *details])
    upscaled = count_upscaled(plan.faces, InputCrop(side, swapper.view.coverage))
    if upscaled.faces:
        run.warn(
            "convert.upscaling",
            f"{upscaled.faces} of {upscaled.total} faces are larger in the frame than the {side} pixels "
            f"of the new face, up to {upscaled.largest:.1f} times; they will look softer than their "
            "surroundings",
            faces=upscaled.faces,
            largest=upscaled.largest,
        )
