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
from facedouble.assets import demo_clips
from facedouble.device import choose_precision
from facedouble.faces.identity import DlibDescriptor
from facedouble.faces.registry import DETECTORS
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.dlib68_predictor import Dlib68Predictor
from facedouble.settings.video import ClipEncoding
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source


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


def measure() -> list[Table]:
    """What the machine and the parts can do, each by itself."""
    clip = demo_clips().a[1]
    frames = list(open_source(clip).frames())
    image = frames[0].rgb()

    def decode() -> None:
        with av.open(str(clip)) as container:
            container.streams.video[0].thread_type = "AUTO"
            for _ in container.decode(container.streams.video[0]):
                pass

    def decode_to_rgb() -> None:
        for frame in open_source(clip).frames():
            frame.rgb()

    def write() -> None:
        source = open_source(clip)
        with (
            tempfile.TemporaryDirectory() as folder,
            open_sink(
                Path(folder) / "out.mp4", source.info, ClipEncoding(), audio_from=None, overwrite=False
            ) as sink,
        ):
            for frame in source.frames():
                sink.write(frame.with_pixels(frame.rgb()))

    count, size = len(frames), f"{image.shape[1]}x{image.shape[0]}"
    detector, landmarks, descriptor = DETECTORS["hog"]("cpu"), Dlib68Predictor(), DlibDescriptor()
    detections = detector.detect(image)[:1]
    points = [found.points for found in landmarks.predict(image, detections)]
    fp32 = product_rate(torch.float32, 2048)
    rows: list[list[Cell]] = [
        [f"decoding {size}, frames a second", count / best(decode)],
        [
            "decoding to RGB, frames a second",
            count / best(decode_to_rgb),
        ],
        ["decoding, RGB, x264 crf 15, frames a second", count / best(write, 1)],
        ["HOG detector, ms", 1e3 * best(lambda: detector.detect(image))],
        ["landmarks, twice, ms", 1e3 * best(lambda: landmarks.predict(image, detections))],
        ["descriptor, ms", 1e3 * best(lambda: descriptor.describe([image], points, DLIB68))],
        ["matrix product 2048, fp32, GFLOP/s", fp32],
        ["matrix product 2048, bf16, GFLOP/s", product_rate(torch.bfloat16, 256 if emulated() else 2048)],
        ["threads of PyTorch", torch.get_num_threads()],
    ]
    return [Table("floor", ["", "best of three"], rows)]


def emulated() -> bool:
    """Whether bfloat16 is so slow that a large product would take minutes."""
    return choose_precision("auto", torch.device("cpu")) is torch.float32


def main() -> None:
    """Measure and print."""
    print_tables(measure())


if __name__ == "__main__":
    main()
