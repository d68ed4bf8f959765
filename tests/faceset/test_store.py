import json
import sqlite3
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError, OutputError
from facedouble.faces.tracks import Handover
from facedouble.faceset.codec import FrameRecord, SourceRecord
from facedouble.faceset.database import output_errors
from facedouble.faceset.layout import DATABASE, crop_name, parse_crop_name
from facedouble.faceset.store import Faceset
from facedouble.types import Face
from tests.factories import full_face, same_face

RECORD = SourceRecord(
    "a clip.mp4", "00ff" * 16, 640, 360, Fraction(1, 30000), {"size": 256}, "facedouble test"
)


def unedited(frame: int, number: int = 0, **changes: object) -> Face:
    return full_face(frame, number, edited=False, **changes)


@pytest.fixture
def four(tmp_path: Path) -> Path:
    """A faceset of four frames with a face each, whose crops lie where extraction put them."""
    path = tmp_path / "set"
    with Faceset.create(path, RECORD) as faceset:
        for index in range(4):
            faceset.add_frame(FrameRecord(index, index * 1001), [unedited(index)])
            (path / "faces" / crop_name(index, 0)).write_bytes(b"x")
        faceset.commit()
    return path


def used(path: Path, *, include_blurry: bool = False) -> list[int]:
    with Faceset.open(path) as faceset:
        return [face.frame_index for face in faceset.faces(include_blurry=include_blurry)]


def crops(path: Path) -> list[str | None]:
    with Faceset.open(path) as faceset:
        return [face.crop for face in faceset.all_faces()]


# -- what is written is what is read -----------------------------------------------------------------


def test_what_is_written_is_read_to_the_bit(tmp_path: Path) -> None:
    bare = unedited(0, 1).with_(
        descriptor=None,
        colour=None,
        motion=None,
        wanted_distance=None,
        unwanted_distance=None,
        cropped=False,
        status="kept",
    )
    frames = [
        FrameRecord(0, 0, "a.png", ends_shot=True),
        FrameRecord(1, 1001, None, problem="damaged"),
    ]
    with Faceset.create(tmp_path / "set", RECORD) as faceset:
        faceset.add_frame(frames[0], [unedited(0), bare])
        faceset.add_frame(frames[1])
        faceset.commit()
    with Faceset.open(tmp_path / "set") as faceset:
        found = faceset.all_faces()
        assert len(found) == 2
        assert same_face(found[0], unedited(0))
        assert same_face(found[1], bare)
        assert faceset.frames() == frames
        assert faceset.frame_indices() == {0, 1}
        assert faceset.source == RECORD
        assert not faceset.complete


def test_notes_and_completion_are_kept(tmp_path: Path) -> None:
    with Faceset.create(tmp_path / "set", RECORD) as faceset:
        assert faceset.meta("steadied") is None
        faceset.set_meta("steadied", "yes")
        faceset.set_meta("steadied", "1")
        faceset.mark_complete()
        faceset.commit()
    with Faceset.open(tmp_path / "set") as faceset:
        assert faceset.meta("steadied") == "1"
        assert faceset.complete


def test_handovers_are_kept_in_order_of_frames(tmp_path: Path) -> None:
    points = unedited(0).landmarks
    late = Handover(2, 20, points, None, "dlib68")
    early = Handover(7_000_000_000, 10, points + 1, np.arange(6, dtype=np.float64).reshape(2, 3), "dlib68")
    with Faceset.create(tmp_path / "set", RECORD) as faceset:
        faceset.add_handovers([late, early])
        first, second = faceset.handovers()
    assert (first.tracklet, first.frame_index, second.tracklet, second.frame_index) == (
        7_000_000_000,
        10,
        2,
        20,
    )
    assert np.array_equal(first.landmarks, points + 1)
    assert first.motion is not None
    assert np.array_equal(first.motion, [[0, 1, 2], [3, 4, 5]])
    assert second.motion is None


def test_what_was_not_committed_is_not_there(tmp_path: Path) -> None:
    with Faceset.create(tmp_path / "set", RECORD) as faceset:
        faceset.add_frame(FrameRecord(0, 0), [unedited(0)])
    with Faceset.open(tmp_path / "set") as faceset:
        assert faceset.frame_indices() == set()
        assert faceset.all_faces() == []


def test_a_frame_written_again_replaces_its_faces(tmp_path: Path) -> None:
    with Faceset.create(tmp_path / "set", RECORD) as faceset:
        faceset.add_frame(FrameRecord(0, 0), [unedited(0), unedited(0, 1)])
        faceset.add_frame(FrameRecord(0, 5), [unedited(0)])
        assert len(faceset.all_faces()) == 1
        assert faceset.frames() == [FrameRecord(0, 5)]


def test_faces_are_put_one_by_one_or_all_anew(four: Path) -> None:
    with Faceset.open(four) as faceset:
        faceset.put_faces([unedited(2).with_(sharpness=99.0), unedited(2, 1)])
        assert [(f.key, f.sharpness) for f in faceset.all_faces()] == [
            ((0, 0), 12.5),
            ((1, 0), 12.5),
            ((2, 0), 99.0),
            ((2, 1), 12.5),
            ((3, 0), 12.5),
        ]
        faceset.replace_faces([unedited(1)])
        assert [f.key for f in faceset.all_faces()] == [(1, 0)]


# -- a person works on a faceset by its files ---------------------------------------------------------


def test_a_deleted_crop_is_a_face_left_out(four: Path) -> None:
    (four / "faces" / crop_name(1, 0)).unlink()
    assert used(four) == [0, 2, 3]
    with Faceset.open(four) as faceset:
        assert [f.frame_index for f in faceset] == [0, 2, 3]
        gone = faceset.all_faces()[1]
        assert gone.crop is None
        assert gone.cropped
        with pytest.raises(InputError, match="no crop"):
            faceset.crop_path(gone)


def test_a_crop_moved_to_dropped_is_left_out_and_counts_again_when_moved_back(four: Path) -> None:
    (four / "dropped").mkdir()
    here, there = four / "faces" / crop_name(2, 0), four / "dropped" / crop_name(2, 0)
    here.rename(there)
    assert used(four) == used(four, include_blurry=True) == [0, 1, 3]
    assert crops(four)[2] == str(Path("dropped") / crop_name(2, 0)), "it is known where it lies"
    there.rename(here)
    assert used(four) == [0, 1, 2, 3]


def test_a_blurry_crop_counts_for_conversion_only(four: Path) -> None:
    (four / "blurry").mkdir()
    (four / "faces" / crop_name(0, 0)).rename(four / "blurry" / crop_name(0, 0))
    assert used(four) == [1, 2, 3]
    assert used(four, include_blurry=True) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["good-000003_0.png", "0001-000003_0.png", "a_000003_0.png"])
def test_a_prefix_or_a_folder_changes_nothing(name: str, four: Path) -> None:
    plain = four / "faces" / crop_name(3, 0)
    for place in (four / "faces" / name, four / "faces" / "person_0" / "more" / name):
        place.parent.mkdir(parents=True, exist_ok=True)
        plain.rename(place)
        assert used(four) == [0, 1, 2, 3]
        with Faceset.open(four) as faceset:
            assert faceset.crop_path(faceset.all_faces()[3]) == place
        place.rename(plain)


@pytest.mark.parametrize(
    "name", ["000003_0.txt", "000003.png", "3_0.png", "000003_0 copy.png", "._000003_0.png"]
)
def test_another_name_is_no_crop(name: str, four: Path) -> None:
    (four / "faces" / crop_name(3, 0)).rename(four / "faces" / name)
    assert used(four) == [0, 1, 2]


def test_what_lies_in_faces_counts_before_copies_elsewhere(four: Path) -> None:
    for folder in ("dropped", "blurry"):
        (four / folder).mkdir()
        (four / folder / crop_name(1, 0)).write_bytes(b"copy")
    assert used(four) == [0, 1, 2, 3]
    (four / "faces" / crop_name(1, 0)).unlink()
    assert used(four) == [0, 2, 3]
    assert used(four, include_blurry=True) == [0, 1, 2, 3]


def test_a_crop_of_a_face_that_was_not_cut_does_not_count(four: Path) -> None:
    """It is half a step of a run that was killed, which goes on with it."""
    with Faceset.open(four) as faceset:
        faceset.put_faces([unedited(0).with_(cropped=False)])
        faceset.commit()
    assert used(four) == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("000123_0.png", (123, 0)),
        ("1234567_12.png", (1234567, 12)),
        ("0042-000123_7.png", (123, 7)),
        ("12_000123_7.png", (123, 7)),
        ("00123_0.png", None),
        ("000123_0.PNG.txt", None),
        (".000123_0.png", None),
    ],
)
def test_a_crop_is_known_by_the_end_of_its_name(name: str, key: tuple[int, int] | None) -> None:
    assert parse_crop_name(name) == key
    if key:
        assert parse_crop_name(crop_name(*key)) == key


# -- what cannot be opened or made --------------------------------------------------------------------


def test_a_folder_that_is_no_faceset_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="extract"):
        Faceset.open(tmp_path)


def test_a_damaged_database_is_one_clear_error_and_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(InputError, match="damaged"):
        Faceset.open(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == b"not a database at all" * 100


def test_damage_in_the_middle_is_one_clear_error(tmp_path: Path) -> None:
    with Faceset.create(tmp_path, RECORD) as faceset:
        for index in range(40):
            faceset.add_frame(FrameRecord(index, index), [unedited(index)])
        faceset.commit()
    data = (tmp_path / DATABASE).read_bytes()
    (tmp_path / DATABASE).write_bytes(data[: len(data) // 2] + b"\xa5" * (len(data) - len(data) // 2))
    with Faceset.open(tmp_path) as faceset, pytest.raises(InputError, match=r"`task\.kind=rebuild`"):
        faceset.all_faces()


def test_a_faceset_of_another_version_is_refused(four: Path) -> None:
    with sqlite3.connect(four / DATABASE) as database:
        database.execute("UPDATE meta SET value = '1' WHERE key = 'schema'")
    with pytest.raises(InputError, match="early version"):
        Faceset.open(four)


def test_creating_over_a_faceset_is_refused(four: Path) -> None:
    with pytest.raises(InputError, match="already"):
        Faceset.create(four, RECORD)
    assert used(four) == [0, 1, 2, 3]


def test_a_faceset_is_never_seen_without_its_tables(tmp_path: Path) -> None:
    (tmp_path / f"{DATABASE}.new").write_bytes(b"half of a database")
    Faceset.create(tmp_path, RECORD).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", DATABASE]


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        Faceset.create(tmp_path / "file", RECORD)
    with pytest.raises(OutputError, match="full"), output_errors(tmp_path):
        raise sqlite3.OperationalError("database or disk is full")


def test_settings_are_kept_as_json(four: Path) -> None:
    with sqlite3.connect(four / DATABASE) as database:
        [(text,)] = database.execute("SELECT settings FROM source")
    assert json.loads(text) == {"size": 256}


def test_the_faces_of_one_frame_and_an_outline_of_all(tmp_path: Path) -> None:
    path = tmp_path / "set"
    with Faceset.create(path, RECORD) as faceset:
        faceset.add_frame(FrameRecord(0, 0), [unedited(0), unedited(0, 1)])
        faceset.add_frame(FrameRecord(7, 7), [full_face(7, track=3)])
        faceset.commit()
        for name in ("faces/000000_0.png", "dropped/mine/x-000000_1.png", "faces/000007_0.png"):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(b"")
        by_frame = {face.key: face for face in faceset.all_faces()}
        for frame in (0, 7, 9):
            expected = [face for key, face in by_frame.items() if key[0] == frame]
            found = faceset.faces_of(frame)
            assert [face.crop for face in found] == [face.crop for face in expected]
            assert all(same_face(one, other) for one, other in zip(found, expected, strict=True))
        outline = faceset.outline()
    assert [(it.frame_index, it.face_index, it.edited) for it in outline] == [
        (0, 0, False),
        (0, 1, False),
        (7, 0, True),
    ]
    assert outline[2].track == 3
