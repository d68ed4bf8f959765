"""Old facesets open, in one step or not at all; newer and hostile ones are refused with one line."""

import os
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError, OutputError
from facedouble.faceset import schema
from facedouble.faceset.layout import DATABASE
from facedouble.faceset.record import decode_record
from facedouble.faceset.store import Faceset
from facedouble.types import Face
from facedouble.video.images import read_png_comment
from tests.factories import full_face, same_face

SCHEMA_2 = Path(__file__).parent / "schema2"
SCHEMA_3 = Path(__file__).parent / "schema3"
SCHEMA_4 = Path(__file__).parent / "schema4"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of a faceset of schema 2."""
    return shutil.copytree(SCHEMA_2 / "faceset", tmp_path / "old")


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(path / DATABASE)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def version(path: Path) -> str:
    tables = {name for (name,) in rows(path, "SELECT name FROM sqlite_master")}
    return str(
        rows(path, f"SELECT value FROM {'meta' if 'meta' in tables else 'about'} WHERE key = 'schema'")[0][0]
    )


def assert_as_it_was(faceset: Faceset, held: list[tuple[object, ...]]) -> None:
    """The faces of an opened faceset are those of the rows of schema 2."""
    faces = faceset.all_faces()
    assert len(faces) == len(held) == 11
    for face, row in zip(faces, held, strict=True):
        expected = (
            *(face.frame_index, face.face_index, *face.box, face.confidence),
            *(face.landmarks.tobytes(), face.smoothed.tobytes(), face.alignment.tobytes(), face.crop_size),
            None if face.descriptor is None else face.descriptor.tobytes(),
            face.sharpness,
            None if face.colour is None else face.colour.tobytes(),
            None if face.motion is None else face.motion.tobytes(),
            *(face.tracklet, face.track, face.rotation, face.origin, face.status),
            *(face.wanted_distance, face.unwanted_distance, int(face.cropped)),
        )
        assert expected == row
        assert (face.scheme, face.edited, face.expression, face.depth) == ("dlib68", False, None, None)


def test_schema_2_opens_with_everything_in_it(old: Path) -> None:
    held = rows(old, "SELECT * FROM face")
    frames = rows(old, "SELECT * FROM frame")
    handovers = rows(old, "SELECT * FROM handover ORDER BY frame_index")
    with Faceset.open(old) as faceset:
        assert_as_it_was(faceset, held)
        assert faceset.complete
        assert faceset.meta("smoothed") == "1"
        source = faceset.source
        assert source.path == "tests/faceset/schema2/clip.mkv"
        assert (source.width, source.height, str(source.time_base)) == (192, 144, "1/1000")
        assert source.settings["filter"] == ["pictures/wanted.png"]
        assert [(f.index, f.pts, f.name, int(f.ends_shot), f.problem) for f in faceset.frames()] == frames
        found = [(h.tracklet, h.frame_index, h.landmarks.tobytes()) for h in faceset.handovers()]
        assert found == [row[:3] for row in handovers]
        assert [face.key[0] for face in faceset] == [0, 1, 2, 5, 6, 8], "by where the crops are"
        assert [face.key[0] for face in faceset.faces(include_blurry=True)] == [0, 1, 2, 5, 6, 7, 8]
        faceset.check_source(SCHEMA_2 / "clip.mkv")
    assert version(old) == str(schema.SCHEMA)
    with Faceset.open(old) as faceset:
        assert_as_it_was(faceset, held)


def test_schema_3_opens_with_everything_in_it(tmp_path: Path) -> None:
    path = shutil.copytree(SCHEMA_3 / "faceset", tmp_path / "old")
    columns = [str(name) for (name,) in rows(path, "SELECT name FROM pragma_table_info('face') ORDER BY cid")]
    query = f"SELECT {', '.join(columns)} FROM face"
    held = rows(path, query)
    for _ in range(2):
        with Faceset.open(path) as faceset:
            faces = faceset.all_faces()
            assert len(faces) == 11
            assert all(face.depth is None for face in faces)
            assert [face.key for face in faces if face.edited] == [(5, 0)]
            assert faces[0].expression is not None
            assert faces[0].expression.tolist() == [0.125, 0.25, 0.375, 0.5]
            assert faceset.read_layer(faces[1], "occlusion").sum() > 0
            assert faceset.complete
        assert rows(path, query) == held
        assert version(path) == str(schema.SCHEMA)


def test_schema_4_opens_with_everything_in_it(tmp_path: Path) -> None:
    path = shutil.copytree(SCHEMA_4 / "faceset", tmp_path / "old")
    held = rows(path, "SELECT * FROM face")
    for _ in range(2):
        with Faceset.open(path) as faceset:
            faces = faceset.all_faces()
            assert [face.key for face in faces if face.depth is not None] == [(0, 0), (1, 0)]
            assert faces[1].depth is not None
            assert np.array_equal(faces[1].depth, np.linspace(-8, 8, 68, dtype=np.float32))
            assert faceset.files() == [], "a clip has none"
            match = faceset.check_source(SCHEMA_2 / "clip.mkv")
            assert match.number(3) == 3
        assert rows(path, "SELECT * FROM face") == held
        assert version(path) == "5"
    text = read_png_comment(path / "faces/000000_0.png")
    assert text is not None
    assert same_face(decode_record(text)[0], faces[0], apart_from=("crop", "cropped"))


def test_crops_of_schema_3_say_all_they_know(tmp_path: Path) -> None:
    path = shutil.copytree(SCHEMA_3 / "faceset", tmp_path / "old")
    with Faceset.open(path) as faceset:
        known = {face.key: face for face in faceset.all_faces() if face.crop}
    assert len(known) == 9
    for face in known.values():
        text = read_png_comment(path / str(face.crop))
        assert text is not None
        assert '"facedouble":2' in text
        assert same_face(decode_record(text)[0], face, apart_from=("crop", "cropped"))


@pytest.mark.parametrize("base", [SCHEMA_2, SCHEMA_3, SCHEMA_4], ids=["2", "3", "4"])
def test_a_migrated_faceset_has_the_tables_of_a_new_one(base: Path, tmp_path: Path) -> None:
    path = shutil.copytree(base / "faceset", tmp_path / "old")
    Faceset.open(path).close()
    database = schema.create(tmp_path / "new.sqlite")
    migrated = sqlite3.connect(path / DATABASE)
    assert schema._shape(migrated) == schema._shape(database)
    migrated.close()
    database.close()


@pytest.mark.parametrize("at", range(0, 19, 3))
def test_a_migration_that_is_killed_leaves_schema_2(
    at: int, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = rows(old, "SELECT * FROM face")

    class KilledError(BaseException):
        pass

    def step(database: sqlite3.Connection) -> None:
        for statement in schema._SCHEMA_3[:at]:
            database.execute(statement)
        raise KilledError

    assert at < len(schema._SCHEMA_3)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (step,))
        with pytest.raises(KilledError):
            Faceset.open(old)
    assert version(old) == "2"
    assert rows(old, "SELECT * FROM face") == held
    with Faceset.open(old) as faceset:
        assert_as_it_was(faceset, held)


@pytest.mark.parametrize("base", [SCHEMA_2, SCHEMA_3, SCHEMA_4], ids=["2", "3", "4"])
def test_a_migration_that_is_killed_at_its_end_leaves_the_old_schema(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shutil.copytree(base / "faceset", tmp_path / "old")
    before, last = version(path), schema.MIGRATIONS[-1]

    class KilledError(BaseException):
        pass

    def step(database: sqlite3.Connection) -> None:
        last(database)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:-1], step))
        with pytest.raises(KilledError):
            Faceset.open(path)
    assert version(path) == before
    with Faceset.open(path) as faceset:
        assert len(faceset.all_faces()) == 11
    assert version(path) == str(schema.SCHEMA)


def test_two_that_open_an_old_faceset_at_once_both_can(old: Path) -> None:
    first = sqlite3.connect(old / DATABASE)
    with Faceset.open(old) as faceset:
        schema.migrate(first, old)  # finds it done
        assert len(faceset.all_faces()) == 11
    first.close()


@pytest.fixture
def read_only(old: Path) -> Iterator[Path]:
    """A faceset of schema 2 in a folder that this process may not write to."""
    folder = Path(tempfile.mkdtemp())
    path = shutil.copytree(old, folder / "old")
    folder.chmod(0o755)
    for entry in [path, *path.rglob("*")]:
        entry.chmod(0o555 if entry.is_dir() else 0o444)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield path
    finally:
        if root:
            os.seteuid(0)
        for entry in [path, *path.rglob("*")]:
            entry.chmod(stat.S_IRWXU)
        shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights work differently on Windows")
def test_schema_2_in_a_read_only_folder_is_read_and_stays(read_only: Path) -> None:
    held = rows(read_only, "SELECT * FROM face")
    with Faceset.open(read_only) as faceset:
        assert_as_it_was(faceset, held)
        with pytest.raises(OutputError, match="cannot be written"):
            faceset.set_landmarks(faceset.all_faces()[0], full_face().landmarks)
    assert version(read_only) == "2"


def test_a_faceset_of_a_newer_version_is_refused_with_one_line(old: Path) -> None:
    newer = schema.SCHEMA + 1
    Faceset.open(old).close()
    with sqlite3.connect(old / DATABASE) as database:
        database.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(newer),))
    with pytest.raises(InputError, match=rf"newer version of facedouble \(schema {newer}") as caught:
        Faceset.open(old)
    assert "\n" not in str(caught.value)
    assert version(old) == str(newer)


@pytest.mark.parametrize("value", ["", "three", "-1", "٣", "9" * 5000, None])
def test_a_version_that_is_none_is_damage(value: str | None, old: Path) -> None:
    Faceset.open(old).close()
    with sqlite3.connect(old / DATABASE) as database:
        if value is None:
            database.execute("DELETE FROM meta WHERE key = 'schema'")
        else:
            database.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (value,))
    with pytest.raises(InputError, match="damaged"):
        Faceset.open(old)


ADDED = {
    "view": "CREATE VIEW more AS SELECT * FROM face",
    "trigger": "CREATE TRIGGER t AFTER UPDATE ON face BEGIN DELETE FROM face; END",
    "table": "CREATE TABLE more (a)",
    "virtual table": "CREATE VIRTUAL TABLE more USING fts5(a)",
    "index": "CREATE INDEX i ON face (track)",
    "column": "ALTER TABLE face ADD COLUMN more",
    "generated column": "ALTER TABLE face ADD COLUMN g AS (zeroblob(1000000000))",
    "missing column": "ALTER TABLE face DROP COLUMN expression",
    "missing table": "DROP TABLE layer",
    "view for a table": "DROP TABLE meta; CREATE VIEW meta AS WITH RECURSIVE x(n) AS "
    "(SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT 'schema' AS key, n AS value FROM x WHERE n < 0",
    "old view": "ALTER TABLE meta RENAME TO frame_3; CREATE VIEW about AS WITH RECURSIVE x(n) AS "
    "(SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT 'schema' AS key, n AS value FROM x WHERE n < 0",
    "check": "DROP TABLE layer; CREATE TABLE layer (a CHECK (length(hex(randomblob(60000000))) > 0))",
    "collation": "DROP TABLE layer; CREATE TABLE layer (a TEXT COLLATE nocase)",
    "default": "DROP TABLE layer; CREATE TABLE layer (a TEXT DEFAULT (hex(randomblob(60000000))))",
    "cascade": "DROP TABLE layer; CREATE TABLE layer (a REFERENCES face ON DELETE CASCADE)",
    "quoted": 'DROP TABLE layer; CREATE TABLE layer ("a b" TEXT)',
    "string": "DROP TABLE layer; CREATE TABLE layer ('a' TEXT)",
}


@pytest.mark.parametrize("added", ADDED)
def test_a_database_with_anything_else_in_it_is_refused(added: str, old: Path) -> None:
    Faceset.open(old).close()
    database = sqlite3.connect(old / DATABASE)
    database.executescript(ADDED[added])
    database.close()
    start = time.thread_time()
    with pytest.raises(InputError, match="not those of a faceset"):
        Faceset.open(old)
    assert time.thread_time() - start < 60, "nothing in it was run"


@pytest.mark.parametrize("added", ["view", "trigger", "generated column"])
def test_nothing_in_an_old_database_is_run_while_it_is_migrated(added: str, old: Path) -> None:
    database = sqlite3.connect(old / DATABASE)
    database.execute(ADDED[added])
    database.commit()
    database.close()
    with pytest.raises(InputError, match="not those of a faceset"):
        Faceset.open(old)
    assert len(rows(old, "SELECT frame_index FROM face")) == 11  # not the column of a gigabyte


HOSTILE = {
    "landmarks": np.full((68, 2), np.nan, "<f4").tobytes(),
    "smoothed": b"",
    "alignment": np.zeros((2, 3)).tobytes(),
    "descriptor": b"\0" * 508,
    "track": "one",
    "status": "nice",
    "scheme": "unheard_of",
    "crop_size": 2**40,
    "cropped": 7,
    "right": -5,
}


@pytest.mark.parametrize("column", HOSTILE)
def test_a_hostile_value_is_one_clear_error(column: str, old: Path) -> None:
    Faceset.open(old).close()
    with sqlite3.connect(old / DATABASE) as database:
        database.execute(f'UPDATE face SET "{column}" = ? WHERE frame_index = 5', (HOSTILE[column],))
    name = "box" if column == "right" else column
    with Faceset.open(old) as faceset, pytest.raises(InputError, match=f"damaged.*{name} has a wrong value"):
        faceset.all_faces()


def test_a_cell_of_gigabytes_is_not_read(old: Path) -> None:
    Faceset.open(old).close()
    with sqlite3.connect(old / DATABASE) as database:
        database.execute("UPDATE face SET landmarks = zeroblob(500000000) WHERE frame_index = 5")
    with Faceset.open(old) as faceset, pytest.raises(InputError, match="damaged"):
        faceset.all_faces()


def test_a_query_that_does_not_end_is_stopped() -> None:
    database = schema._guarded(sqlite3.connect(":memory:"))
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(sqlite3.OperationalError, match="interrupted"), schema.time_limit(database, 0.2):
        database.execute(endless).fetchone()
    assert database.execute("SELECT 1").fetchone() == (1,)


def test_several_sources_are_damage(old: Path) -> None:
    Faceset.open(old).close()
    with sqlite3.connect(old / DATABASE) as database:
        database.execute(f"INSERT INTO source VALUES ('b', '{'0f' * 32}', 1, 1, '1/25', '{{}}', '', NULL)")
    with Faceset.open(old) as faceset, pytest.raises(InputError, match="2 sources"):
        _ = faceset.source


def test_a_face_that_could_not_be_read_is_not_stored(old: Path) -> None:
    wrong: Face = full_face(5).with_(alignment=np.zeros((2, 3)))
    with Faceset.open(old) as faceset:
        with pytest.raises(OutputError, match="alignment"):
            faceset.put_faces([wrong])
        assert len(faceset.all_faces()) == 11
