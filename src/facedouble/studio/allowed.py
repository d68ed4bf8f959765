"""Paths that a person types: only what lies in the folders that were allowed at the start."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facedouble.errors import InputError
from facedouble.video.images import IMAGE_SUFFIXES
from facedouble.video.registry import CLIP_FORMATS

_MOST_OFFERED = 60
_CLIPS = {*CLIP_FORMATS, ".avi", ".mpg", ".mxf", ".m4v", ".ts"}
_OFFERED = {*_CLIPS, *IMAGE_SUFFIXES, ".pdf", ".pem", ".crt", ".key"}


@dataclass(frozen=True, slots=True)
class Offer:
    """How a path that was typed in part may go on; ``folder``: more can follow."""

    path: str
    name: str
    folder: bool


class AllowedFolders:
    """``folders``, with all links resolved. Nothing hidden in them counts as allowed."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(dict.fromkeys(folder.resolve() for folder in folders))

    def resolve(self, typed: str) -> Path:
        """The file or folder that was typed, with all links resolved.

        Raises ``InputError`` where it is not inside an allowed folder, hidden, or not there.
        """
        path = self._full(typed)
        if not self._holds(path):
            listed = ", ".join(str(folder) for folder in self.folders)
            raise InputError(
                f"{typed!r:.200} is not in a folder that this studio may read ({listed}); "
                "start it with another folder allowed"
            )
        if not path.exists():
            raise InputError(f"{typed!r:.200}: there is no such file")
        return path

    def offers(self, typed: str) -> list[Offer]:
        """How a path may go on: folders, clips, pictures, PDFs and certificates whose names begin with what
        was typed last."""
        if not typed:
            return [Offer(f"{folder}{os.sep}", str(folder), True) for folder in self.folders]
        begun = typed if typed.endswith(os.sep) else str(Path(typed).parent)
        start = "" if typed.endswith(os.sep) else Path(typed).name.lower()
        try:
            folder = self._full(begun)
            if not self._holds(folder):
                return []
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name.lower())
        except (InputError, OSError):
            return []
        found = []
        for entry in entries:
            name = entry.name
            if name.startswith(".") or not name.isprintable() or not name.lower().startswith(start):
                continue
            if not self._holds(Path(entry.path).resolve()):
                continue
            if entry.is_dir():
                found.append(Offer(f"{folder / name}{os.sep}", name, True))
            elif Path(name).suffix.lower() in _OFFERED:
                found.append(Offer(str(folder / name), name, False))
        return found[:_MOST_OFFERED]

    def _full(self, typed: str) -> Path:
        if not typed or not typed.isprintable() or not Path(typed).is_absolute():
            raise InputError(f"{typed!r:.200} is not a whole path; begin with {os.sep}")
        try:
            return Path(typed).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(f"{typed!r:.200} is not a path") from error

    def _holds(self, path: Path) -> bool:
        for folder in self.folders:
            if path.is_relative_to(folder):
                return not any(part.startswith(".") for part in path.relative_to(folder).parts)
        return False
