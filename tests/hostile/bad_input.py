"""One bad input: how it is made, and the command that gets it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

Make = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class BadInput:
    """``make`` changes a folder that holds a copy of the good files; ``command`` then runs in it.

    ``harmless``: the command may also end well. ``verdict``: it reports on standard output instead of
    failing. ``spoils`` are files that ``make`` writes over.
    """

    name: str
    make: Make
    command: list[str]
    harmless: bool = False
    verdict: bool = False


CONVERT = ["convert", "-i", "clip.mp4", "-a", "faces", "-m", "model", "-o", "out.mp4"]
TRAIN = ["train", "-A", "faces", "-B", "faces", "-m", "model", "--iterations", "1"]
FACES = ["faces", "faces"]
REBUILD = ["faces", "faces", "--rebuild"]
EXTRACT = ["extract", "-i", "bad", "-o", "new", "-j", "1"]


def writes(name: str, data: bytes | str) -> Make:
    """Makes a file, and the folders above it."""

    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape"))

    return make


def both(*makes: Make) -> Make:
    def make(folder: Path) -> None:
        for one in makes:
            one(folder)

    return make


def table(kind: str, command: list[str], makes: Iterable[tuple[str, Make]], **how: bool) -> list[BadInput]:
    """Inputs of one kind for one command."""
    return [BadInput(f"{kind}: {name}", make, command, **how) for name, make in makes]
