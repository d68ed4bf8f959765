"""The SQLite file of a faceset: how it comes to be, and what its errors say."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from facedouble.errors import InputError, OutputError
from facedouble.faceset import schema
from facedouble.faceset.codec import FILE, SOURCE, SourceFile, SourceRecord
from facedouble.faceset.layout import CROPS, DATABASE, check_layout


def create_database(path: Path, source: SourceRecord, files: Iterable[SourceFile]) -> None:
    """Make the folders and the database of a new, empty faceset in ``path``.

    It gets its name when it has its tables. Raises ``OutputError`` if it cannot be written.
    """
    draft = path / (DATABASE + ".new")
    check_layout(path)
    try:
        (path / CROPS).mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        database = schema.create(draft)
        try:
            database.execute(SOURCE.upsert, SOURCE.to_row(source))
            database.executemany(FILE.upsert, map(FILE.to_row, files))
            database.commit()
        finally:
            database.close()
        draft.rename(path / DATABASE)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
    except sqlite3.OperationalError as error:
        raise OutputError(f"{path}: cannot be written ({error})") from error


@contextmanager
def input_errors(path: Path, database: sqlite3.Connection) -> Generator[None]:
    """Turns damage in the middle of the file, which opening does not notice, and queries without end into an
    ``InputError`` about the faceset in ``path``."""
    try:
        with schema.time_limit(database):
            yield
    except (sqlite3.DatabaseError, ValueError) as error:
        raise InputError(schema.damaged(path / DATABASE, error)) from error


@contextmanager
def output_errors(path: Path) -> Generator[None]:
    """Turns what SQLite and the system say about a full or read-only disk, inside the ``with``, into an
    ``OutputError`` about ``path``."""
    advice = "fix that and run it again; it resumes"
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OutputError(f"{path}: cannot be written ({error}); {advice}") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); {advice}") from error
