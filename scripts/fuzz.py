"""Feed the readers of files that people exchange with changed files for as long as there is time.

    python scripts/fuzz.py --minutes 60
    python scripts/fuzz.py --minutes 5 --reader clip.mp4 --reader crop.png

Each file is read in a child process, which may take 10 seconds and 2 GB. A file that makes a reader raise
what it must not, hang or die is kept in tests/hostile/corpus/READER/, where the tests find it; the script
then ends with 1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # the tests are no installed package

from tests.hostile.fuzzing import CORPUS, READERS, Reader, mutate, try_one  # noqa: E402

BATCH = 200  # files read by one child
SECONDS = 10
MEMORY = 4 << 30


def run_batch(reader: Reader, seed: bytes, folder: Path, first: int) -> str | None:
    """Read a batch in a child; what went wrong, if anything. The file in question is then at its place."""
    path = folder / reader.name
    path.parent.mkdir(exist_ok=True)
    report = folder / "report.txt"
    report.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
        for number in range(first, first + BATCH):
            signal.alarm(SECONDS)
            try:
                try_one(reader, path, mutate(seed, random.Random(number), texts=reader.texts))
            except BaseException:  # noqa: BLE001  (it is reported, and the child ends)
                report.write_text(traceback.format_exc())
                os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return None
    return report.read_text() if report.exists() else f"ended by {signal.Signals(-code).name}"


def keep(reader: Reader, data: bytes) -> Path:
    """Put a file into the corpus."""
    folder = CORPUS / reader.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(data).hexdigest()[:16]}.bin"
    path.write_bytes(data)
    return path


def main() -> int:
    """Read files until the time is over; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--reader", action="append", choices=sorted(READERS), help="only these; repeat it")
    parser.add_argument("--start", type=int, default=time.time_ns(), help="first random number")
    chosen = parser.parse_args()
    readers = [READERS[name] for name in chosen.reader or READERS]
    end, number, counts, found = (
        time.monotonic() + 60 * chosen.minutes,
        chosen.start,
        dict.fromkeys(READERS, 0),
        set(),
    )
    with tempfile.TemporaryDirectory() as temporary:
        folders = {reader.name: Path(temporary) / str(n) for n, reader in enumerate(readers)}
        seeds = {}
        for reader in readers:
            (folders[reader.name] / "seed").mkdir(parents=True)
            seeds[reader.name] = reader.seed(folders[reader.name] / "seed")
        while time.monotonic() < end:
            for reader in readers:
                wrong = run_batch(reader, seeds[reader.name], folders[reader.name], number)
                counts[reader.name] += BATCH
                if wrong is not None:
                    last = wrong.strip().splitlines()[-3:]
                    if tuple(last) not in found:  # one file for each fault
                        found.add(tuple(last))
                        path = keep(reader, (folders[reader.name] / reader.name).read_bytes())
                        print(f"{path}:\n  " + "\n  ".join(last), flush=True)
            number += BATCH
    for name, count in counts.items():
        if count:
            print(f"{name:24} {count:>9,} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
