"""What finding faces costs at least: every network by itself: ``python -m benchmarks.networks``.

Multiplications are counted from the files. A core's own rate, measured by a matrix product in the same run,
says how many milliseconds they would take if nothing else did.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.table import Cell, Table, print_tables
from facedouble.networks import inference, mediapipe
from facedouble.networks.face_descriptor import DESCRIPTOR_FILE
from facedouble.networks.shipped import FOLDER
from facedouble.networks.tflite import read_tflite
from facedouble.types import FloatArray, Image

REPEATS = 40
NETWORKS: dict[str, tuple[str, Callable[[str], inference.ArrayNetwork], tuple[int, ...]]] = {
    "478 landmarks": (mediapipe.LANDMARKS_FILE, inference.face_landmarks, (256, 256, 3)),
    "detector": (mediapipe.DETECTOR_FILE, inference.full_range, (192, 192, 3)),
    "52 expressions": (mediapipe.BLENDSHAPES_FILE, inference.blendshapes, (146, 2)),
    "descriptor": (DESCRIPTOR_FILE, inference.face_descriptor, (150, 150, 3)),
}
"""Each network: its file, what runs it, the shape of a sample."""


def multiplications(file: str) -> int:
    """How many a sample takes in convolutions and products."""
    graph = read_tflite(FOLDER / file)
    total = 0
    for operation in graph.operations:
        if operation.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            continue
        weights = graph.tensors[operation.inputs[1]].shape
        result = math.prod(graph.tensors[operation.outputs[0]].shape)
        per_value = weights[1] * weights[2] if operation.kind[0] == "D" else math.prod(weights[1:])
        total += result * per_value
    return total


def milliseconds(work: Callable[[], object]) -> float:
    """The shortest time that it takes, of several, in ms of this thread's processor time."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return 1e3 * min(times)


def sample(shape: tuple[int, ...]) -> Image | FloatArray:
    """A batch of one that such a network takes."""
    values = np.random.default_rng(0).random((1, *shape), dtype=np.float32) * 255
    return values.astype(np.uint8) if len(shape) == 3 else values


def measure() -> list[Table]:
    """Multiplications, and milliseconds of one core by LiteRT and by PyTorch."""
    torch.set_num_threads(1)
    square = torch.randn(1024, 1024)
    rate = 1024**3 / milliseconds(lambda: square @ square)  # a millisecond
    rows: list[list[Cell]] = []
    for name, (file, load, shape) in NETWORKS.items():
        batch, count = sample(shape), multiplications(file)
        times = []
        for device in ("cpu", "cpu:0"):  # under the second name PyTorch runs it
            network = load(device)
            times.append(milliseconds(lambda: network(batch)))  # noqa: B023
        rows.append([name, count / 1e6, count / rate, *times])
    columns = [
        "ms of one core",
        "million multiplications",
        "they alone, at a matrix product's rate",
        "LiteRT",
        "PyTorch",
    ]
    return [Table("networks", columns, rows)]


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(prog="python -m benchmarks.networks", description=__doc__).parse_args()
    print_tables(measure())


if __name__ == "__main__":
    main()
