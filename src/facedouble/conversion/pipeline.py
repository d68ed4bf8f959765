"""Conversion: every frame of a source with the new face in it, written as a clip or a folder."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from facedouble.config import ConvertSettings, ExtractSettings
from facedouble.conversion.compose import Compositor
from facedouble.conversion.marking import make_marking
from facedouble.conversion.plan import make_plan
from facedouble.conversion.survey import survey
from facedouble.conversion.swapper import Swapper
from facedouble.events import Listener, Progressed, StageFinished, StageStarted, ignore
from facedouble.extraction.extract import extract
from facedouble.types import Frame
from facedouble.video import open_sink, open_source


@dataclass(frozen=True, slots=True)
class ConvertResult:
    """What was written. ``left_out`` counts faces whose crop was deleted from the faceset; ``marked``
    says whether it is marked as synthetic."""

    output: Path
    frames: int
    frames_swapped: int
    faces_swapped: int
    left_out: int
    marked: bool
    seconds: float


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
    source), ``ModelError``, ``SettingsError`` or ``OutputError``; on any of them nothing appears
    under the output's name.
    """
    settings = settings or ConvertSettings()
    if faceset is None:
        with tempfile.TemporaryDirectory(prefix="facedouble-") as folder:
            found = Path(folder) / "faces"
            extract(source, found, ExtractSettings(), listener=listener)
            return convert(source, model, output, settings, faceset=found, listener=listener)

    start = time.perf_counter()
    swapper = Swapper.load(model, settings, listener)
    compositor = Compositor(settings, swapper.view)
    plan, left_out = make_plan(source, faceset)
    plan = survey(plan, faceset, swapper, settings)
    frames = open_source(source)
    details: dict[str, str | int | float | bool] = {
        "model": model.name,
        "architecture": swapper.card.trainer,
        "iteration": swapper.card.iteration,
    }
    marking = make_marking(settings, source, output, details)
    count = swapped = faces = 0
    listener(StageStarted("convert", frames.info.frames or None, "frames"))
    with open_sink(
        output,
        frames.info,
        settings.video,
        audio_from=source if frames.info.has_audio else None,
        overwrite=settings.overwrite,
        marking=marking,
    ) as sink:
        for batch in _batches(frames.frames(), settings.batch_size):
            planned = [(frame, item) for frame in batch for item in plan.get(frame.index, ())]
            drawn = iter(swapper.draw([swapper.crop(frame.image, item) for frame, item in planned]))
            for frame in batch:
                todo = [(item, next(drawn)) for item in plan.get(frame.index, ())]
                sink.write(frame, compositor.compose(frame.image, todo))
                count += 1
                swapped += bool(todo)
                faces += len(todo)
            listener(Progressed("convert", count))
    seconds = time.perf_counter() - start
    listener(StageFinished("convert", seconds, f"{count} frames, {faces} faces replaced"))
    return ConvertResult(output, count, swapped, faces, left_out, marking is not None, seconds)


def _batches(frames: Iterator[Frame], size: int) -> Iterator[list[Frame]]:
    while batch := list(islice(frames, size)):
        yield batch
