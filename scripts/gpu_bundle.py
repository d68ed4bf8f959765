"""Gathers what a bare machine with a card lacks: ``make gpu-bundle`` writes it to ``build/gpu/``.

For a machine with x86-64 Linux, Python 3.12, an ordinary PyTorch 2.11 or later with CUDA, NumPy, SciPy and
OpenCV, and without a network. Each part is a file of at most 60 MiB, to be brought there one by one or
together:

- ``packages.tar.xz``: the packages that such a machine lacks, ready to be imported, in the versions that are
  installed here.
- ``project.tar.xz``: this program with its benchmarks, and the demonstration's clips. Facesets are made of
  them there, in seconds, as the networks that find faces come with the program.
- ``run.py`` unpacks what lies beside it and runs ``benchmarks.gpu``.

docs/gpu.md says how to use it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from facedouble.assets import demo_clips

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "build/gpu"
LARGEST = 60 * 2**20  # bytes of a part
PACKAGES = (
    "av",
    "c2pa-python",
    "requests",
    "toml",
    "cryptography",
    "cffi",
    "pycparser",
    "pydantic",
    "pydantic_core",
    "annotated-types",
    "typing-inspection",
    "typing_extensions",
    "typer",
    "ruamel.yaml",
)
"""What the program imports, and what these import, but for what an image with PyTorch for research has."""

_PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
_SOURCE = ("src", "benchmarks", "pyproject.toml", "LICENSE", "NOTICE")


def main() -> int:
    """Write all parts; the exit code."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        unpack(download(Path(folder) / "wheels"), site)
        pack(OUTPUT / "packages.tar.xz", [(site, "site")])
    clips = demo_clips()
    lie_in = clips.a[0].parents[1]
    source = [(ROOT / name, f"project/{name}") for name in _SOURCE]
    pack(OUTPUT / "project.tar.xz", [*source, (lie_in, "cache/demo-clips")])
    shutil.copyfile(ROOT / "scripts/gpu_run.py", OUTPUT / "run.py")
    sizes = {path.name: path.stat().st_size for path in sorted(OUTPUT.iterdir())}
    for name, size in sizes.items():
        print(f"{OUTPUT / name}: {size / 2**20:.1f} MiB")
    too_large = [name for name, size in sizes.items() if size > LARGEST]
    if too_large:
        print(f"error: larger than {LARGEST / 2**20:.0f} MiB: {', '.join(too_large)}", file=sys.stderr)
    return 1 if too_large else 0


def download(folder: Path) -> list[Path]:
    """Wheels of :data:`PACKAGES` for that machine."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", "3.12", "--implementation", "cp"]
    command += [part for name in _PLATFORMS for part in ("--platform", f"{name}_x86_64")]
    subprocess.run(
        [*command, "-d", str(folder), *(f"{name}=={version(name)}" for name in PACKAGES)], check=True
    )
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
