"""What a training gets of a processor that it shares: ``python -m benchmarks.side_by_side``.

``quick`` by the real parts of the real loop, alone; then two of them at the same time; then one beside a
program that keeps one core busy. The baseline is the training alone: with two at once half of it is a fair
part, beside one busy core two thirds on two cores. User time for a face says how much is spent on waiting.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.material import facesets_of_demo
from benchmarks.table import Cell, Table, print_tables
from facedouble.run.run import Run
from facedouble.settings.train import TrainSettings
from facedouble.training import schedule
from facedouble.training.parallel import World
from facedouble.training.prefetch import Prefetcher
from facedouble.training.setup import prepare
from facedouble.types import SIDES

_READY = 25.0  # seconds in which every process has loaded its faces
_SPIN = "while True: pass"


def one(folder: Path, begin: float, seconds: float) -> dict[str, float]:
    """Train from ``begin`` (of ``time.time``) on for so many seconds, and say how fast it was."""
    settings = TrainSettings.read({"monitor": {"measure": False}, "compute": {"device": "cpu"}})
    facesets = {side: [folder / side] for side in SIDES}
    made = prepare(facesets, Path("nowhere"), settings, World(), Run())
    config = schedule.step_config(made.recipe, settings, made.state.card, 0.5)
    made.state.split_decoders()
    with Prefetcher(made.pairs, made.state.random) as batches:

        def iterate(until: float) -> int:
            count = 0
            while time.time() < until:
                losses = made.step(batches.take(config), config, partial(batches.begin, config))
                made.state.card.iteration += 1
                made.state.update_ema()
                made.state.record_losses(losses)
                made.state.flush_losses()
                count += 1
            return count

        iterate(begin)
        start, used = time.perf_counter(), os.times()
        faces = iterate(begin + seconds) * made.faces
        taken, now = time.perf_counter() - start, os.times()
    return {"faces": faces / taken, "user": 1e3 * (now.user - used.user) / max(faces, 1)}


def together(folder: Path, count: int, seconds: float, *, busy: bool = False) -> list[dict[str, Any]]:
    """What ``count`` trainings say that run at the same time, beside a ``busy`` core if so wanted."""
    begin = time.time() + _READY
    command = [sys.executable, "-m", "benchmarks.side_by_side", "--one", str(folder), str(begin)]
    spinning = subprocess.Popen([sys.executable, "-c", _SPIN]) if busy else None
    try:
        running = [
            subprocess.Popen([*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
            for _ in range(count)
        ]
        return [json.loads(process.communicate()[0]) for process in running]
    finally:
        if spinning is not None:
            spinning.kill()
            spinning.wait()


def measure(seconds: float = 10.0) -> list[Table]:
    """Alone, two at once, and beside a busy core."""
    rows: list[list[Cell]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        facesets_of_demo(folder)
        alone = together(folder, 1, seconds)[0]
        for title, found in (
            ("alone", [alone]),
            ("two at once", together(folder, 2, seconds)),
            ("beside a busy core", together(folder, 1, seconds, busy=True)),
        ):
            for each in found:
                share = f"{each['faces'] / alone['faces']:.0%}"
                rows.append([title, each["faces"], share, each["user"]])
    return [Table("side-by-side", ("", "faces a second", "of alone", "ms of user time a face"), rows)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.side_by_side", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--one", nargs=2, metavar=("FOLDER", "BEGIN"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        folder, begin = options.one
        print(json.dumps(one(Path(folder), float(begin), options.seconds)))
    else:
        print_tables(measure(options.seconds))


if __name__ == "__main__":
    main()
