"""Unpacks the parts that lie beside this file and runs ``benchmarks.gpu`` from them, without a network.

    python3 run.py --prepare                      # only unpack: for a part that comes by itself
    python3 run.py --minutes 9 --out results      # options of benchmarks.gpu

Everything goes to ``~/facedouble-gpu`` (``$FACEDOUBLE_GPU``). Needs nothing but Python 3.12 and, to run,
the packages that ``scripts/gpu_bundle.py`` takes for granted.
"""

from __future__ import annotations

import os
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Unpack, then run in this process's place; an exit code where it does not."""
    folder = Path(os.environ.get("FACEDOUBLE_GPU") or Path.home() / "facedouble-gpu")
    folder.mkdir(parents=True, exist_ok=True)
    for part in sorted(HERE.glob("*.tar.xz")):
        done = folder / f"{part.name}.{part.stat().st_size}"
        if not done.exists():
            with tarfile.open(part) as archive:
                archive.extractall(folder, filter="data")
            done.touch()
            print(f"{part.name} is unpacked in {folder}", flush=True)
    if sys.argv[1:] == ["--prepare"]:
        return 0
    missing = [name for name in ("site", "project", "cache") if not (folder / name).is_dir()]
    if missing:
        print(f"error: {folder} has no {', '.join(missing)}: unpack the other part first", file=sys.stderr)
        return 1
    built_for = folder / "site/PYTHON"
    here = ".".join(map(str, sys.version_info[:2]))
    if built_for.is_file() and built_for.read_text() != here:
        print(
            f"error: the packages are for Python {built_for.read_text()} and this is {here}: take another "
            f"interpreter, or gather them anew (gpu_bundle.py --python {here})",
            file=sys.stderr,
        )
        return 1
    # What this machine has of itself comes after what was brought.
    paths = [folder / "site", folder / "project/src", folder / "project"]
    os.environ["PYTHONPATH"] = os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")])
    os.environ |= {"FACEDOUBLE_CACHE": str(folder / "cache"), "PYTHONUNBUFFERED": "1"}
    arguments = sys.argv[1:]
    if "--work" not in arguments:
        arguments += ["--work", str(folder / "work")]
    return os.execv(sys.executable, [sys.executable, "-m", "benchmarks.gpu", *arguments])


if __name__ == "__main__":
    sys.exit(main())
