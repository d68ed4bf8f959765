from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.faces.align import MEAN_SHAPE
from facedouble.faceset import Faceset
from facedouble.faceset.store import SourceRecord, crop_name
from facedouble.types import Box, Face

RECORD = SourceRecord("a clip.mp4", "00ff", 640, 360, Fraction(1, 30000), {"size": 256}, "facedouble test")


def face(index: int, number: int = 0) -> Face:
    random = np.random.default_rng(index * 10 + number)
    points = (MEAN_SHAPE * 256 + random.normal(size=(68, 2))).astype(np.float32)
    return Face(
        frame_index=index,
        face_index=number,
        box=Box(1, 2, 300, 400),
        confidence=1.25,
        landmarks=points,
        steady=points + 1,
        alignment=random.normal(size=(2, 3)),
        crop_size=256,
        descriptor=random.normal(size=128).astype(np.float32),
        sharpness=12.5,
        colour=random.random((2, 3)).astype(np.float32),
        track=3,
        rotation=90,
        crop=crop_name(index, number),
    )


def same(a: Face, b: Face) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in Face.__dataclass_fields__)


def test_what_is_written_is_read_to_the_bit(tmp_path: Path) -> None:
    with Faceset.create(tmp_path / "set", RECORD) as faceset:
        faceset.add_frame(0, 0, None, [face(0), face(0, 1)])
        faceset.add_frame(1, 1001, None, [])
        faceset.commit()
    with Faceset.open(tmp_path / "set") as faceset:
        found = faceset.faces(kept_only=False)
        assert len(found) == 2
        assert same(found[0], face(0))
        assert same(found[1], face(0, 1))
        assert faceset.frame_indices() == {0, 1}
        assert faceset.source == RECORD
        assert not faceset.complete


def test_what_was_not_committed_is_not_there(tmp_path: Path) -> None:
    with Faceset.create(tmp_path / "set", RECORD) as faceset:
        faceset.add_frame(0, 0, None, [face(0)])
    with Faceset.open(tmp_path / "set") as faceset:
        assert faceset.frame_indices() == set()


def test_a_deleted_crop_is_a_face_left_out(tmp_path: Path) -> None:
    with Faceset.create(tmp_path / "set", RECORD) as faceset:
        for index in range(3):
            faceset.add_frame(index, index, None, [face(index)])
            (tmp_path / "set" / "faces" / crop_name(index, 0)).write_bytes(b"x")
        faceset.commit()
        (tmp_path / "set" / "faces" / crop_name(1, 0)).unlink()
        assert [f.frame_index for f in faceset.faces()] == [0, 2]
        assert [f.frame_index for f in faceset.faces(kept_only=False)] == [0, 1, 2]


def test_a_frame_written_again_replaces_its_faces(tmp_path: Path) -> None:
    with Faceset.create(tmp_path / "set", RECORD) as faceset:
        faceset.add_frame(0, 0, None, [face(0), face(0, 1)])
        faceset.add_frame(0, 0, None, [face(0)])
        assert len(faceset.faces(kept_only=False)) == 1


def test_a_folder_that_is_no_faceset_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="extract"):
        Faceset.open(tmp_path)


def test_a_damaged_database_is_one_clear_error_and_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "faceset.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(InputError, match="damaged"):
        Faceset.open(tmp_path)
    assert (tmp_path / "faceset.sqlite").read_bytes() == b"not a database at all" * 100


def test_creating_over_a_faceset_is_refused(tmp_path: Path) -> None:
    Faceset.create(tmp_path / "set", RECORD).close()
    with pytest.raises(InputError, match="already"):
        Faceset.create(tmp_path / "set", RECORD)
