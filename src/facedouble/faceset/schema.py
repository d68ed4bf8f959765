"""The SQLite file of a faceset: its tables, how it is opened, and how old ones are brought up to date.

Facesets travel between people, so the file is treated as data from a stranger. Before a row is read, the text
of every table that it defines is looked at: nothing but columns and keys may stand there, so no SQL of the
file's own ever runs (views, triggers, virtual tables, generated columns, checks, collations). Its tables must
be those described here, no cell may be longer than any that is written, and a query that takes unreasonably
long is stopped.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from facedouble.errors import InputError, setting
from facedouble.faceset.codec import FACE, FILE, FRAME, HANDOVER, LAYER, SOURCE

SCHEMA = 5
OLDEST = 2
"""The oldest schema that :data:`MIGRATIONS` can bring up to date."""

_META = "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID"
_LONGEST_CELL = 1 << 26  # bytes; the longest is the index of a long clip with a variable rate, some MiB
_LONGEST_ROW = 1 << 18  # bytes of any other row; a face has some 20 kB
_TABLES = {"meta", "about", "source", "file", "frame", "face", "handover", "layer"}
_TOKEN = re.compile(r'--[^\n]*|\s+|"(\w+)"|(\w+)|[(),]', re.ASCII)
_SECONDS = 120.0  # for one query
_STEPS = 100_000  # of SQLite's virtual machine between looks at the clock
_KEYWORDS = set(
    "create table not null primary key foreign references without rowid integer real text blob".split()  # noqa: SIM905
)
_NOT_NAMES = set(
    "as always check collate conflict constraint default deferrable exists generated on select unique using "  # noqa: SIM905
    "virtual stored temp temporary trigger view begin cast".split()
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}", re.ASCII)


def tables() -> list[str]:
    """The statements that create the tables of the current schema."""
    return [
        _META,
        SOURCE.create_table(),
        FILE.create_table(),
        FRAME.create_table(),
        FACE.create_table("FOREIGN KEY (frame_index) REFERENCES frame"),
        HANDOVER.create_table(),
        LAYER.create_table("FOREIGN KEY (frame_index, face_index) REFERENCES face"),
    ]


def _from_2(database: sqlite3.Connection) -> None:
    """Schema 3: facts about the source in a table of their own, a landmark scheme for every face, hand-made
    edits, expression values, layers; clearer names."""
    for statement in _SCHEMA_3:
        database.execute(statement)


# Written out, so that it makes schema 3 whatever the codec describes by then.
_SCHEMA_3 = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE source (
        path TEXT NOT NULL, sha256 TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
        time_base TEXT NOT NULL, settings TEXT NOT NULL, program TEXT NOT NULL, source_index TEXT,
        PRIMARY KEY (sha256)) WITHOUT ROWID""",
    """INSERT INTO source SELECT
        (SELECT value FROM about WHERE key = 'source'),
        (SELECT value FROM about WHERE key = 'source_sha256'),
        CAST((SELECT value FROM about WHERE key = 'width') AS INTEGER),
        CAST((SELECT value FROM about WHERE key = 'height') AS INTEGER),
        (SELECT value FROM about WHERE key = 'time_base'),
        (SELECT value FROM about WHERE key = 'settings'),
        (SELECT value FROM about WHERE key = 'program'),
        NULL""",
    """INSERT INTO meta
        SELECT CASE key WHEN 'steadied' THEN 'smoothed' ELSE key END, value FROM about
        WHERE key IN ('complete', 'steadied', 'failure')""",
    "INSERT INTO meta VALUES ('schema', '3')",
    "DROP TABLE about",
    "ALTER TABLE frame RENAME TO frame_2",
    """CREATE TABLE frame (
        frame_index INTEGER NOT NULL, pts INTEGER NOT NULL, name TEXT, ends_shot INTEGER NOT NULL,
        problem TEXT, PRIMARY KEY (frame_index)) WITHOUT ROWID""",
    "INSERT INTO frame SELECT frame_index, pts, name, shot_ends, problem FROM frame_2",
    "ALTER TABLE face RENAME TO face_2",
    """CREATE TABLE face (
        frame_index INTEGER NOT NULL, face_index INTEGER NOT NULL,
        left INTEGER NOT NULL, top INTEGER NOT NULL, right INTEGER NOT NULL, bottom INTEGER NOT NULL,
        confidence REAL NOT NULL, scheme TEXT NOT NULL, landmarks BLOB NOT NULL, smoothed BLOB NOT NULL,
        edited INTEGER NOT NULL, alignment BLOB NOT NULL, crop_size INTEGER NOT NULL, descriptor BLOB,
        expression BLOB, sharpness REAL NOT NULL, colour BLOB, motion BLOB, tracklet INTEGER NOT NULL,
        track INTEGER NOT NULL, rotation INTEGER NOT NULL, origin TEXT NOT NULL, status TEXT NOT NULL,
        wanted_distance REAL, unwanted_distance REAL, cropped INTEGER NOT NULL,
        PRIMARY KEY (frame_index, face_index), FOREIGN KEY (frame_index) REFERENCES frame) WITHOUT ROWID""",
    """INSERT INTO face SELECT frame_index, face_index, left, top, right, bottom, confidence, 'dlib68',
        landmarks, steady, 0, alignment, crop_size, descriptor, NULL, sharpness, colour, motion, chain, track,
        rotation, origin, verdict, wanted, unwanted, cut FROM face_2""",
    "DROP TABLE face_2",
    "DROP TABLE frame_2",
    "ALTER TABLE handover RENAME TO handover_2",
    """CREATE TABLE handover (
        tracklet INTEGER NOT NULL, frame_index INTEGER NOT NULL, scheme TEXT NOT NULL,
        landmarks BLOB NOT NULL, motion BLOB, PRIMARY KEY (tracklet)) WITHOUT ROWID""",
    "INSERT INTO handover SELECT chain, frame_index, 'dlib68', landmarks, motion FROM handover_2",
    "DROP TABLE handover_2",
    """CREATE TABLE layer (
        frame_index INTEGER NOT NULL, face_index INTEGER NOT NULL, kind TEXT NOT NULL, maker TEXT NOT NULL,
        maker_name TEXT NOT NULL, maker_version TEXT NOT NULL, created TEXT NOT NULL, alignment BLOB NOT NULL,
        crop_size INTEGER NOT NULL, PRIMARY KEY (frame_index, face_index, kind),
        FOREIGN KEY (frame_index, face_index) REFERENCES face) WITHOUT ROWID""",
)


def _from_3(database: sqlite3.Connection) -> None:
    """Schema 4: the depth of the landmarks."""
    database.execute("ALTER TABLE face ADD COLUMN depth BLOB")
    database.execute("UPDATE meta SET value = '4' WHERE key = 'schema'")


def _from_4(database: sqlite3.Connection) -> None:
    """Schema 5: the files of a folder, each with its digest. They become known when extraction next runs."""
    database.execute(
        "CREATE TABLE file (frame_index INTEGER NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL, "
        "PRIMARY KEY (frame_index)) WITHOUT ROWID"
    )
    database.execute("UPDATE meta SET value = '5' WHERE key = 'schema'")


MIGRATIONS: Sequence[Callable[[sqlite3.Connection], None]] = (_from_2, _from_3, _from_4)
"""``MIGRATIONS[i]`` brings schema ``OLDEST + i`` to the next one. They run inside a transaction."""


def connect(file: Path) -> sqlite3.Connection:
    """Open the database ``file``, brought up to date where it is of an older schema.

    That happens in one transaction; where the file cannot be written, in a copy in memory, which takes no
    writes. Raises ``InputError`` for a file that is damaged, is of a newer schema or has other tables.
    """
    database = _guarded(sqlite3.connect(file, isolation_level="DEFERRED"))
    opened = database
    try:
        with time_limit(opened):
            _check_texts(database, file)
            if _version(database, file) < SCHEMA:
                database = _migrated(database, file)
            _compare(database, file)
        if opened is not database:
            opened.close()
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_ROW)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the second: names in it that are no text
        database.close()
        raise InputError(damaged(file, error)) from error
    except BaseException:
        database.close()
        raise
    return database


def create(file: Path) -> sqlite3.Connection:
    """A new database ``file`` with the tables of the current schema and nothing else."""
    database = _guarded(sqlite3.connect(file))
    for statement in tables():
        database.execute(statement)
    database.execute("INSERT INTO meta VALUES ('schema', ?)", (str(SCHEMA),))
    return database


def migrate(database: sqlite3.Connection, file: Path) -> None:
    """Bring a database up to date, wholly or, if anything goes wrong, not at all."""
    database.isolation_level = None
    try:
        database.execute("BEGIN IMMEDIATE")
        try:
            for step in MIGRATIONS[
                _version(database, file) - OLDEST :
            ]:  # another process may have been faster
                step(database)
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
    finally:
        database.isolation_level = "DEFERRED"


def damaged(file: Path, error: object) -> str:
    """What is said of a database that cannot be read."""
    return f"{file}: damaged or not a faceset ({error}); rebuild it ({setting('task.kind', 'rebuild')})"


def _guarded(database: sqlite3.Connection) -> sqlite3.Connection:
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    database.execute("PRAGMA mmap_size = 0")
    if sys.version_info >= (3, 12):
        database.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        database.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
        database.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, False)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_CELL)
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    return database


@contextmanager
def long_cells(database: sqlite3.Connection) -> Generator[None]:
    """Inside the ``with``, a cell may be as long as the index of a source."""
    before = database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_CELL)
    try:
        yield
    finally:
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)


@contextmanager
def time_limit(database: sqlite3.Connection, seconds: float = _SECONDS) -> Generator[None]:
    """Stop a query inside the ``with`` that still runs after ``seconds``: ``sqlite3.OperationalError``."""
    until = time.monotonic() + seconds
    database.set_progress_handler(lambda: int(time.monotonic() > until), _STEPS)
    try:
        yield
    finally:
        database.set_progress_handler(None, 0)


def _version(database: sqlite3.Connection, file: Path) -> int:
    """The schema of a database. Raises ``InputError`` for one that cannot be brought up to date."""
    names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    table = "meta" if "meta" in names else "about"  # the name up to schema 2
    row = database.execute(f"SELECT value FROM {table} WHERE key = 'schema'").fetchone()
    text = row[0] if row else None
    if not isinstance(text, str) or not text.isascii() or not text.isdecimal() or len(text) > 6:
        raise InputError(damaged(file, "it names no schema"))
    version = int(text)
    if version > SCHEMA:
        raise InputError(
            f"{file}: made by a newer version of facedouble (schema {version}, this one knows {SCHEMA}); "
            "upgrade facedouble"
        )
    if version < OLDEST:
        raise InputError(f"{file}: made by an early version of facedouble (schema {version}); extract again")
    return version


def _check_texts(database: sqlite3.Connection, file: Path) -> None:
    """Raises ``InputError`` if the database defines anything but plain tables. Nothing else is read."""
    wrong = InputError(damaged(file, "its tables are not those of a faceset"))
    for kind, name, text in database.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL LIMIT 100"
    ):
        if kind != "table" or name not in _TABLES or not isinstance(text, str) or len(text) > 1 << 14:
            raise wrong
        end = 0
        while end < len(text):
            match = _TOKEN.match(text, end)
            if match is None:
                raise wrong
            word = (match[1] or match[2] or "").lower()
            if word in _NOT_NAMES or (word and word not in _KEYWORDS and not _NAME.fullmatch(word)):
                raise wrong
            end = match.end()


def _compare(database: sqlite3.Connection, file: Path) -> None:
    """Raises ``InputError`` unless the database has the tables of the current schema and nothing more."""
    expected = sqlite3.connect(":memory:")
    try:
        for statement in tables():
            expected.execute(statement)
        if _shape(database) != _shape(expected):
            raise InputError(damaged(file, "its tables are not those of a faceset"))
    finally:
        expected.close()


def _shape(database: sqlite3.Connection) -> dict[tuple[str, str], set[tuple[object, ...]]]:
    """Every table, view, trigger and index that somebody defined, with the columns of each table."""
    return {
        (kind, name): {
            row[1:]  # name, type, not null, default, position in the key, hidden or generated
            for row in database.execute("SELECT * FROM pragma_table_xinfo(?)", (name,))
        }
        for kind, name in _defined(database)
    }


def _defined(database: sqlite3.Connection) -> list[tuple[str, str]]:
    """Kind and name of everything that somebody defined."""
    return database.execute("SELECT type, name FROM sqlite_master WHERE sql IS NOT NULL LIMIT 100").fetchall()


def _migrated(database: sqlite3.Connection, file: Path) -> sqlite3.Connection:
    """The database, brought up to date; if it cannot be written, a copy in memory that takes no writes."""
    try:
        migrate(database, file)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise
    else:
        return database
    copy = _guarded(sqlite3.connect(":memory:", isolation_level="DEFERRED"))
    database.backup(copy)
    migrate(copy, file)
    copy.execute("PRAGMA query_only = ON")
    return copy
