"""Telling cheaply whether a faceset is as it was, without reading its faces."""

from __future__ import annotations

import hashlib
from pathlib import Path

from facedouble.errors import InputError
from facedouble.faceset.layout import DATABASE, LAYERS, PEOPLE, iter_crops


def faceset_state(path: Path) -> str:
    """SHA-256 of what the faceset at ``path`` knows of its faces: its database and the names given to people,
    which crops there are, and the sizes and times of its layers. Where it is the same, the faces in use and
    their masks are. Raises ``InputError``."""
    digest = hashlib.sha256()
    try:
        for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-journal", PEOPLE):
            if (path / name).exists():
                with (path / name).open("rb") as file:
                    digest.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        for name in iter_crops(path):
            digest.update(f"{name}\n".encode("utf-8", "surrogateescape"))
        for layer in sorted((path / LAYERS).rglob("*")):
            found = layer.stat()
            line = f"{layer.relative_to(path)} {found.st_size} {found.st_mtime_ns}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()
