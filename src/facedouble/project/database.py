"""The project's database, ``.facedouble/jobs.sqlite``: jobs, and what each finished step was made of.

Every change is one transaction, so the file is whole whenever a process is killed. Rollback journal, not
WAL: writes are few, and WAL does not work on network shares.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from facedouble.assets import config_folder
from facedouble.errors import InputError, OutputError
from facedouble.printable import printable
from facedouble.project.file import check_inside, state_folder
from facedouble.project.model import STATE

DATABASE = "jobs.sqlite"
SCHEMA = 1
_WAIT = 20.0  # seconds for another process's transaction to end

_TABLES = """
CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    position REAL NOT NULL,           -- order in the queue
    state TEXT NOT NULL,
    title TEXT NOT NULL,
    step TEXT,                        -- the project's step that it does, if any
    arguments TEXT NOT NULL,          -- JSON list: the command line after "facedouble"
    config TEXT NOT NULL,             -- settings as YAML, '' for none
    folder TEXT NOT NULL,             -- where it runs, relative to the project unless absolute
    executor TEXT NOT NULL,
    after TEXT NOT NULL,              -- JSON list of jobs that must be done before
    record TEXT NOT NULL,             -- JSON: what is noted of the step when it is done
    attempts INTEGER NOT NULL,
    created REAL NOT NULL,            -- times in seconds since 1970
    started REAL,
    ended REAL,
    stop_asked REAL,
    pid INTEGER,
    host TEXT,
    exit_code INTEGER,
    error TEXT NOT NULL,
    progress TEXT NOT NULL            -- JSON
);
CREATE TABLE record (                  -- what a finished step was made of
    step TEXT PRIMARY KEY,
    inputs TEXT NOT NULL,             -- JSON: fingerprints by path
    settings TEXT NOT NULL,           -- JSON: those that decide the result
    made REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE fingerprint (             -- of files, kept while those stay as they are
    path TEXT PRIMARY KEY,
    stamp TEXT NOT NULL,
    sha256 TEXT NOT NULL
) WITHOUT ROWID;
"""


def open_database(folder: Path) -> sqlite3.Connection:
    """The database of the project in ``folder``, made if need be; close it after use.

    Jobs that were queued under another account or on another machine are not run here unasked: they become
    ``cancelled``. Raises ``InputError`` for one that is damaged or of a newer version, ``OutputError`` where
    it cannot be written.
    """
    file = state_folder(folder) / DATABASE
    check_inside(folder, f"{STATE}/{DATABASE}")
    try:
        database = sqlite3.connect(file, timeout=_WAIT, isolation_level=None)
    except sqlite3.Error as error:
        raise OutputError(f"{file}: cannot be opened ({error})") from error
    try:
        database.text_factory = lambda text: text.decode("utf-8", "replace")
        database.execute("PRAGMA trusted_schema = OFF")
        _prepare(database, file)
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. Nobody else writes meanwhile. Raises ``OutputError`` where nothing can be written."""
    try:
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        raise OutputError(f"the project's {DATABASE} cannot be written ({error})") from error
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _prepare(database: sqlite3.Connection, file: Path) -> None:
    try:
        database.execute("PRAGMA cell_size_check = ON")
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":  # it would show in the middle of something
            raise InputError(f"{file}: damaged ({printable(found)}); move it away to begin anew")
        version = _version(database)
        if version == 0:
            with transaction(database):
                if _version(database) == 0:  # nobody else was quicker
                    for statement in _TABLES.split(";\n"):
                        database.execute(statement)
                    database.execute("INSERT INTO note VALUES ('owner', ?)", (_owner(),))
                    database.execute(f"PRAGMA user_version = {SCHEMA}")
        elif version != SCHEMA:
            raise InputError(f"{file}: made by another version of facedouble; move it away to begin anew")
        if _layout(database) != _expected_layout():  # no trigger or view of somebody else's runs here
            raise InputError(f"{file}: its tables are not those of this program; move it away to begin anew")
        _disown(database)
    except (
        sqlite3.DatabaseError,
        UnicodeDecodeError,
    ) as error:  # the second: its own messages quote the file
        raise InputError(f"{file}: damaged ({printable(error)}); move it away to begin anew") from error


def _layout(database: sqlite3.Connection) -> set[tuple[Any, ...]]:
    return set(database.execute("SELECT type, name, sql FROM sqlite_master"))


def _expected_layout() -> set[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.executescript(_TABLES)
        return _layout(database)


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _disown(database: sqlite3.Connection) -> None:
    """Cancel what somebody else queued: a project is handed on as a folder, and its jobs are commands."""
    row = database.execute("SELECT value FROM note WHERE key = 'owner'").fetchone()
    owner = _owner()
    if row is not None and row[0] == owner:
        return
    with transaction(database):
        database.execute(
            "UPDATE job SET state = 'cancelled', stop_asked = NULL, "
            "error = 'queued by another user or on another machine; resume it if it is yours' "
            "WHERE state IN ('queued', 'running')"
        )
        database.execute("INSERT OR REPLACE INTO note VALUES ('owner', ?)", (owner,))


def _owner() -> str:
    """What tells this account from others: a hash of a random key in its configuration folder."""
    file = config_folder() / "project-key"
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=file.parent) as draft:  # readable by this user alone
                draft.write(secrets.token_bytes(32))
                draft.flush()
                with contextlib.suppress(FileExistsError):  # another process was quicker
                    os.link(draft.name, file)
        key = file.read_bytes()
    except OSError as error:
        raise OutputError(f"{file}: cannot be read or made ({error.strerror})") from error
    return hashlib.sha256(key).hexdigest()
