"""How near a conversion comes to the fastest it could be: ``python -m benchmarks.convert -m MODEL``.

In one run on a clip of the demonstration: the floor, which is decoding and encoding alone with the same
settings of the encoder and nothing between; the program end to end, everything included; and the share of
the time for which each of its stages was at work. Faces are found beforehand, once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from facedouble.assets import demo_clips
from facedouble.config import ConvertSettings, ExtractSettings, VideoSettings
from facedouble.conversion.pipeline import ConvertResult, convert
from facedouble.extraction.extract import extract
from facedouble.models import MODELS, build, checkpoint
from facedouble.models.checkpoint import ModelCard
from facedouble.video import open_sink, open_source


@dataclass(frozen=True, slots=True)
class Pace:
    """Frames a second by the clock, and milliseconds of a processor's time for a frame, all threads
    together; the second also means something where other work is on the same processors."""

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
    return sum(1 for _ in open_source(clip).pictures())


def decode_to_rgb(clip: Path) -> int:
    """Read every frame and turn all of it into RGB."""
    return sum(1 for _ in open_source(clip).frames())


def copy(clip: Path, folder: Path, video: VideoSettings, *, through_rgb: bool) -> int:
    """Read and write every frame and do nothing in between: the floor."""
    source = open_source(clip)
    count = 0
    with open_sink(folder / "floor.mp4", source.info, video, audio_from=clip, overwrite=True) as sink:
        for frame in source.frames() if through_rgb else source.pictures():
            sink.write(frame)
            count += 1
    return count


def untrained(trainer: str, like: Path | None, folder: Path) -> Path:
    """A model of an architecture as it begins, which is as fast as a trained one."""
    network = build(trainer)
    colour = checkpoint.read_card(like).colour if like else {s: [[0.5] * 3, [0.18] * 3] for s in ("a", "b")}
    card = ModelCard(
        trainer, dict(MODELS[trainer].arguments), network.resolution, 0.8, {"a": [], "b": []}, colour
    )
    checkpoint.save(folder, card, network.state_dict(), {})
    return folder


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-m", "--model", type=Path, help="a trained model; also the untrained of each kind")
    parser.add_argument("-a", "--faceset", type=Path, help="of sample_02, if there is one")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--preset", default="medium,veryfast", help="of the encoder, with commas")
    options = parser.parse_args()
    clip = demo_clips().a[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        faceset = options.faceset or folder / "faces"
        if options.faceset is None:
            extract(clip, faceset, ExtractSettings())
        info = open_source(clip).info
        print(f"{clip.name}, {info.width}x{info.height}, {info.frames} frames")
        print(f"{'':<32}{'frames/s':>9}{'ms/frame':>9}")
        _line("decoding", pace(partial(decode, clip), options.repeats))
        _line("decoding to RGB", pace(partial(decode_to_rgb, clip), options.repeats))
        models = [options.model] if options.model else []
        models += [untrained(name, options.model, folder / name) for name in MODELS]
        for video in (VideoSettings(preset=name) for name in options.preset.split(",")):
            print(f"{video.codec} crf {video.crf}, {video.preset}")
            through = partial(copy, clip, folder, video, through_rgb=True)
            _line("  decode, RGB, encode", pace(through, options.repeats))
            straight = partial(copy, clip, folder, video, through_rgb=False)
            floor = pace(straight, options.repeats)
            _line("  floor: decode, encode", floor)
            settings = ConvertSettings(device=options.device, overwrite=True, video=video)
            for model in models:
                results: list[ConvertResult] = []
                work = partial(converted, clip, model, folder / "out.mp4", settings, faceset, results)
                rate = pace(work, options.repeats)
                shares = min(results, key=lambda result: result.seconds).shares
                at_work = ", ".join(f"{stage} {share:.0%}" for stage, share in shares.items())
                name = checkpoint.read_card(model).trainer + (" (trained)" if model == options.model else "")
                part, by_processor = rate.frames / floor.frames, floor.processor / rate.processor
                parts = f"{part:.0%} of the floor, {by_processor:.0%} by processor"
                _line(f"  convert, {name}", rate, f"{parts}; at work: {at_work}")


def converted(
    clip: Path,
    model: Path,
    output: Path,
    settings: ConvertSettings,
    faceset: Path,
    results: list[ConvertResult],
) -> int:
    """The whole program, as the command line calls it."""
    results.append(convert(clip, model, output, settings, faceset=faceset))
    return results[-1].frames


def _line(what: str, rate: Pace, more: str = "") -> None:
    print(f"{what:<32}{rate.frames:7.1f}{rate.processor:9.1f}  {more}".rstrip())


if __name__ == "__main__":
    main()
