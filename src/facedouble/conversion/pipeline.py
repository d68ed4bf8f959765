"""Conversion: every frame of a source with the new face in it, written as a clip or a folder.

    decode ─► cut ─► network ─► compose ─► encode
              only the region around a face goes through RGB; all other samples are the source's own

Each stage runs in its own threads (:mod:`.concurrency`). Finished frames are kept in parts, so that a killed
run can be resumed (:mod:`facedouble.video.sinks.parts`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from facedouble.conversion.clip_conversion import ClipConversion
from facedouble.conversion.plan import ConversionPlan
from facedouble.conversion.stream import FrameFailure
from facedouble.run.run import Run, operation
from facedouble.settings.convert import ConvertSettings
from facedouble.video.sinks import PartsSink


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
    conversion = ClipConversion.open(source, model, output, settings, faceset, run)
    with conversion.unfinished(run) as unfinished:
        if unfinished.work.discarded:
            run.notice(
                "convert.discarded",
                "discarded the unfinished output of a run with other settings or another source",
            )
        plan = conversion.plan(unfinished.work, unfinished.given, run)
        return write_frames(conversion, plan, unfinished.sink, run, start=start)


def write_frames(
    conversion: ClipConversion,
    plan: ConversionPlan,
    sink: PartsSink,
    run: Run,
    *,
    start: float,
    taken: int = 0,
) -> ConvertResult:
    """Write all frames that ``sink`` does not have yet, and close it; what the whole conversion came to,
    which began at ``start`` by the clock of :func:`time.perf_counter`. ``taken`` frames are in parts that the
    sink took over from elsewhere."""
    stream = conversion.stream(plan, run)
    counts = stream.write(conversion.renderer(), sink, taken=taken)
    sink.close()
    return ConvertResult(
        output=conversion.output,
        frames=counts.frames,
        frames_swapped=counts.swapped,
        frames_without_face=counts.faceless,
        faces_swapped=counts.faces,
        faces_deleted=plan.deleted,
        faces_not_selected=plan.not_selected,
        failures=tuple(counts.failures),
        frames_resumed=stream.resumed,
        marked=conversion.is_marked,
        seconds=time.perf_counter() - start,
        stage_utilisation=stream.timer.utilisation(stream.seconds),
    )
