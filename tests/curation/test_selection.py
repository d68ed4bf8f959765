from pathlib import Path

import pytest

from facedouble.curation.selection import MoveResult, remove, restore, select
from facedouble.curation.summary import summarise, summary_lines
from facedouble.errors import InputError
from facedouble.faceset.layout import crop_name
from facedouble.faceset.store import Faceset
from facedouble.types import Face

FRAMES = 12


def tree(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*.png")}


def keys(faces: list[Face]) -> list[tuple[int, int]]:
    return [face.key for face in faces]


@pytest.fixture
def uneven(pair: Path) -> Path:
    """The two people, of whom the right one has lost three faces, and so is person 1."""
    with Faceset.open(pair) as store:
        faces = store.all_faces()
        right = [face for face in faces if face.box.left >= 640]
        described = next(face.descriptor for face in right if face.descriptor is not None)
        gone = {face.key for face in right[-3:]}
        store.replace_faces(
            face.with_(descriptor=described) if face.key == right[0].key else face
            for face in faces
            if face.key not in gone
        )
        store.commit()
    return pair


def person(path: Path, number: int) -> list[Face]:
    with Faceset.open(path) as store:
        return select(store.all_faces(), [f"person:{number}"])


def test_people_are_told_apart(uneven: Path) -> None:
    first, second = person(uneven, 0), person(uneven, 1)
    assert len(first) == FRAMES
    assert all(face.box.right < 640 for face in first), "the actor on the left"
    assert len(second) == FRAMES - 3
    assert all(face.box.left >= 640 for face in second)


def test_a_person_is_thrown_out_and_brought_back(uneven: Path) -> None:
    before = tree(uneven)
    with Faceset.open(uneven) as store:
        assert remove(store, ["person:1"]) == MoveResult({"faces": FRAMES - 3}, "dropped")
        assert all(face.box.right < 640 for face in store.faces())
        assert len(store.faces()) == FRAMES
        assert set(tree(uneven).values()) == set(before.values()), "nothing is deleted"
        # Persons keep their numbers, whatever lies where.
        assert remove(store, ["person:1"]) == MoveResult({}, "dropped")
        assert restore(store, ["person:1"]) == MoveResult({"dropped": FRAMES - 3}, "faces")
    assert tree(uneven) == before


def test_a_track_is_thrown_out(uneven: Path) -> None:
    with Faceset.open(uneven) as store:
        track = store.all_faces()[0].track
        count = sum(face.track == track for face in store.all_faces())
        assert remove(store, [f"track:{track}"]).count == count
        assert track not in {face.track for face in store.faces()}


@pytest.mark.parametrize(
    "name", ["000003_1", "000003_1.png", "0042-000003_1.png", "faces/person_1/000003_1.png", "x\\000003_1"]
)
def test_a_crop_is_named_in_many_ways(name: str, pair: Path) -> None:
    with Faceset.open(pair) as store:
        assert keys(select(store.all_faces(), [name])) == [(3, 1)]
        assert remove(store, [name]).count == 1
    assert (pair / "dropped" / crop_name(3, 1)).is_file()
    assert not (pair / "faces" / crop_name(3, 1)).exists()


def test_several_names_move_each_face_once(pair: Path) -> None:
    with Faceset.open(pair) as store:
        assert remove(store, ["000003_1", "000001_0", "000003_1.png"]).count == 2
        assert {face.key for face in store.all_faces()} - {face.key for face in store.faces()} == {
            (3, 1),
            (1, 0),
        }


def test_a_run_of_a_track_is_named_by_its_ends(pair: Path) -> None:
    with Faceset.open(pair) as store:
        faces = store.all_faces()
        own = [face for face in faces if face.track == faces[0].track]
        other = next(face for face in faces if face.track != faces[0].track)
        ends = [Path(str(face.crop)).name for face in (own[3], own[7], other)]
        assert keys(select(faces, [f"{ends[0]}..{ends[1]}"])) == [face.key for face in own[3:8]]
        assert keys(select(faces, [f"0001-{ends[0]}..{ends[0]}"])) == [own[3].key]
        (pair / "faces" / ends[0]).rename(pair / "dropped" / ends[0])
        assert remove(store, [f"{ends[0]}..{ends[1]}"]) == MoveResult({"faces": 4}, "dropped")
        with pytest.raises(InputError, match="different tracks"):
            remove(store, [f"{ends[0]}..{ends[2]}"])
        with pytest.raises(InputError, match="there is no"):
            remove(store, [f"{ends[1]}..{ends[0]}"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("person:7", "person:7"),
        ("person:unknown", "person:unknown"),
        ("person:", "person:0"),
        ("person:one", "person:0"),
        ("track:999", "track:999"),
        ("track:-1", "person:0"),
        ("000099_0", "000099_0"),
        ("000001_5", "000001_5"),
        ("review", "person:0"),
        ("", "person:0"),
        ("000005_0", "no crop"),
        ("000001_0..000099_0", "000099_0"),
        ("000001_0..000005_0", "no crop"),
        ("000001_0..", "person:0"),
        ("000001_0..person:1", "person:0"),
        ("../000099_0", "000099_0"),
    ],
)
def test_an_unknown_name_is_one_clear_error_and_moves_nothing(name: str, said: str, pair: Path) -> None:
    (pair / "faces" / crop_name(5, 0)).unlink()
    before = tree(pair)
    with Faceset.open(pair) as store:
        for move in (remove, restore):
            with pytest.raises(InputError, match=said):
                move(store, ["000001_0", "person:0", name])
    assert tree(pair) == before


def test_blurry_crops_are_brought_into_use_and_thrown_out(pair: Path) -> None:
    for number in (2, 3):
        (pair / "faces" / crop_name(number, 0)).rename(pair / "blurry" / crop_name(number, 0))
    with Faceset.open(pair) as store:
        assert restore(store, ["000002_0"]) == MoveResult({"blurry": 1}, "faces")
        assert remove(store, ["000003_0"]) == MoveResult({"blurry": 1}, "dropped")
        assert [face.crop for face in select(store.all_faces(), ["000002_0", "000003_0"])] == [
            str(Path("faces") / crop_name(2, 0)),
            str(Path("dropped") / crop_name(3, 0)),
        ]


def test_moving_never_writes_over_another_file(pair: Path) -> None:
    (pair / "dropped" / crop_name(4, 0)).write_bytes(b"another picture")
    with Faceset.open(pair) as store:
        remove(store, ["000004_0"])
        assert (4, 0) not in {face.key for face in store.faces()}
    assert (pair / "dropped" / crop_name(4, 0)).read_bytes() == b"another picture"
    assert (pair / "dropped" / f"copy2-{crop_name(4, 0)}").stat().st_size > 1000


# -- overview ------------------------------------------------------------------------------------------


def test_an_overview_counts_everything(uneven: Path) -> None:
    with Faceset.open(uneven) as store:
        faces = store.all_faces()
        store.put_faces(
            [
                faces[0].with_(status="small", cropped=False),
                faces[1].with_(status="stranger"),
                faces[2].with_(status="blurry"),
            ]
        )
        frame = store.frames()[11]
        store.add_frame(type(frame)(12, 12, "0012.png", problem="0012.png: not a readable image"))
        store.add_frame(type(frame)(13, 13, "0013.png"))
        store.commit()
    names = [crop_name(*face.key) for face in faces]
    (uneven / "faces" / names[1]).rename(uneven / "dropped" / names[1])
    (uneven / "faces" / names[2]).rename(uneven / "blurry" / names[2])
    (uneven / "faces" / names[3]).rename(uneven / "dropped" / names[3])
    (uneven / "faces" / names[4]).unlink()
    with Faceset.open(uneven) as store:
        found = summarise(store.frames(), store.all_faces(), store.source.time_base)
    total = 2 * FRAMES - 3
    assert (found.frames, found.frames_without_face, found.frames_unreadable) == (FRAMES + 2, 1, 1)
    assert (found.faces, found.in_use, found.blurry, found.deleted) == (total, total - 5, 1, 1)
    assert found.dropped == {"kept": 1, "stranger": 1}
    assert found.uncropped == {"small": 1}
    assert found.people == {0: FRAMES, 1: FRAMES - 3}
    assert [(t.person, t.faces, t.first, t.last, t.start) for t in found.tracks] == [
        (0, FRAMES, 0, 11, 0.0),
        (1, FRAMES - 3, 0, 8, 0.0),
    ]
    assert [t.end for t in found.tracks] == pytest.approx([11 / 25, 8 / 25])
    assert found.width is not None
    assert 140 < found.width.minimum < found.width.median < found.width.maximum < 170
    assert found.yaw is not None
    assert -12 < found.yaw.minimum < found.yaw.maximum < 6
    shown = "\n".join(summary_lines(found))
    for text in (
        "14 frames: 1 without a face, 1 that could not be read",
        "left out, in dropped/: 1 by hand, 1 stranger",
        "never cropped: 1 small",
        "person 0             12 faces   57%",
        "frames 0 to 8  0.0 to 0.3 s",
    ):
        assert text in shown


def test_an_overview_of_nothing(pair: Path) -> None:
    with Faceset.open(pair) as store:
        store.replace_faces([])
        found = summarise(store.frames(), store.all_faces(), store.source.time_base)
    assert (found.faces, found.in_use, found.people, found.tracks, found.yaw) == (0, 0, {}, [], None)
    assert "0 faces:" in summary_lines(found)


def test_of_many_tracks_the_longest_are_shown(pair: Path) -> None:
    with Faceset.open(pair) as store:
        faces = store.all_faces()
        lonely = [face.with_(track=number) for number, face in enumerate(faces)]
        shown = summary_lines(
            summarise(
                store.frames(), [*lonely, faces[0].with_(face_index=9, track=23)], store.source.time_base
            )
        )
    assert sum(line.startswith("  track") for line in shown) == 20
    assert any(line.startswith("  track 23 ") for line in shown)
    assert "  and 4 shorter ones with 4 faces" in shown
