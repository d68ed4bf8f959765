"""How fast training is: ``python -m benchmarks.train [MODEL ...]``.

Every model in both precisions, by the real parts of the real loop: faces of the demonstration's clips,
drawn, warped and coloured, both sides through the network, losses, backward, Adam, averaged weights.
Operations are counted by PyTorch in a real step (``FlopCounterMode``) and held against the rate of a
large matrix product of the same precision, measured in the same run just before.

The baseline is the plain way, on the same faces in the same run: the same network in fp32, channels
first, each side by itself, Adam without fusing, each picture warped by itself in Python.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.material import facesets_of_demo
from benchmarks.table import Cell, Table, print_tables
from facedouble.device import choose_device, choose_precision, synchronise, works_beside
from facedouble.models.base import build
from facedouble.models.registry import MODELS
from facedouble.run.run import Run
from facedouble.settings.train import TrainSettings
from facedouble.training import schedule
from facedouble.training.dataset import SideDataset
from facedouble.training.loading import load
from facedouble.training.parallel import World
from facedouble.training.registry import RECIPES
from facedouble.training.setup import Setup, prepare
from facedouble.types import SIDES, Side

_PRODUCT, _PRODUCT_ON_GPU = 2048, 8192  # side of the matrices
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_COLUMNS = (
    "model, precision, batch",
    "s an iteration",
    "faces a second",
    "GFLOP/s",
    "of the product",
    "for data",
    "GB estimate",
)


def best(work: Callable[[], object], device: torch.device, seconds: float = 6.0) -> float:
    """Shortest time of ``work``, which is repeated for about so many ``seconds``, twice at least."""
    times: list[float] = []
    while len(times) < 2 or sum(times) < seconds:
        start = time.perf_counter()
        work()
        synchronise(device)
        times.append(time.perf_counter() - start)
    return min(times)


def product_rate(dtype: torch.dtype, device: torch.device) -> float:
    """GFLOP/s of a large square matrix product."""
    size = _PRODUCT_ON_GPU if works_beside(device) else _PRODUCT
    a = torch.randn(size, size, device=device).to(dtype)
    a @ a
    return 2 * size**3 / best(lambda: a @ a, device, 0.5) / 1e9


def step_of(setup: Setup, config: schedule.StepConfig) -> Callable[[], None]:
    """One iteration as the loop does it, with everything but saving."""
    training = setup.state

    def step() -> None:
        losses = setup.step(setup.pairs(config), config)
        training.card.iteration += 1
        training.update_ema()
        training.record_losses(losses)
        if training.losses_due:
            training.flush_losses()

    return step


def measured(
    facesets: Mapping[Side, Sequence[Path]], name: str, precision: str, device: str
) -> list[list[Cell]]:
    """The row of one model, and another with its discriminators where it has them."""
    settings = TrainSettings.read(
        {
            "architecture": {"kind": name},
            "compute": {"precision": precision, "device": device},
            "monitor": {"measure": False},
        }
    )
    setup = prepare(facesets, Path("nowhere"), settings, World(), Run())
    rate = product_rate(_DTYPES[precision], setup.device)
    alone = f"{name}, {precision}, 2x{setup.recipe.batch_size}"
    courses = {alone: 0.0}
    if setup.state.adversary is not None:
        courses[f"{alone}, with its discriminators"] = 1.0
    rows: list[list[Cell]] = []
    for title, progress in courses.items():
        config = schedule.step_config(setup.recipe, settings, setup.state.card, progress)
        step = step_of(setup, config)
        with FlopCounterMode(display=False) as counter:
            step()
        seconds = best(step, setup.device)
        data = best(partial(setup.pairs, config), setup.device, 1.0)
        done = counter.get_total_flops() / seconds / 1e9
        rows.append(
            [
                title,
                seconds,
                setup.faces / seconds,
                done,
                f"{done / rate:.0%}",
                f"{data / seconds:.1%}",
                setup.estimate.total(setup.faces) / 1e9,
            ]
        )
    return rows


def plain_step(data: Mapping[Side, SideDataset], name: str) -> Callable[[], None]:
    """The plain way to write an iteration; see the module's docstring."""
    network, recipe = build(name), RECIPES[name]
    optimizer = torch.optim.Adam(network.parameters(), recipe.learning_rate, recipe.betas, foreach=False)
    size, random = network.resolution, np.random.default_rng(0)
    pictures = {side: data[side].pictures(len(data[side])).permute(0, 2, 3, 1).numpy() for side in SIDES}

    def pair(side: Side) -> tuple[np.ndarray, np.ndarray]:
        picture = pictures[side][random.integers(len(pictures[side]))]
        angle, zoom = random.uniform(-10, 10), random.uniform(0.95, 1.05)
        turn = cv2.getRotationMatrix2D((size / 2, size / 2), angle, zoom)
        turn[:, 2] = turn[:, 2] + random.uniform(-0.05, 0.05, 2) * size
        target = cv2.warpAffine(picture, turn, (size, size), borderMode=cv2.BORDER_REPLICATE)
        if random.random() < 0.4:
            target = target[:, ::-1]
        line = np.linspace(0, size - 1, 5, dtype=np.float32)
        moved = np.stack(np.meshgrid(line, line)) + random.normal(0, size * 0.03, (2, 5, 5)).astype(
            np.float32
        )
        x, y = (cv2.resize(plane, (size, size), interpolation=cv2.INTER_CUBIC) for plane in moved)
        target = np.ascontiguousarray(target)
        bent = cv2.remap(target, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return bent.transpose(2, 0, 1), target.transpose(2, 0, 1)

    def step() -> None:
        for side in SIDES:
            inputs, targets = zip(*(pair(side) for _ in range(recipe.batch_size)), strict=True)
            wanted = torch.from_numpy(np.stack(targets))
            drawn = network(torch.from_numpy(np.stack(inputs)), side, side)
            optimizer.zero_grad()
            (drawn.picture - wanted).abs().mean().backward()
            optimizer.step()

    return step


def plain(facesets: Mapping[Side, Sequence[Path]], name: str) -> list[Cell]:
    """The row of the plain way, on a processor."""
    network, recipe, cpu = build(name), RECIPES[name], torch.device("cpu")
    data = load(facesets, resolution=network.resolution, coverage=recipe.coverage, device=cpu).training
    step, rate = plain_step(data, name), product_rate(torch.float32, cpu)
    with FlopCounterMode(display=False) as counter:
        step()
    seconds = best(step, cpu)
    done = counter.get_total_flops() / seconds / 1e9
    return [
        f"{name}, fp32, 2x{recipe.batch_size}, the plain way",
        seconds,
        2 * recipe.batch_size / seconds,
        done,
        f"{done / rate:.0%}",
        None,
        None,
    ]


def measure(names: Sequence[str] = (), device: str = "auto") -> list[Table]:
    """Every model (or those named) in both precisions, and ``original`` the plain way."""
    names = names or list(MODELS)
    chosen = choose_device(device)
    precisions = ["bf16", "fp32"]
    if choose_precision("auto", chosen) is torch.float32:
        precisions.remove("bf16")  # emulated: minutes for a step
    rows: list[list[Cell]] = []
    with tempfile.TemporaryDirectory() as folder:
        facesets = facesets_of_demo(Path(folder))
        for name in names:
            for precision in precisions:
                rows += measured(facesets, name, precision, device)
            if name == "original" and chosen.type == "cpu":
                rows.append(plain(facesets, name))
    return [Table("train-speed", _COLUMNS, rows)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"of: {', '.join(MODELS)} (default all)")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    print_tables(measure(options.names, options.device))


if __name__ == "__main__":
    main()
