"""How near a conversion comes to the fastest it could be: ``python -m benchmarks.convert [MODEL ...]``.

In one run, on a clip of the demonstration: decoding alone; the baseline, which is how results were written
before, every frame turned into RGB and encoded; the floor, which is decoding and encoding the planes as they
are, with the same settings of the encoder and nothing between; the program end to end with each model,
everything included but finding faces, which is done once beforehand; and for which part of the time each of
its stages was at work.

Every figure is the best of two runs. The processor's time is that of all threads together, and also means
something where other work is on the same processors. Models are trained for a few iterations: only their
speed counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.material import facesets_of_demo, hardly_trained
from benchmarks.table import Cell, Table, print_tables
from facedouble.assets import demo_clips
from facedouble.conversion.pipeline import ConvertResult, convert
from facedouble.models.registry import MODELS
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.options import from_options
from facedouble.settings.video import ClipEncoding
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source

_MODELS = ("quick", "original")
_STAGES = ("decode", "cut", "network", "compose", "encode")
_SPEED = ("", "frames a second", "ms of a processor a frame", "of the floor", "by processor")


@dataclass(frozen=True, slots=True)
class Pace:
    """Frames a second by the clock, and milliseconds of a processor's time for a frame."""

    frames: float
    processor: float


def pace(work: Callable[[], int], repeats: int) -> Pace:
    """The best of several runs of ``work``, which returns how many frames it did."""
    rates, costs = [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), time.process_time()
        count = work()
        rates.append(count / (time.perf_counter() - start))
        costs.append((time.process_time() - used) / count * 1e3)
    return Pace(max(rates), min(costs))


def decode(clip: Path) -> int:
    """Read every frame, in the planes it is decoded to."""
    return sum(1 for _ in open_source(clip).frames())


def decode_to_rgb(clip: Path) -> int:
    """Read every frame and turn all of it into RGB."""
    return sum(frame.rgb() is not None for frame in open_source(clip).frames())


def copy(clip: Path, folder: Path, video: ClipEncoding, *, through_rgb: bool) -> int:
    """Read and write every frame and do nothing in between."""
    source = open_source(clip)
    count = 0
    with open_sink(folder / "copy.mp4", source.info, video, audio_from=clip, overwrite=True) as sink:
        for frame in source.frames():
            sink.write(frame.with_pixels(frame.rgb()) if through_rgb else frame)
            count += 1
    return count


def measure(
    names: Sequence[str] = _MODELS, preset: str = "medium", device: str = "auto", repeats: int = 2
) -> list[Table]:
    """The floor, and the program with each of the models named."""
    clip, video = demo_clips().a[-1], ClipEncoding(preset=preset)
    settings = from_options(ConvertSettings, device=device, overwrite=True, encoding=video)
    speed: list[list[Cell]] = []
    stages: list[list[Cell]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        facesets = facesets_of_demo(folder, every_a=1)
        models = [hardly_trained(facesets, folder / name, name) for name in names]
        floor = pace(partial(copy, clip, folder, video, through_rgb=False), repeats)

        def add(what: str, found: Pace, *, compared: bool = True) -> None:
            parts = (found.frames / floor.frames, floor.processor / found.processor)
            shown: list[Cell] = [f"{part:.0%}" for part in parts] if compared else [None, None]
            speed.append([what, found.frames, found.processor, *shown])

        add("decoding", pace(partial(decode, clip), repeats), compared=False)
        add("decoding to RGB", pace(partial(decode_to_rgb, clip), repeats), compared=False)
        add(
            f"decoding, RGB, {video.codec} crf {video.crf}, {preset} (the way before)",
            pace(partial(copy, clip, folder, video, through_rgb=True), repeats),
        )
        add(f"the floor: decoding, {video.codec} crf {video.crf}, {preset}", floor)
        for name, model in zip(names, models, strict=True):
            results: list[ConvertResult] = []

            def work(model: Path = model, results: list[ConvertResult] = results) -> int:
                result = convert(clip, model, folder / "out.mp4", settings, faceset=facesets["a"][0])
                results.append(result)
                return result.frames

            add(f"convert, {name}", pace(work, repeats))
            shares = min(results, key=lambda result: result.seconds).stage_utilisation
            stages.append([name, *(f"{shares[stage]:.0%}" for stage in _STAGES)])
    return [Table("convert-speed", _SPEED, speed), Table("convert-stages", ("at work", *_STAGES), stages)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convert", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="MODEL", help=f"of: {', '.join(MODELS)} (default {' and '.join(_MODELS)})"
    )
    parser.add_argument("--preset", default="medium", help="of the encoder")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    print_tables(measure(options.names or _MODELS, options.preset, options.device, options.repeats))


if __name__ == "__main__":
    main()
