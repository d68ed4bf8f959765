"""How good a swap some minutes on a device make, and how fast clips are converted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.gpu.context import Context
from facedouble.conversion.pipeline import convert
from facedouble.evaluation.evaluate import evaluate
from facedouble.evaluation.report.page import write_report
from facedouble.extraction.extract import extract
from facedouble.faces.analyser import FaceAnalyser
from facedouble.faceset.store import Faceset
from facedouble.models import checkpoint
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.extract import EveryNth, ExtractSettings
from facedouble.settings.video import ClipEncoding
from facedouble.training.reporter import PREVIEW
from facedouble.types import Image
from facedouble.video.sampling import frames_at
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source

_FRAMES = 8
_FOR_RESULTS = 30.0  # seconds for conversion and pictures after a training
FOR_THE_REST = 160.0  # seconds for the tasks after ``double``


def faces(context: Context) -> dict[str, Any]:
    """Facesets of the clips, which most tasks need; frames/s of their extraction on the processor."""
    facesets = context.facesets
    counts = {}
    for path in (*facesets["a"], *facesets["b"]):
        with Faceset.open(path) as faceset:
            counts[path.name] = len(faceset.faces())
    return {"faces": counts, "frames/s": context.extracted}


def quick(context: Context) -> dict[str, Any]:
    """``quick`` trained for three quarters of a minute, and a clip converted."""
    return _swap(context, "quick", "quick", 0.05 if context.tiny else 0.75, {})


def double(context: Context) -> dict[str, Any]:
    """``double`` at 256 pixels trained for what is left, and a clip converted."""
    seconds = 4.0 if context.tiny else max(context.left() - _FOR_RESULTS - FOR_THE_REST, 60)
    values = {} if context.tiny else {"recipe": {"batch_size": 32}}
    return _swap(context, "double", "double", seconds / 60, values)


def double_384(context: Context) -> dict[str, Any]:
    """The same at 384 pixels, if there is time (crops of 256 pixels hold no more detail than 256)."""
    seconds = 4.0 if context.tiny else context.left() - _FOR_RESULTS
    size = 128 if context.tiny else 384
    return _swap(context, "double-384", "double", seconds / 60, {"architecture": {"resolution": size}})


def _swap(context: Context, name: str, kind: str, minutes: float, values: dict[str, Any]) -> dict[str, Any]:
    model = context.work / f"model-{name}"
    already = checkpoint.read_card(model).seconds if checkpoint.exists(model) else 0.0
    saving = {"saving": {"interval": 0, "minutes": 1.0}}
    limits = {"limits": {"minutes": max(minutes, already / 60)}}
    monitor = {"monitor": {"measure": True, "write_image": True}}
    context.trained(model.name, kind, {**saving, **limits, **monitor, **values})
    card = checkpoint.read_card(model)
    clip, faceset = context.clips["a"][-1], context.facesets["a"][-1]
    swap = context.out / f"swap-{name}.mp4"
    start = time.perf_counter()
    converted = convert(clip, model, swap, _conversion(context), faceset=faceset)
    seconds = time.perf_counter() - start
    # Few files: not every way of bringing them back takes many.
    if name == "double":
        shutil.copyfile(model / PREVIEW, context.out / f"preview-{name}.png")
    _compare(context)
    return {
        "iterations": card.iteration,
        "faces seen": card.faces_seen,
        "seconds of training": card.seconds,
        "faces/s, saves and measures included": card.faces_seen / max(card.seconds, 1e-9),
        "held out": card.measures[-1] if card.measures else None,
        "conversion, frames/s": converted.frames / seconds,
        "slowest stage": converted.slowest_stage,
    }


def evaluation(context: Context) -> dict[str, Any]:
    """What every measure says of the swaps that are there, and the report of ``double``'s."""
    facesets, clip = context.facesets, context.clips["a"][-1]
    values: dict[str, Any] = {}
    for swap in sorted(context.out.glob("swap-*.mp4")):
        name = swap.stem.removeprefix("swap-")
        model, faceset = context.work / f"model-{name}", facesets["a"][-1]
        done = evaluate([swap], clip, facesets["b"], faceset=faceset, a=facesets["a"][:-1], model=model)
        values[name] = {measure: done.results[0].value(measure) for measure in done.results[0].outcomes}
        if name == "double":
            write_report(done, context.out / f"report-{name}.html")
    return values


def _conversion(context: Context) -> ConvertSettings:
    """What is shown to people is marked, as always."""
    return ConvertSettings.read({"compute": {"device": str(context.device)}, "overwrite": True})


def _compare(context: Context) -> None:
    """Eight frames at full size: the source, and beside it every swap that is there, in one JPEG."""
    source = context.clips["a"][-1]
    swaps = sorted(context.out.glob("swap-*.mp4"), key=lambda path: path.stat().st_mtime)
    count = len(open_source(source).index.times)
    numbers = np.linspace(0, count - 1, _FRAMES).round().astype(int).tolist()
    columns = [_some_frames(clip, numbers) for clip in (source, *swaps)]
    rows = [np.hstack(row) for row in zip(*columns, strict=True)]
    names = " | ".join(path.stem for path in (source, *swaps))
    sheet = np.vstack(rows)
    cv2.putText(sheet, names, (8, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255, 255, 255), 2, cv2.LINE_AA)
    _, encoded = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    (context.out / "frames.jpg").write_bytes(encoded.tobytes())


def _some_frames(clip: Path, numbers: Sequence[int]) -> list[Image]:
    return [frame.rgb() for frame in frames_at(open_source(clip), numbers)]


def conversion(context: Context) -> dict[str, Any]:
    """A clip of 1080 and of 2160 lines, made of the demonstration's, converted: frames/s, and the share of
    the time in which each stage was at work."""
    rows: dict[str, Any] = {}
    for lines in (90,) if context.tiny else (1080, 2160):
        clip = _enlarged(context, lines)
        faceset = context.work / f"faces-{lines}"
        if not faceset.exists():
            extract(clip, faceset, ExtractSettings(sampling=EveryNth(every=1)))
        output = context.work / f"swap-{lines}.mp4"
        start = time.perf_counter()
        result = convert(clip, context.hardly_trained, output, _conversion(context), faceset=faceset)
        rows[f"{lines} lines"] = {
            "frames/s": result.frames / (time.perf_counter() - start),
            "swapped": result.frames_swapped,
            "slowest stage": result.slowest_stage,
            "at work": result.stage_utilisation,
        }
    return rows


def _enlarged(context: Context, lines: int) -> Path:
    """The clip that is converted, with so many lines, 60 frames of it."""
    path = context.work / f"clip-{lines}.mp4"
    source = open_source(context.clips["a"][-1])
    width = round(source.info.width * lines / source.info.height / 2) * 2
    like = replace(source.info, width=width, height=lines)
    with open_sink(path, like, ClipEncoding(preset="ultrafast"), audio_from=None, overwrite=True) as sink:
        for frame in source.frames(0, 4 if context.tiny else 60):
            pixels = cv2.resize(frame.rgb(), (width, lines), interpolation=cv2.INTER_CUBIC)
            sink.write(frame.with_pixels(pixels))
    return path


def finding(context: Context) -> dict[str, Any]:
    """Faces found with detector and landmarks on the device and on the processor, one frame after the other
    in one thread: ms a frame, and how far landmarks are apart, in pixels."""
    count = 3 if context.tiny else 30
    frames = [frame.rgb() for frame in open_source(context.clips["a"][-1]).frames(0, count)]
    found, rows = {}, {}
    for device in {str(context.device): None, "cpu": None}:
        analyser = FaceAnalyser(device=device)
        analyser.search_image(frames[0])
        start = time.perf_counter()
        found[device] = [analyser.search_image(frame)[0].landmarks for frame in frames]
        rows[f"{device}, ms a frame"] = (time.perf_counter() - start) / len(frames) * 1e3
    one, other = (found[device] for device in (str(context.device), "cpu"))
    rows["landmarks apart, largest"] = max(
        float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True)
    )
    return rows
