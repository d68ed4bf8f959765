import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError, OutputError
from facedouble.extraction.rebuild import RebuildResult, rebuild
from facedouble.faceset.codec import FrameRecord, SourceRecord
from facedouble.faceset.layout import DATABASE, crop_name
from facedouble.faceset.record import encode_record
from facedouble.faceset.store import Faceset
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run
from facedouble.types import Face
from facedouble.video.hashing import source_hash
from facedouble.video.images import read_image, write_png
from facedouble.video.source import open_source

FRAMES = 12
FACES = 2 * FRAMES


def rows(path: Path, table: str) -> set[tuple[object, ...]]:
    with sqlite3.connect(path / DATABASE) as database:
        return set(database.execute(f"SELECT * FROM {table}"))


def lose(path: Path) -> dict[str, set[tuple[object, ...]]]:
    """Delete the database of a faceset; what it held."""
    held = {table: rows(path, table) for table in ("meta", "source", "frame", "face")}
    (path / DATABASE).unlink()
    return held


def everything(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_lost_database_comes_back_as_it_was(pair: Path) -> None:
    held = lose(pair)
    crops = everything(pair)
    assert rebuild(pair) == RebuildResult(FACES, FRAMES, ())
    assert {table: rows(pair, table) for table in held} == held
    assert {name: data for name, data in everything(pair).items() if name != DATABASE} == crops
    with Faceset.open(pair) as store:
        assert store.complete
        assert len(store.faces()) == FACES


def test_what_was_done_by_hand_is_kept(pair: Path) -> None:
    held = lose(pair)
    (pair / "faces" / "000001_0.png").unlink()
    (pair / "faces" / "000002_1.png").rename(pair / "dropped" / "000002_1.png")
    (pair / "faces" / "person_0").mkdir()
    (pair / "faces" / "000003_0.png").rename(pair / "faces" / "person_0" / "0001-000003_0.png")
    shutil.copy(pair / "faces" / "000004_0.png", pair / "faces" / "copy-000004_0.png")
    assert rebuild(pair) == RebuildResult(FACES - 1, FRAMES, ())
    assert rows(pair, "face") == {row for row in held["face"] if row[:2] != (1, 0)}
    assert rows(pair, "frame") == held["frame"], "frames without a face are there as well"
    with Faceset.open(pair) as store:
        assert {face.key for face in store.all_faces()} - {face.key for face in store.faces()} == {(2, 1)}


def test_a_damaged_database_is_kept_beside(pair: Path) -> None:
    held = lose(pair)
    for number in range(2):
        (pair / DATABASE).write_bytes(b"damaged %d" % number)
        (pair / f"{DATABASE}-journal").write_bytes(b"would be played into the new one")
        rebuild(pair)
        assert rows(pair, "face") == held["face"]
        shutil.copy(pair / DATABASE, pair / "kept")
    assert (pair / f"{DATABASE}.damaged").read_bytes() == b"damaged 0"
    assert (pair / f"{DATABASE}.damaged2").read_bytes() == b"damaged 1"
    assert not (pair / f"{DATABASE}-journal").exists()
    assert not (pair / "faceset.rebuilding").exists()


def test_damage_in_the_middle_is_damage(pair: Path) -> None:
    """The first page can be read, and with it the version; the faces cannot."""
    held = {table: rows(pair, table) for table in ("frame", "face")}
    data = bytearray((pair / DATABASE).read_bytes())
    data[len(data) // 2 :] = b"\xa5" * (len(data) - len(data) // 2)
    (pair / DATABASE).write_bytes(data)
    assert rebuild(pair).faces == FACES
    assert {table: rows(pair, table) for table in held} == held


def test_a_database_that_can_be_read_is_left_alone(pair: Path) -> None:
    before = everything(pair)
    with pytest.raises(InputError, match="can be read"):
        rebuild(pair)
    assert everything(pair) == before


def test_a_database_in_use_is_left_alone(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda file, **kw: connect(file, timeout=0.05, **kw))
    busy = connect(pair / DATABASE)
    busy.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(InputError, match="in use"):
            rebuild(pair)
    finally:
        busy.close()
    assert not list(pair.glob("*.damaged"))


def test_crops_without_a_usable_record_are_named_and_left_alone(pair: Path) -> None:
    held = lose(pair)
    faces = pair / "faces"
    write_png(faces / "000000_0.png", read_image(faces / "000000_0.png"))  # saved by another program
    write_png(faces / "000001_0.png", read_image(faces / "000001_0.png"), comment="my best one")
    (faces / "000002_0.png").write_bytes(b"no picture")
    (faces / "000003_0.png").rename(faces / "000004_0.png")  # another face under this name
    (faces / "letter.txt").write_text("mine")
    before = everything(pair)
    heard: list[Event] = []
    result = rebuild(pair, run=Run([heard.append]))
    assert result.without_record == tuple(f"faces/00000{n}_0.png" for n in (0, 1, 2, 4))
    assert result.faces == FACES - 5
    assert {row[:2] for row in rows(pair, "face")} == {row[:2] for row in held["face"]} - {
        (n, 0) for n in range(5)
    }
    assert before.items() <= everything(pair).items()
    warnings = [event.text for event in heard if isinstance(event, Notice)]
    assert [text[:18] for text in warnings] == [f"faces/00000{n}_0.png"[:18] for n in (1, 2, 4)]


def test_without_any_record_nothing_is_done(pair: Path) -> None:
    lose(pair)
    for crop in (pair / "faces").iterdir():
        write_png(crop, np.zeros((8, 8, 3), dtype=np.uint8))
    (pair / DATABASE).write_bytes(b"damaged")
    before = everything(pair)
    with pytest.raises(InputError, match="24 crops"):
        rebuild(pair)
    assert everything(pair) == before


def rewrite_record(crop: Path, face: Face, frame: FrameRecord, source: SourceRecord) -> None:
    write_png(crop, read_image(crop), comment=encode_record(face, frame, source))


def test_crops_of_two_facesets_are_refused(pair: Path) -> None:
    with Faceset.open(pair) as store:
        face, frame, source = store.all_faces()[5], store.frames()[2], store.source
        crop = store.crop_path(face)
    lose(pair)
    other = SourceRecord(
        source.path, "ab" * 32, source.width, source.height, source.time_base, source.settings, source.program
    )
    rewrite_record(crop, face, frame, other)
    before = everything(pair)
    with pytest.raises(InputError, match="several"):
        rebuild(pair)
    assert everything(pair) == before


def test_the_source_may_have_moved_and_is_checked(pair: Path, pair_frames: Path, tmp_path: Path) -> None:
    with Faceset.open(pair) as store:
        faces, frames, source = store.all_faces(), store.frames(), store.source
        crops = [store.crop_path(face) for face in faces]
    held = lose(pair)
    gone = SourceRecord(
        str(tmp_path / "gone"), source.sha256, source.width, source.height, source.time_base,
        source.settings, source.program,
    )  # fmt: skip
    for crop, face in zip(crops, faces, strict=True):
        rewrite_record(crop, face, frames[face.frame_index], gone)
    with pytest.raises(InputError, match="`source`"):
        rebuild(pair)
    moved = shutil.copytree(pair_frames, tmp_path / "moved")
    (moved / "0003.png").unlink()
    with pytest.raises(InputError, match="not what"):
        rebuild(pair, moved)
    shutil.copy(pair_frames / "0003.png", moved)
    rebuild(pair, moved)
    assert rows(pair, "face") == held["face"]
    with Faceset.open(pair) as store:
        assert store.source.path == str(moved)


def test_a_record_with_another_time_is_refused(pair: Path) -> None:
    with Faceset.open(pair) as store:
        face, frame, source = store.all_faces()[0], store.frames()[0], store.source
        crop = store.crop_path(face)
    lose(pair)
    rewrite_record(crop, face, FrameRecord(frame.index, frame.pts + 1, frame.name), source)
    with pytest.raises(InputError, match="time"):
        rebuild(pair)
    assert not (pair / DATABASE).exists()


def test_frames_of_a_clip_have_the_times_of_the_clip(pair: Path, clips: dict[str, Path]) -> None:
    """The faces of the folder's frames, labelled as if they were the clip's, every third frame of it."""
    clip = clips["sample_01"]
    times = [frame.pts for frame in open_source(clip).frames()]
    with Faceset.open(pair) as store:
        faces = store.all_faces()
        crops = [store.crop_path(face) for face in faces]
    lose(pair)
    info = open_source(clip).info
    record = SourceRecord(
        str(clip),
        source_hash(clip),
        info.width,
        info.height,
        info.time_base,
        {"every": 3, "fps": 0.0},
        "test",
    )
    for crop, face in zip(crops, faces, strict=True):
        index = 3 * face.frame_index
        frame = FrameRecord(index, times[index], None, ends_shot=index == 6)
        rewrite_record(crop, face.with_(frame_index=index), frame, record)
        folder = crop.parent / "renamed"
        folder.mkdir(exist_ok=True)
        crop.rename(folder / crop_name(index, face.face_index))
    rebuild(pair)
    with Faceset.open(pair) as store:
        assert [(f.index, f.pts, f.ends_shot) for f in store.frames()] == [
            (index, times[index], index == 6) for index in range(0, len(times), 3)
        ]
        assert len(store.faces()) == FACES


def test_a_rebuilding_that_was_killed_is_begun_again(pair: Path) -> None:
    held = lose(pair)
    (pair / "faceset.rebuilding" / "faces").mkdir(parents=True)
    (pair / "faceset.rebuilding" / DATABASE).write_bytes(b"half")
    rebuild(pair)
    assert rows(pair, "face") == held["face"]
    assert sorted(path.name for path in pair.iterdir()) == ["blurry", "dropped", "faces", DATABASE]


def test_a_full_disk_leaves_everything_as_it_was(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(pair)
    (pair / DATABASE).write_bytes(b"damaged")
    before = everything(pair)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Faceset, "put_faces", full)
    with pytest.raises(OutputError, match="full"):
        rebuild(pair)
    assert everything(pair) == before


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        rebuild(tmp_path / "none")
