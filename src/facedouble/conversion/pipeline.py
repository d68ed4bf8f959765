"""Conversion: every frame of a source with the new face in it, written as a clip or a folder.

    decode ─► cut ─► network ─► compose ─► encode
              the part around the face in RGB   the source's own planes everywhere else

Each stage runs in threads of its own (:mod:`.flow`), and what is finished is kept in parts, so that a run
that was killed goes on (:mod:`facedouble.video.sinks.parts`).
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

from facedouble.config import ConvertSettings, ExtractSettings
from facedouble.conversion.about import about
from facedouble.conversion.compose import Compositor
from facedouble.conversion.frames import FrameWork
from facedouble.conversion.label import Label
from facedouble.conversion.marking import make_marking
from facedouble.conversion.outputs import OUTPUTS
from facedouble.conversion.plan import Choice, FacePlan, make_plan
from facedouble.conversion.ranges import Ranges
from facedouble.conversion.run import Failure, Run
from facedouble.conversion.steps import check
from facedouble.conversion.survey import survey, too_large
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.unused import refuse_unused
from facedouble.errors import InputError, SettingsError
from facedouble.events import Listener, Noted, StageFinished, ignore
from facedouble.extraction.extract import extract
from facedouble.faces.references import References
from facedouble.faceset import Faceset
from facedouble.video import Source, open_source, sinks
from facedouble.video.source import SourceInfo, source_hash


@dataclass(frozen=True, slots=True)
class ConvertResult:
    """What was written.

    ``frames`` were written, new faces put into ``frames_swapped`` of them; ``frames_without_face`` had none
    that was wanted and were copied. ``left_out`` counts faces whose crop was deleted from the faceset,
    ``not_chosen`` those of other people or tracks than wanted. ``failures`` are frames copied by
    ``keep_going``. ``kept`` frames were done by an earlier run. ``shares`` says for which part of the time
    each stage was at work; the ``slowest`` is what the others waited for. ``marked`` says whether the
    result is marked as synthetic.
    """

    output: Path
    frames: int
    frames_swapped: int
    frames_without_face: int
    faces_swapped: int
    left_out: int
    not_chosen: int
    failures: tuple[Failure, ...]
    kept: int
    marked: bool
    seconds: float
    shares: dict[str, float]

    @property
    def slowest(self) -> str | None:
        return max(self.shares, key=lambda stage: self.shares[stage], default=None)


def convert(
    source: Path,
    model: Path,
    output: Path,
    settings: ConvertSettings | None = None,
    *,
    faceset: Path | None = None,
    listener: Listener = ignore,
) -> ConvertResult:
    """Write ``source`` to ``output`` with the faces of ``faceset`` replaced by the model's person.

    Without ``faceset`` the faces are found first. Faces whose crop was deleted from the faceset
    stay as they are and are counted. Raises ``InputError`` (also for the faceset of another
    source), ``ModelError``, ``SettingsError``, ``OutputError`` or ``ConversionError``; on any of them
    nothing appears under the output's name, and what is done is kept for the same call to go on with.
    """
    start = time.perf_counter()
    settings = settings or ConvertSettings()
    ranges = _checked(settings)
    label = Label(settings.label) if settings.label else None
    frames = open_source(source)
    ranges.check(frames.info.frames or 1 << 62)
    reading = [path for path in (source, settings.matte) if path is not None]
    sinks.check_output(output, overwrite=settings.overwrite, reading=reading)
    refuse_unused(settings, clip=output.suffix.lower() in sinks.CLIP_SUFFIXES)
    matte = _open_matte(settings, frames.info)
    swapper = Swapper.load(model, settings, listener)
    marking = make_marking(settings, source, output, _details(model, swapper))
    choice = Choice(ranges, References.read(_as_for_extraction(settings)), settings.track)
    plan = None if faceset is None else make_plan(source, faceset, choice)
    what = about(source_hash(source), swapper, plan, settings)
    shown = OUTPUTS[settings.output_mode]
    like = replace(frames.info, width=frames.info.width * shown.beside)
    with (
        sinks.open_work_folder(
            output, what, lambda part: settings.keep_going or not part["failures"]
        ) as work,
        sinks.open_parts(
            output,
            like,
            settings.video,
            work,
            audio_from=source if frames.info.kind == "clip" else None,
            overwrite=settings.overwrite,
            marking=marking,
            images=settings.image_format,
            alpha=shown.channels == 4,
        ) as sink,
    ):
        if work.discarded:
            listener(Noted("what an unfinished run with other settings left is dropped"))
        if plan is None or faceset is None:
            faceset = _find_faces(source, work.make() / "faces", listener)
            plan = make_plan(source, faceset, choice)
        plan = replace(plan, faces=survey(plan.faces, faceset, swapper, settings))
        _warn_of_size(plan, swapper, listener)
        doing = FrameWork(
            swapper,
            Compositor(settings, swapper.view),
            whole=settings.output_mode != "composite",
            label=label,
            keep_going=settings.keep_going,
        )
        run = Run(frames, matte, plan, ranges, settings, listener)
        totals = run.through(doing, sink)
    seconds = time.perf_counter() - start
    result = ConvertResult(
        output=output,
        frames=totals.frames,
        frames_swapped=totals.swapped,
        frames_without_face=totals.faceless,
        faces_swapped=totals.faces,
        left_out=plan.left_out,
        not_chosen=plan.not_chosen,
        failures=tuple(totals.failures),
        kept=run.kept,
        marked=marking is not None,
        seconds=seconds,
        shares=run.clock.shares(run.seconds),
    )
    listener(StageFinished("convert", seconds, _summary(result)))
    return result


def _checked(settings: ConvertSettings) -> Ranges:
    """The ranges of frames. Raises ``SettingsError`` for settings that contradict each other."""
    check(settings)
    if settings.discard_frames and not settings.frame_ranges:
        raise SettingsError("--discard-frames leaves out what --frame-ranges does not name; name some")
    if settings.label and settings.output_mode in ("rgba", "mask"):
        raise SettingsError(f"--label would become part of what --output-mode {settings.output_mode} shows")
    return Ranges.read(settings.frame_ranges)


def _open_matte(settings: ConvertSettings, info: SourceInfo) -> Source | None:
    if settings.matte is None:
        return None
    matte = open_source(settings.matte)
    if (matte.info.width, matte.info.height) != (info.width, info.height):
        raise InputError(
            f"{settings.matte}: the matte is {matte.info.width}x{matte.info.height}, the source "
            f"{info.width}x{info.height}; they must be of one size"
        )
    return matte


def _details(model: Path, swapper: Swapper) -> dict[str, str | int | float | bool]:
    card = swapper.card
    return {"model": model.name, "architecture": card.trainer, "iteration": card.iteration}


def _as_for_extraction(settings: ConvertSettings) -> ExtractSettings:
    return ExtractSettings(
        filter=settings.filter, nfilter=settings.nfilter, ref_threshold=settings.ref_threshold
    )


def _find_faces(source: Path, path: Path, listener: Listener) -> Path:
    """The faceset of ``source`` at ``path``, made or gone on with. One without any face is one too."""
    try:
        extract(source, path, ExtractSettings(skip_existing=True), listener=listener)
    except InputError:
        with Faceset.open(path) as store:
            usable = store.complete and not store.all_faces()
        if not usable:
            shutil.rmtree(path)  # of a source that cannot be read to its end
            raise
        listener(Noted(f"no face was found in {source}; its frames are copied as they are", warning=True))
    return path


def _warn_of_size(plan: FacePlan, swapper: Swapper, listener: Listener) -> None:
    large = too_large(plan.faces, swapper.view)
    if large.faces:
        side = swapper.view.resolution
        listener(
            Noted(
                f"{large.faces} of {large.of} faces are larger in the frame than the {side} pixels that the "
                f"model draws, the largest {large.most:.1f} times; they come out softer than what is around "
                "them",
                warning=True,
            )
        )


def _summary(result: ConvertResult) -> str:
    new = max(result.frames - result.kept, 0)
    text = f"{result.frames} frames, {result.faces_swapped} faces replaced"
    if result.seconds > 0 and new:
        text += f", {new / result.seconds:.1f} frames/s"
    if result.slowest is not None:
        text += f"; slowest stage: {result.slowest} ({result.shares[result.slowest]:.0%} of the time)"
    return text
