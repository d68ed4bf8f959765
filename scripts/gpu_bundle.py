"""Gathers what a bare machine with a card lacks: ``make gpu-bundle`` writes it to ``build/gpu/``.

For a machine with x86-64 Linux, Python 3.12, an ordinary PyTorch 2.11 or later with CUDA, NumPy, SciPy,
OpenCV, safetensors and rich, and without a network. Each part is a file of at most 60 MiB,
to be brought there one by one or together:

- ``packages.tar.xz``: the packages that such a machine lacks, ready to be imported, in the versions that are
  installed here: all that ``pyproject.toml`` names, and what these need.
- ``project.tar.xz``: this program with its benchmarks, and the demonstration's clips. Facesets are made of
  them there, in seconds, as the networks that find faces come with the program.
- ``run.py`` unpacks what lies beside it and runs ``benchmarks.gpu``.

docs/gpu.md says how to use it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import requires, version
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from facedouble.assets import demo_clips

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 60 * 2**20  # bytes of a part
PRESENT = ("torch", "numpy", "scipy", "opencv-python-headless", "safetensors", "rich")
"""What an image with PyTorch for research has, with all that these need."""

PYTHON = "3.12"

_PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
_SOURCE = ("src", "benchmarks", "pyproject.toml", "LICENSE", "NOTICE")


def main() -> int:
    """Write all parts; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", default=PYTHON, help=f"version of Python there (default: {PYTHON})")
    parser.add_argument("--output", type=Path, default=ROOT / "build/gpu", help="folder of the parts")
    options = parser.parse_args()
    output: Path = options.output
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    names = needed(options.python)
    print(f"packages: {', '.join(names)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        unpack(download(names, Path(folder) / "wheels", options.python), site)
        (site / "PYTHON").write_text(options.python)
        pack(output / "packages.tar.xz", [(site, "site")])
    clips = demo_clips()
    lie_in = clips.a[0].parents[1]
    source = [(ROOT / name, f"project/{name}") for name in _SOURCE]
    pack(output / "project.tar.xz", [*source, (lie_in, "cache/demo-clips")])
    shutil.copyfile(ROOT / "scripts/gpu_run.py", output / "run.py")
    sizes = {path.name: path.stat().st_size for path in sorted(output.iterdir())}
    for name, size in sizes.items():
        print(f"{output / name}: {size / 2**20:.1f} MiB")
    too_large = [name for name, size in sizes.items() if size > LARGEST]
    if too_large:
        print(f"error: larger than {LARGEST / 2**20:.0f} MiB: {', '.join(too_large)}", file=sys.stderr)
    return 1 if too_large else 0


def needed(python: str) -> list[str]:
    """The packages that the program needs, directly or not, but for what is :data:`PRESENT`."""
    environment = {key: str(value) for key, value in default_environment().items()}
    environment |= {"python_version": python, "sys_platform": "linux", "extra": ""}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting = list(project["dependencies"])
    found: set[str] = set()
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        holds = requirement.marker is None or requirement.marker.evaluate(environment)
        if holds and name not in found and name not in PRESENT:
            found.add(name)
            waiting += requires(name) or []
    return sorted(found)


def download(names: Iterable[str], folder: Path, python: str) -> list[Path]:
    """Wheels of these packages for that machine."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", python, "--implementation", "cp"]
    command += [part for name in _PLATFORMS for part in ("--platform", f"{name}_x86_64")]
    subprocess.run([*command, "-d", str(folder), *(f"{name}=={version(name)}" for name in names)], check=True)
    return sorted(folder.glob("*.whl"))


def unpack(wheels: Iterable[Path], site: Path) -> None:
    """Wheels as they are imported: a third smaller when packed together than each by itself."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)


def pack(path: Path, trees: Iterable[tuple[Path, str]]) -> None:
    """Write files and folders, each under the name it is to have, without what Python compiled."""

    def kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return None if "__pycache__" in entry.name else entry

    with tarfile.open(path, "w:xz", preset=6) as archive:
        for tree, name in trees:
            archive.add(tree, name, filter=kept)


if __name__ == "__main__":
    sys.exit(main())
