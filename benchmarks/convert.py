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
from functools import partial
from pathlib import Path

from facedouble.assets import demo_clips
from facedouble.config import ConvertSettings, ExtractSettings, VideoSettings
from facedouble.conversion.pipeline import ConvertResult, convert
from facedouble.extraction.extract import extract
from facedouble.models import MODELS, build, checkpoint
from facedouble.models.checkpoint import ModelCard
from facedouble.video import open_sink, open_source


def frames_a_second(work: Callable[[], int], repeats: int) -> float:
    """The best of several runs of ``work``, which returns how many frames it did."""
    best = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        count = work()
        best = max(best, count / (time.perf_counter() - start))
    return best


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
    options = parser.parse_args()
    clip = demo_clips().a[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        faceset = options.faceset or folder / "faces"
        if options.faceset is None:
            extract(clip, faceset, ExtractSettings())
        info = open_source(clip).info
        print(f"{clip.name}, {info.width}x{info.height}, {info.frames} frames; frames a second:")
        _line("decoding", frames_a_second(partial(decode, clip), options.repeats))
        _line("decoding to RGB", frames_a_second(partial(decode_to_rgb, clip), options.repeats))
        models = [options.model] if options.model else []
        models += [untrained(name, options.model, folder / name) for name in MODELS]
        for video in (VideoSettings(), VideoSettings(preset="veryfast")):
            print(f"{video.codec} crf {video.crf}, {video.preset}")
            through = partial(copy, clip, folder, video, through_rgb=True)
            _line("  decode, RGB, encode", frames_a_second(through, options.repeats))
            straight = partial(copy, clip, folder, video, through_rgb=False)
            floor = frames_a_second(straight, options.repeats)
            _line("  floor: decode, encode", floor)
            settings = ConvertSettings(device=options.device, overwrite=True, video=video)
            for model in models:
                results: list[ConvertResult] = []
                work = partial(converted, clip, model, folder / "out.mp4", settings, faceset, results)
                rate = frames_a_second(work, options.repeats)
                shares = min(results, key=lambda result: result.seconds).shares
                at_work = ", ".join(f"{stage} {share:.0%}" for stage, share in shares.items())
                name = checkpoint.read_card(model).trainer + (" (trained)" if model == options.model else "")
                _line(f"  convert, {name}", rate, f"{rate / floor:.0%} of the floor; at work: {at_work}")


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


def _line(what: str, rate: float, more: str = "") -> None:
    print(f"{what:<32}{rate:7.1f}  {more}".rstrip())


if __name__ == "__main__":
    main()
