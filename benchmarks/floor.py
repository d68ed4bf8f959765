"""What this machine can do, and how near the program comes: ``python -m benchmarks.floor``.

Everything is measured in one run, each figure the best of three, so that ratios mean something on a
machine whose speed drifts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import torch

from benchmarks.table import Cell, Table, print_tables
from benchmarks.warps import random_batch
from facedouble.assets import demo_clips
from facedouble.config import VideoSettings
from facedouble.device import choose_precision
from facedouble.faces.detect import make_detector
from facedouble.faces.identity import DlibDescriptor
from facedouble.faces.landmarks import DlibLandmarks
from facedouble.models import MODELS, build
from facedouble.models.flops import training_flops
from facedouble.models.recipe import Recipe
from facedouble.training.losses import detail_l1, dssim, weighted_l1
from facedouble.training.warp import make_pairs
from facedouble.types import Side
from facedouble.video import open_sink, open_source


def best(work: Callable[[], object], repeats: int = 3) -> float:
    """Shortest time of ``work`` in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def product_rate(dtype: torch.dtype, size: int) -> float:
    """GFLOP/s of a ``size`` squared matrix product."""
    a = torch.randn(size, size).to(dtype)
    return 2 * size**3 / best(lambda: a @ a) / 1e9


def training_step(name: str, recipe: Recipe) -> Callable[[], None]:
    """One whole step on random pictures: pairs, both sides, losses, backward, Adam."""
    model = build(name)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(model.parameters(), recipe.learning_rate, fused=True)
    random = torch.Generator().manual_seed(0)
    faces = random_batch(recipe.batch_size, model.resolution)
    sides: tuple[Side, Side] = ("a", "b")

    def step() -> None:
        loss = torch.zeros(())
        for side in sides:
            pairs = make_pairs(faces, model.resolution, recipe.warp, 1.0, random)
            output = model(pairs.inputs, side, side).picture
            loss = loss + weighted_l1(output, pairs.targets, pairs.weights)
            if recipe.dssim:
                loss = loss + recipe.dssim * dssim(output, pairs.targets, pairs.weights)
            if recipe.detail:
                loss = loss + recipe.detail * detail_l1(output, pairs.targets, pairs.weights)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def measure() -> list[Table]:
    """What the machine and the parts can do, each by itself."""
    clip = demo_clips().a[1]
    frames = list(open_source(clip).frames())
    image = frames[0].image

    def decode() -> None:
        with av.open(str(clip)) as container:
            container.streams.video[0].thread_type = "AUTO"
            for _ in container.decode(container.streams.video[0]):
                pass

    def write() -> None:
        source = open_source(clip)
        with (
            tempfile.TemporaryDirectory() as folder,
            open_sink(
                Path(folder) / "out.mp4", source.info, VideoSettings(), audio_from=None, overwrite=False
            ) as sink,
        ):
            for frame in source.frames():
                sink.write(frame)

    count, size = len(frames), f"{image.shape[1]}x{image.shape[0]}"
    detector, landmarks, descriptor = make_detector("hog"), DlibLandmarks(), DlibDescriptor()
    box = detector.detect(image)[0].box
    points = landmarks.predict(image, box)
    fp32 = product_rate(torch.float32, 2048)
    rows: list[list[Cell]] = [
        [f"decoding {size}, frames a second", count / best(decode)],
        ["decoding to RGB, frames a second", count / best(lambda: list(open_source(clip).frames()))],
        ["decoding, RGB, x264 crf 15, frames a second", count / best(write, 1)],
        ["HOG detector, ms", 1e3 * best(lambda: detector.detect(image))],
        ["landmarks, twice, ms", 1e3 * best(lambda: landmarks.predict(image, box))],
        ["descriptor, ms", 1e3 * best(lambda: descriptor.describe(image, points))],
        ["matrix product 2048, fp32, GFLOP/s", fp32],
        ["matrix product 2048, bf16, GFLOP/s", product_rate(torch.bfloat16, 256 if emulated() else 2048)],
        ["threads of PyTorch", torch.get_num_threads()],
    ]
    return [Table("floor", ["", "best of three"], rows), training_rates(fp32)]


def emulated() -> bool:
    """Whether bfloat16 is so slow that a large product would take minutes."""
    return choose_precision("auto", torch.device("cpu")) is torch.float32


def training_rates(fp32: float) -> Table:
    """Training steps on random pictures in fp32, against the rate of the matrix product."""
    rows: list[list[Cell]] = []
    for name, known in MODELS.items():
        step = training_step(name, known.recipe)
        step()
        seconds = best(step)
        faces = 2 * known.recipe.batch_size / seconds
        rate = training_flops(build(name), known.recipe.batch_size) / seconds / 1e9
        rows.append([f"{name}, batch 2x{known.recipe.batch_size}", faces, rate, f"{rate / fp32:.0%}"])
    return Table("floor-training", ["fp32", "faces a second", "GFLOP/s", "of the product"], rows)


def main() -> None:
    """Measure and print."""
    print_tables(measure())


if __name__ == "__main__":
    main()
