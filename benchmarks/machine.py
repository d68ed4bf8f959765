"""What machine and versions a figure is of."""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from facedouble import __version__
from facedouble.device import gpus

_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")  # as Linux calls them
_LIBRARIES = ("torch", "av", "opencv-python-headless", "ai-edge-litert", "dlib-bin", "numpy")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it runs: ``name`` for files, the rest for readers. ``memory`` is in GB, 0 if unknown."""

    name: str
    processor: str
    cores: int
    instructions: list[str]
    memory: float
    gpu: str | None
    system: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        """One line for a table's head."""
        instructions = f" ({', '.join(self.instructions)})" if self.instructions else ""
        memory = f", {self.memory:.0f} GB" if self.memory else ""
        gpu = self.gpu or "no GPU"
        return f"{self.cores} cores of {self.processor}{instructions}{memory}, {gpu}; {self.system}"


def this_machine() -> Machine:
    """The machine this runs on."""
    processor, flags = _processor()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpu = next((text for _, text in gpus()), None)
    parts = [processor, f"{cores} cores", *([flag for flag in flags if "bf16" in flag][:1]), gpu or ""]
    name = re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-")
    return Machine(name, processor, cores, flags, _memory(), gpu, f"{platform.system()} {platform.machine()}")


def versions() -> dict[str, str]:
    """Versions of this program, of Python and of the libraries that do the work, but for those that are not
    there."""
    found = {"facedouble": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _processor() -> tuple[str, list[str]]:
    """Name and notable instructions; the instructions are known on Linux only."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    name = re.search(r"model name\s*: (.+)", text)
    flags = re.search(r"flags\s*: (.+)", text)
    known = set(flags[1].split()) if flags else set()
    return (
        " ".join(name[1].split()) if name else platform.processor() or platform.machine(),
        [flag for flag in _INSTRUCTIONS if flag in known],
    )


def _memory() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return 0.0
