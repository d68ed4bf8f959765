"""Run benchmarks and write down what they say: ``make bench``, or ``python -m benchmarks.run [NAME ...]``.

What each returns goes into ``benchmarks/results/MACHINE.json`` beside what others said before, and the
tables of ``benchmarks/README.md`` are made anew from all files there. A benchmark that fails is told
and leaves its older figures as they are; the others go on.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.machine import Machine, this_machine, versions
from benchmarks.table import Table, markdown
from facedouble.files import write_whole

BENCHMARKS: dict[str, str] = {
    "floor": "benchmarks.floor",
    "train": "benchmarks.train",
    "choices": "benchmarks.choices",
    "warps": "benchmarks.warps",
    "extract": "benchmarks.extract",
    "detectors": "benchmarks.detectors",
    "convert": "benchmarks.convert",
    "compose": "benchmarks.compose",
    "demonstration": "benchmarks.demonstration",
}
"""Each benchmark and its module, in the order they are run."""

FOLDER = Path(__file__).parent
RESULTS, README = FOLDER / "results", FOLDER / "README.md"
_SECTION = re.compile(r"(<!-- table ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def run(names: Iterable[str], registry: Mapping[str, str], results: Path, machine: Machine) -> list[str]:
    """Run these benchmarks one after the other and keep what they say in ``results``/MACHINE.json.

    Each is kept as soon as it is done. Returns the names of those that failed, in whatever way.
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


def written(readme: str, kept: Iterable[Mapping[str, Any]]) -> str:
    """``readme`` with every marked section made anew from the files of results.

    A section has the table of every machine that has one, each under a line that says machine, date,
    versions and command. Raises ``ValueError`` for a table without a place in the text.
    """
    parts: dict[str, list[str]] = {}
    for result in kept:
        machine = Machine(**result["machine"])
        for entry in result["benchmarks"].values():
            head = _head(machine, entry)
            for value in entry["tables"]:
                table = Table.from_json(value)
                parts.setdefault(table.name, []).append(f"{head}\n\n{markdown(table)}\n")
    missing = parts.keys() - {name for _, name, _ in _SECTION.findall(readme)}
    if missing:
        raise ValueError(f"no place in the README for: {', '.join(sorted(missing))}")

    def fill(match: re.Match[str]) -> str:
        text = "\n".join(parts.get(match[2], ["(not measured yet)\n"]))
        return f"{match[1]}\n{text}\n{match[3]}"

    return _SECTION.sub(fill, readme)


def main() -> None:
    """Run what is asked for, or everything, and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(BENCHMARKS)} (default all)")
    parser.add_argument("--tables", action="store_true", help="only write the tables anew")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    names = [] if options.tables else options.names or list(BENCHMARKS)
    failed = run(names, BENCHMARKS, RESULTS, this_machine())
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    write_whole(README, written(README.read_text(encoding="utf-8"), kept).encode())
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _measure(module: str) -> list[Table]:
    return list(import_module(module).measure())


def _head(machine: Machine, entry: Mapping[str, Any]) -> str:
    used = ", ".join(f"{name} {number}" for name, number in entry["versions"].items())
    return f"*{machine.sentence()}; {entry['date'][:10]}, `{entry['command']}`; {used}*"


if __name__ == "__main__":
    main()
