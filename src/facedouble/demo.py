"""The demonstration: the whole workflow in one call, from clips of two people to a measured swap."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from facedouble.assets import demo_clips
from facedouble.conversion.marking import make_marking
from facedouble.conversion.pipeline import convert
from facedouble.errors import InputError, SettingsError, setting
from facedouble.evaluation.evaluate import evaluate
from facedouble.evaluation.report.page import write_report
from facedouble.evaluation.result import Evaluation
from facedouble.extraction.extract import extract
from facedouble.faces.align import extract_crop
from facedouble.faces.network_input import InputCrop
from facedouble.faceset.store import Faceset
from facedouble.files import path_text, write_whole
from facedouble.models import checkpoint
from facedouble.project.file import write_content
from facedouble.project.make import path_in_project
from facedouble.project.model import FILE, SCHEMA
from facedouble.run.run import Run, operation
from facedouble.settings.compute import ConvertCompute, TrainCompute
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.demo import DemoSettings
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.train import Limits, Saving, TrainSettings
from facedouble.settings.video import ClipEncoding
from facedouble.training.loop import train
from facedouble.types import Image
from facedouble.video.hashing import source_hash
from facedouble.video.images import write_png
from facedouble.video.pixels import to_eight_bits
from facedouble.video.sampling import frames_at
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source

Result = TypeVar("Result")

QUICK_ITERATIONS = 200
_TILE = 240
_COLUMNS = 8


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The demonstration's files, the seconds each step took, and the evaluation of the swap. ``report`` is an
    HTML page."""

    swap: Path
    side_by_side: Path
    contact_sheet: Path
    model: Path
    report: Path
    seconds: dict[str, float]
    evaluation: Evaluation


def demo(settings: DemoSettings | None = None, *, run: Run | None = None) -> DemoResult:
    """Extract both people's faces, train, convert the last clip of A, and measure the result.

    With ``settings.unseen``, the last clip of A is held out of training, so that the result shows how well
    the model generalises to new footage; files of that run have ``unseen`` in their names. Clips default to
    the two actors of RAVDESS that ``facedouble.assets`` downloads. Facesets and the model of an earlier run
    in ``settings.output`` are reused; training resumes. Raises what the steps raise.
    """
    with operation("demo", run) as run:
        return run.finish(_demo(settings or DemoSettings(), run))


def _demo(settings: DemoSettings, run: Run) -> DemoResult:
    output = settings.output
    output.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}

    def timed(step: str, work: Callable[[], Result]) -> Result:
        start = time.perf_counter()
        result = work()
        seconds[step] = seconds.get(step, 0.0) + time.perf_counter() - start
        return result

    if settings.clips is not None:
        clips_a, clips_b = settings.clips.a, settings.clips.b
    else:
        downloaded = timed("download", lambda: demo_clips(run=run))
        clips_a, clips_b = downloaded.a, downloaded.b
    if settings.quick:
        clips_a, clips_b = clips_a[-1 - settings.unseen :], clips_b[-1:]
    if settings.unseen and len(clips_a) < 2:
        raise SettingsError(
            "unseen", problem=f"needs two clips of A ({setting('clips.a')}), one to train on, one to convert"
        )
    faces_a = [output / "faces-a" / clip.stem for clip in clips_a]
    faces_b = [output / "faces-b" / clip.stem for clip in clips_b]
    trained_on = faces_a[:-1] if settings.unseen else faces_a
    mode = "-unseen" if settings.unseen else ""
    model = output / (f"model{mode}-quick" if settings.quick else f"model{mode}")
    facesets = {"a": [path_text(path) for path in trained_on], "b": [path_text(path) for path in faces_b]}
    if checkpoint.exists(model) and checkpoint.read_card(model).facesets != facesets:
        raise SettingsError("output", output, f"{model} was trained on other clips; choose another folder")
    for clip, path in zip((*clips_a, *clips_b), (*faces_a, *faces_b), strict=True):
        timed("extract", partial(_extract_faces, clip, path, run))
    limits = Limits(iterations=QUICK_ITERATIONS) if settings.quick else Limits(minutes=settings.minutes)
    # Saving every hundred iterations, which is every few seconds here, would cost a tenth of the time.
    training = TrainSettings(
        limits=limits,
        compute=TrainCompute(device=settings.device),
        saving=Saving(interval=0),
    )
    timed("train", lambda: train(trained_on, faces_b, model, training, run=run))
    run.check()  # a cancelled training returns what it has; the next run resumes it

    source, faces = clips_a[-1], faces_a[-1]
    swap = output / f"swap{mode}.mp4"
    video = ClipEncoding(preset="ultrafast" if settings.quick else ClipEncoding().preset)
    conversion = ConvertSettings(
        compute=ConvertCompute(device=settings.device), overwrite=True, encoding=video
    )
    timed("convert", lambda: convert(source, model, swap, conversion, faceset=faces, run=run))
    comparison = output / f"side-by-side{mode}.mp4"
    timed("pictures", lambda: side_by_side(source, swap, comparison, video, run))
    sheet = output / f"contact-sheet{mode}.png"
    timed("pictures", lambda: write_png(sheet, contact_sheet(source, swap, faces)))

    evaluation = timed(
        "measure",
        lambda: evaluate([swap], source, faces_b, faceset=faces, a=faces_a[:-1], model=model, run=run),
    )
    report = swap.with_suffix(".html")  # where a project has it
    write_report(evaluation, report)
    if not (output / FILE).exists():
        left_out = clips_a[-1] if settings.unseen else None
        _write_project(output, (clips_a, clips_b), left_out, model, swap, training)
    card = checkpoint.read_card(model)
    found = evaluation.results[0]
    measures = {"frames": len(found.index), **{name: found.value(name) for name in found.outcomes}}
    facts = {"seconds": seconds, "iterations": card.iteration, "faces_seen": card.faces_seen}
    text = json.dumps({**facts, "measures": measures}, indent=1)
    write_whole(output / f"measures{mode}.json", f"{text}\n".encode())
    return DemoResult(swap, comparison, sheet, model, report, seconds, evaluation)


def _write_project(
    output: Path,
    clips: tuple[Sequence[Path], Sequence[Path]],
    left_out: Path | None,
    model: Path,
    swap: Path,
    training: TrainSettings,
) -> None:
    """Write the ``project.yaml`` of what was made, to go on from there."""
    people = {}
    for side, found in zip("ab", clips, strict=True):
        entries: list[dict[str, Any]] = []
        for clip in found:
            entry = {"path": path_in_project(output, clip), "faceset": f"faces-{side}/{clip.stem}"}
            entries.append(entry if clip != left_out else {**entry, "train": False})
        people[side] = {"clips": entries}
    content = {
        "schema": SCHEMA,
        "people": people,
        "models": {"a-b": {"a": "a", "b": "b", "folder": model.name}},
        "results": {
            swap.stem: {
                "clip": path_in_project(output, clips[0][-1]),
                "a": "a",
                "b": "b",
                "model": "a-b",
                "output": swap.name,
            }
        },
        "settings": {"train": {"limits": {"minutes": training.limits.minutes}}},
    }
    write_content(output, content)


def _extract_faces(clip: Path, path: Path, run: Run) -> None:
    """Extract the faceset of ``clip``, unless an earlier run did."""
    if path.exists():
        with Faceset.open(path) as faceset:
            if faceset.complete and faceset.source.sha256 == source_hash(clip):
                run.notice("demo.reused", f"{path}: reusing the faces of {clip.name}")
                return
    extract(clip, path, ExtractSettings(), run=run)


def side_by_side(
    left: Path, right: Path, output: Path, settings: ClipEncoding, run: Run | None = None
) -> None:
    """Write two clips of equal length and size side by side, with the sound of the left one."""
    first, second = open_source(left), open_source(right)
    info = replace(first.info, width=first.info.width + second.info.width)
    with open_sink(
        output,
        info,
        settings,
        audio_from=left if first.info.has_audio else None,
        overwrite=True,
        marking=make_marking(ConvertSettings(), right, output),
    ) as sink:
        for a, b in (run or Run()).each(zip(first.frames(), second.frames(), strict=True)):
            sink.write(a.with_pixels(np.hstack([to_eight_bits(frame.pixels()) for frame in (a, b)])))


def contact_sheet(source: Path, result: Path, faceset: Path) -> Image:
    """Faces of ``source`` above those of ``result``, in two rows of eight, evenly spread over the clip."""
    with Faceset.open(faceset) as store:
        faces = {face.frame_index: face for face in reversed(store.faces())}
    if not faces:
        raise InputError(f"{faceset}: there are no faces to show")
    order = sorted(faces)
    positions = np.linspace(0, len(order) - 1, min(2 * _COLUMNS, len(order)))
    chosen = [order[round(float(position))] for position in positions]
    tiles: dict[int, list[Image]] = {index: [] for index in chosen}
    for clip in (source, result):
        for frame in frames_at(open_source(clip), sorted(tiles)):
            face = faces[frame.index]
            place = InputCrop(_TILE, 1.0).alignment(face.alignment, face.crop_size)
            tiles[frame.index].append(_numbered(extract_crop(frame.rgb(), place, _TILE), frame.index))
    return _grid([np.vstack(tiles[index]) for index in chosen])


def _numbered(tile: Image, number: int) -> Image:
    marked = tile.copy()
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(marked, str(number), (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, width, cv2.LINE_AA)
    return marked


def _grid(tiles: Sequence[Image]) -> Image:
    rows = [list(tiles[start : start + _COLUMNS]) for start in range(0, len(tiles), _COLUMNS)]
    blank = np.full_like(tiles[0], 255)
    for row in rows:
        row.extend([blank] * (_COLUMNS - len(row) if len(rows) > 1 else 0))
    return np.vstack([np.hstack(row) for row in rows])
