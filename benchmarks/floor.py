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

from facedouble.assets import demo_clips
from facedouble.config import VideoSettings
from facedouble.faces.detect import make_detector
from facedouble.faces.identity import DlibDescriptor
from facedouble.faces.landmarks import DlibLandmarks
from facedouble.models import MODELS, build
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


def forward_flops(name: str) -> float:
    """Operations of the convolutions and dense layers for one face, encoder and one decoder."""
    model = build(name).eval()
    total = 0

    def count(layer: torch.nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(layer, torch.nn.Conv2d):
            per_output = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
            total += 2 * per_output * output[0].numel()
        elif isinstance(layer, torch.nn.Linear):
            total += 2 * layer.in_features * layer.out_features

    for layer in model.modules():
        layer.register_forward_hook(count)
    with torch.no_grad():
        model(torch.rand(1, 3, model.resolution, model.resolution), "a", "a")
    return float(total)


def training_step(name: str, recipe: Recipe) -> Callable[[], None]:
    """One whole step on random pictures: pairs, both sides, losses, backward, Adam."""
    model = build(name)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(model.parameters(), recipe.learning_rate, fused=True)
    random = torch.Generator().manual_seed(0)
    raw = torch.rand(recipe.batch_size, 4, 2 * model.resolution, 2 * model.resolution, generator=random)
    sides: tuple[Side, Side] = ("a", "b")

    def step() -> None:
        loss = torch.zeros(())
        for side in sides:
            pairs = make_pairs(raw, model.resolution, recipe.warp, 1.0, random)
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


def main() -> None:
    """Measure and print."""
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

    count = len(frames)
    print(
        f"{clip.name}, {image.shape[1]}x{image.shape[0]}, {count} frames, {torch.get_num_threads()} threads"
    )
    print(f"decoding                        {count / best(decode):8.0f} frames/s")
    to_rgb = best(lambda: list(open_source(clip).frames()))
    print(f"decoding to RGB                 {count / to_rgb:8.0f} frames/s")
    print(f"decoding, RGB, x264 crf 15      {count / best(write, 1):8.0f} frames/s")

    detector, landmarks, descriptor = make_detector("hog"), DlibLandmarks(), DlibDescriptor()
    box = detector.detect(image)[0].box
    points = landmarks.predict(image, box)
    print(f"HOG detector                    {1e3 * best(lambda: detector.detect(image)):8.1f} ms")
    print(f"landmarks, twice                {1e3 * best(lambda: landmarks.predict(image, box)):8.1f} ms")
    print(f"descriptor                      {1e3 * best(lambda: descriptor.describe(image, points)):8.1f} ms")

    fp32 = product_rate(torch.float32, 2048)
    bf16 = product_rate(torch.bfloat16, 256)
    print(f"matrix product 2048, fp32       {fp32:8.0f} GFLOP/s")
    print(f"matrix product 256, bf16        {bf16:8.1f} GFLOP/s")
    for name, known in MODELS.items():
        step = training_step(name, known.recipe)
        step()
        faces = 2 * known.recipe.batch_size / best(step)
        # Backward costs about twice forward.
        rate = 3 * forward_flops(name) * faces / 1e9
        print(
            f"train {name:9} batch 2x{known.recipe.batch_size:<3}      {faces:8.0f} faces/s, "
            f"{rate:.0f} GFLOP/s, {rate / fp32:.0%} of the product's rate"
        )


if __name__ == "__main__":
    main()
