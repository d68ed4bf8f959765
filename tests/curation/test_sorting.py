import shutil
from pathlib import Path

import numpy as np
import pytest

from facedouble.curation.crop_order import in_browsing_order
from facedouble.curation.registry import ORDERS
from facedouble.curation.sorting import SortResult, new_names, sort_crops
from facedouble.errors import OutputError, SettingsError
from facedouble.faces.landmarks import mouth_opening
from facedouble.faces.pose import head_pose
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.layout import crop_name
from facedouble.faceset.store import Faceset
from facedouble.types import Face
from tests.factories import make_face

FRAMES = 12
FACES = 2 * FRAMES


def sort(path: Path, key: str) -> SortResult:
    with Faceset.open(path) as store:
        return sort_crops(store, key)


def listed(path: Path) -> list[Face]:
    """The faces in the order of their crops' names."""
    with Faceset.open(path) as store:
        return in_browsing_order(store.faces())


def contents(path: Path) -> dict[tuple[int, int], bytes]:
    with Faceset.open(path) as store:
        return {face.key: store.crop_path(face).read_bytes() for face in store.faces()}


def names(path: Path) -> list[str]:
    return sorted(file.relative_to(path / "faces").as_posix() for file in (path / "faces").rglob("*"))


@pytest.mark.parametrize("key", ORDERS)
def test_every_order_is_the_same_faceset_and_goes_back(key: str, pair: Path) -> None:
    before = contents(pair)
    plain = names(pair)
    sort(pair, key)
    assert contents(pair) == before
    again = sort(pair, key)
    assert again == SortResult(0, ()), "sorted is sorted"
    sort(pair, "frame")
    assert contents(pair) == before
    assert names(pair) == plain == [crop_name(i, n) for i in range(FRAMES) for n in range(2)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sharpness", lambda face: face.sharpness),
        ("yaw", lambda face: head_pose(face.smoothed, scheme_of(face), face.depth).yaw),
        ("pitch", lambda face: head_pose(face.smoothed, scheme_of(face), face.depth).pitch),
        ("mouth", lambda face: mouth_opening(face.smoothed, scheme_of(face))),
        ("colour", lambda face: face.colour[0] @ (0.2126, 0.7152, 0.0722)),
        ("size", lambda face: -np.hypot(*face.alignment[0, :2])),
    ],
)
def test_names_rise_with_the_measure(key: str, value: object, pair: Path) -> None:
    assert sort(pair, key).renamed == FACES
    values = [value(face) for face in listed(pair)]  # type: ignore[operator]
    assert values == sorted(values)
    assert values[0] < values[-1]
    found = names(pair)
    assert [name[:5] for name in found] == [f"{rank:04d}-" for rank in range(1, FACES + 1)]


def test_what_looks_wrong_comes_first(pair: Path) -> None:
    with Faceset.open(pair) as store:
        faces = store.all_faces()
        wrong = faces[9]
        store.put_faces([wrong.with_(landmarks=wrong.landmarks + np.float32(30))])
        store.commit()
    sort(pair, "review")
    assert listed(pair)[0].key == wrong.key
    assert [face.key for face in listed(pair)[1:]] == [f.key for f in faces if f.key != wrong.key]


def test_people_and_tracks_get_folders(pair: Path) -> None:
    sort(pair, "identity")
    assert sorted(path.name for path in (pair / "faces").iterdir()) == ["person_0", "person_1"]
    for person in ("person_0", "person_1"):
        found = [face for face in listed(pair) if f"{person}/" in str(face.crop)]
        assert [face.frame_index for face in found] == list(range(FRAMES))
        assert len({face.box.left < 600 for face in found}) == 1, "one actor"
    sort(pair, "track")
    tracks = {face.track for face in listed(pair)}
    assert sorted(path.name for path in (pair / "faces").iterdir()) == [
        f"track_{t:03d}" for t in sorted(tracks)
    ]
    sort(pair, "yaw")
    assert not any(path.is_dir() for path in (pair / "faces").iterdir()), "empty folders are removed"


def test_faces_of_whom_nothing_is_known_get_a_folder(pair: Path) -> None:
    with Faceset.open(pair) as store:
        store.put_faces([face.with_(descriptor=None) for face in store.all_faces() if face.face_index == 1])
        store.commit()
    sort(pair, "identity")
    assert (pair / "faces" / "person_unknown").is_dir()
    assert len(list((pair / "faces" / "person_unknown").iterdir())) == sum(
        f"person_unknown/{crop_name(*face.key)}" in str(face.crop) for face in listed(pair)
    )


def test_only_crops_in_use_are_sorted(pair: Path) -> None:
    (pair / "faces" / crop_name(0, 0)).rename(pair / "dropped" / crop_name(0, 0))
    (pair / "faces" / crop_name(1, 0)).rename(pair / "blurry" / crop_name(1, 0))
    assert sort(pair, "yaw").renamed == FACES - 2
    assert (pair / "dropped" / crop_name(0, 0)).is_file()
    assert (pair / "blurry" / crop_name(1, 0)).is_file()


def test_files_of_the_users_own_are_left_alone(pair: Path) -> None:
    faces = pair / "faces"
    (faces / "notes.txt").write_text("mine")
    (faces / "good").mkdir()
    (faces / "good" / "list.txt").write_text("mine")
    (faces / "empty").mkdir()
    (faces / crop_name(3, 0)).rename(faces / "good" / f"best-{crop_name(3, 0)}")
    (faces / "track_007").mkdir()
    (faces / "track_007" / "why.txt").write_text("mine")
    for key in ("identity", "size", "frame"):
        sort(pair, key)
        assert (faces / "notes.txt").read_text() == "mine"
        assert (faces / "good" / "list.txt").read_text() == "mine"
        assert (faces / "track_007" / "why.txt").read_text() == "mine"
        assert (faces / "empty").is_dir()
    assert (faces / crop_name(3, 0)).is_file()


def test_another_file_under_the_new_name_is_not_overwritten(pair: Path) -> None:
    with Faceset.open(pair) as store:
        old, new = new_names(store.all_faces(), "yaw", None)[4]
    (pair / new).write_bytes(b"another picture")
    before = (pair / old).read_bytes()
    result = sort(pair, "yaw")
    assert (pair / new).read_bytes() == b"another picture"
    kept = [path for path in (pair / "faces").iterdir() if path.read_bytes() == before]
    assert len(kept) == 1, "and the crop is still there"
    assert result.renamed + len(result.skipped) >= FACES - 1


def test_a_folder_that_leads_out_is_not_used(pair: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (pair / "faces" / "person_0").symlink_to(elsewhere, target_is_directory=True)
    before = contents(pair)
    result = sort(pair, "identity")
    assert len(result.skipped) == FRAMES
    assert contents(pair) == before
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("first", ["yaw", "identity"])
def test_killed_anywhere_it_is_a_faceset_and_can_be_sorted_again(
    first: str, pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(pair)
    rename = Path.rename
    done = 0

    def dying(self: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done % 7 == 0:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", dying)
        for key in (first, "size", "track"):
            with pytest.raises(KeyboardInterrupt):
                sort(pair, key)
            assert contents(pair) == before
    sort(pair, "frame")
    assert contents(pair) == before
    assert names(pair) == [crop_name(i, n) for i in range(FRAMES) for n in range(2)]


def test_a_crop_that_cannot_be_renamed_is_an_output_error(
    pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match="Read-only"):
        sort(pair, "yaw")


def test_an_unknown_key_names_those_there_are(pair: Path) -> None:
    before = names(pair)
    with pytest.raises(SettingsError, match="frame, identity, track, sharpness"):
        sort(pair, "beauty")
    assert names(pair) == before


def test_ranks_are_as_wide_as_needed(pair: Path) -> None:
    with Faceset.open(pair) as store:
        one = store.all_faces()[0]
    many = [one.with_(frame_index=index, crop=f"faces/{crop_name(index, 0)}") for index in range(10_001)]
    planned = [new for _, new in new_names(many, "sharpness", None)]
    assert planned[0] == "faces/00001-000000_0.png"
    assert planned[-1] == "faces/10001-010000_0.png"


def test_crops_are_listed_as_people_count(pair: Path) -> None:
    shutil.rmtree(pair)
    base = make_face()
    order = [
        "faces/2-000009_0.png", "faces/10-000001_0.png", "faces/a.png",
        "faces/person_0/000005_0.png", "faces/person_2/000000_0.png", "faces/person_10/000000_0.png",
    ]  # fmt: skip
    shuffled = [
        base.with_(crop=name) for name in (order[4], order[1], order[5], order[0], order[3], order[2])
    ]
    assert [face.crop for face in in_browsing_order([*shuffled, base])] == order
