"""Memory of an extraction that lasts: ``python -m benchmarks.endurance [--frames N] [CLIP]``.

A clip of the demonstration is repeated until it has 20,000 frames, and extracted. What all processes use is
looked at twice a second; the table has the most of each tenth of the time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.extract import decode, family, looped, resident
from benchmarks.table import Cell, Table, print_tables
from facedouble.assets import demo_clips

FRAMES = 20_000


def memory_over_time(clip: Path, output: Path) -> list[float]:
    """MB of memory in use by an extraction, twice a second."""
    command = [sys.executable, "-m", "facedouble", "extract", "-i", str(clip), "-o", str(output)]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    used = []
    while run.poll() is None:
        used.append(sum(map(resident, family(run.pid))) / 1e6)
        time.sleep(0.5)
    if run.returncode:
        raise RuntimeError(f"extraction of {clip} failed")
    return used


def measure(clip: Path | None = None, frames: int = FRAMES) -> list[Table]:
    """The most memory in each tenth of a long extraction."""
    clip = clip or demo_clips().b[-1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        times = -(-frames // decode(clip))
        used = memory_over_time(looped(clip, folder / "long.mkv", times), folder / "faces")
    parts = [used[len(used) * tenth // 10 : len(used) * (tenth + 1) // 10] for tenth in range(10)]
    rows: list[list[Cell]] = [
        [f"{10 * tenth} to {10 * (tenth + 1)}% of the time", max(part, default=None)]
        for tenth, part in enumerate(parts)
    ]
    return [Table("endurance", [f"{frames:,} frames, memory of all processes", "MB"], rows)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path, metavar="CLIP", help="instead of the demonstration's")
    parser.add_argument("--frames", type=int, default=FRAMES, help=f"({FRAMES})")
    arguments = parser.parse_args()
    print_tables(measure(arguments.clip, arguments.frames))


if __name__ == "__main__":
    main()
