"""The demonstration and how good its swap is: ``python -m benchmarks.demonstration [--folder DIR]``.

Both modes of ``facedouble demo``: with the clip that is converted among those trained on, and without
(``--unseen``). What an earlier run left in the folder (``demo/``, as ``make demo`` has it) is used again, and
its steps have no time then; for times, start with an empty folder. The baseline of every measure is its
good range, see docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.table import Cell, Table, print_tables
from facedouble.cli.progress import progress
from facedouble.demo import DemoResult, demo
from facedouble.evaluation.registry import MEASURES, title
from facedouble.run.run import Run
from facedouble.settings.demo import DemoSettings

_KEPT = ("extract", "train")  # steps whose results an earlier run may have left


def measure(folder: Path = Path("demo")) -> list[Table]:
    """Times of both modes' steps, and what every measure says of both swaps."""
    modes: dict[str, DemoResult] = {}
    used_again: dict[str, bool] = {}
    with progress(sys.stderr) as shown:
        for name, unseen in (("seen", False), ("unseen", True)):
            settings = DemoSettings(output=folder, unseen=unseen)
            used_again[name] = (folder / ("model-unseen" if unseen else "model")).exists()
            modes[name] = demo(settings, run=Run([shown]))

    def time(name: str, step: str) -> Cell:
        return None if used_again[name] and step in _KEPT else modes[name].seconds.get(step)

    steps = list(modes["seen"].seconds)
    times: list[list[Cell]] = [[step, *(time(name, step) for name in modes)] for step in steps]
    results = [result.evaluation.results[0] for result in modes.values()]
    rows: list[list[Cell]] = []
    for name, known in MEASURES.items():
        values = [f"{known.describe(result.value(name))} ({result.rate(name)})" for result in results]
        if any(result.value(name) is not None for result in results):
            rows.append([title(name), *values, known.describe_good()])
    return [
        Table("demonstration-times", ["step, seconds", "clip trained on", "clip not seen"], times),
        Table("demonstration-measures", ["", "clip trained on", "clip not seen", "good"], rows),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demonstration", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="folder of the demonstration")
    print_tables(measure(parser.parse_args().folder))


if __name__ == "__main__":
    main()
