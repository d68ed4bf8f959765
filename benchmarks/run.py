"""Run benchmarks and write down what they say: ``make bench``, or ``python -m benchmarks.run [NAME ...]``.

What each returns is kept in ``benchmarks/results/MACHINE.json`` beside the results of the others, and the
tables of the documents are written anew (``benchmarks/documents.py``). A benchmark that fails is reported and
keeps its older results; the others still run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from benchmarks.documents import documents, tables, update
from benchmarks.machine import Machine, this_machine, versions
from benchmarks.table import Table
from facedouble.files import write_whole

BENCHMARKS: dict[str, str] = {
    "floor": "benchmarks.floor",
    "seek": "benchmarks.seek",
    "train": "benchmarks.train",
    "side_by_side": "benchmarks.side_by_side",
    "choices": "benchmarks.choices",
    "warps": "benchmarks.warps",
    "networks": "benchmarks.networks",
    "extract": "benchmarks.extract",
    "endurance": "benchmarks.endurance",
    "detectors": "benchmarks.detectors",
    "landmarks": "benchmarks.landmarks",
    "turned": "benchmarks.turned",
    "occlusion": "benchmarks.occlusion",
    "convert": "benchmarks.convert",
    "compose": "benchmarks.compose",
    "studio": "benchmarks.studio",
    "machines": "benchmarks.machines",
    "demonstration": "benchmarks.demonstration",
}
"""Each benchmark and its module, in the order they are run."""

RESULTS = Path(__file__).parent / "results"


def run(names: Iterable[str], registry: Mapping[str, str], results: Path, machine: Machine) -> list[str]:
    """Run these benchmarks one after the other and keep their tables in ``results``/MACHINE.json.

    Each result is written as soon as it is there. Returns the names of the benchmarks that failed.
    """
    failed = []
    results.mkdir(parents=True, exist_ok=True)
    path = results / f"{machine.name}.json"
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        start = time.perf_counter()
        try:
            # A process of its own, so that threads, caches and memory of one do not touch the next.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                tables = pool.submit(_measure, registry[name]).result()
        except Exception:  # noqa: BLE001  (told here and by the exit code; the others still count)
            traceback.print_exc()
            failed.append(name)
            continue
        kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"benchmarks": {}}
        kept["machine"] = machine.as_json()
        kept["benchmarks"][name] = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": f"python -m {registry[name]}",
            "versions": versions(),
            "seconds": time.perf_counter() - start,
            "tables": [table.as_json() for table in tables],
        }
        write_whole(path, f"{json.dumps(kept, indent=1, ensure_ascii=False)}\n".encode())
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return failed


def main() -> None:
    """Run what is asked for, or everything, and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(BENCHMARKS)} (default all)")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    names = options.names or list(BENCHMARKS)
    failed = run(names, BENCHMARKS, RESULTS, this_machine())
    update(documents(), tables())
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _measure(module: str) -> list[Table]:
    return list(import_module(module).measure())


if __name__ == "__main__":
    main()
