"""What finished steps were made of, and fingerprints of files that are expensive to read."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedouble.json_data import parse_json
from facedouble.project.database import transaction
from facedouble.video.hashing import source_hash
from facedouble.video.sequences import is_there, sequence_pattern


@dataclass(frozen=True, slots=True)
class Record:
    """What a step was made of when it finished: fingerprints of its inputs by path, and its settings."""

    inputs: Mapping[str, str]
    settings: Mapping[str, Any]
    made: float


def read_records(database: sqlite3.Connection) -> dict[str, Record]:
    """All records, by name of the step. One that is damaged is left out, as if there were none."""
    found = {}
    for step, inputs, settings, made in database.execute("SELECT step, inputs, settings, made FROM record"):
        try:
            record = Record(parse_json(inputs), parse_json(settings), float(made))
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(record.inputs, dict) and isinstance(record.settings, dict):
            found[str(step)] = record
    return found


def write_record(
    database: sqlite3.Connection, step: str, inputs: Mapping[str, str], settings: Mapping[str, Any]
) -> None:
    """Note that ``step`` is finished, made of these inputs with these settings."""
    row = (step, json.dumps(dict(inputs)), json.dumps(dict(settings)), time.time())
    with transaction(database):
        database.execute("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)", row)


def forget_record(database: sqlite3.Connection, step: str) -> None:
    """What ``step`` had made is no longer in its place."""
    with transaction(database):
        database.execute("DELETE FROM record WHERE step = ?", (step,))


class Fingerprints:
    """Fingerprints of clips and folders of images. They are read once while size and time of change stay."""

    def __init__(self, database: sqlite3.Connection, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def of(self, path: str) -> str | None:
        """SHA-256 as ``facedouble.video.source.source_hash`` has it; ``None`` where there is no such file.

        ``path`` is relative to the project, or absolute. Raises ``InputError`` for what is no source.
        """
        full = self._folder / path
        if not is_there(full):
            return None
        stamp = _stamp(full)
        row = self._database.execute(
            "SELECT sha256 FROM fingerprint WHERE path = ? AND stamp = ?", (path, stamp)
        ).fetchone()
        if row is not None:
            return str(row[0])
        found = source_hash(full)
        with transaction(self._database):
            self._database.execute(
                "INSERT OR REPLACE INTO fingerprint VALUES (?, ?, ?)", (path, stamp, found)
            )
        return found


def _stamp(path: Path) -> str:
    """Changes when a file is written, or a file of a folder is."""
    folder = path.parent if sequence_pattern(path) is not None else path
    files = sorted(entry for entry in folder.iterdir() if entry.is_file()) if folder.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        found = file.stat()
        digest.update(f"{file.name}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    return digest.hexdigest()
