import base64
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.faceset.codec import FrameRecord, SourceRecord
from facedouble.faceset.record import MAX_LENGTH, decode_record, encode_record
from facedouble.faceset.store import Faceset
from facedouble.types import Box, Face
from facedouble.video.images import read_png_comment
from tests.factories import full_face, same_face

FRAME = FrameRecord(7, -1001, "shot 0007 é.png", ends_shot=True)
SOURCE = SourceRecord(
    "/clips/Ä take.mp4",
    "0f" * 32,
    1920,
    1080,
    Fraction(1, 30000),
    {"size": 256, "filter": ["a.png"]},
    "facedouble 9",
)


def changed(part: str, name: str, value: object) -> str:
    """A good record with one field changed."""
    whole: dict[str, Any] = json.loads(encode_record(full_face(7, 2), FRAME, SOURCE))
    target = whole[part] if part else whole
    target[name] = value
    return json.dumps(whole)


def test_a_record_says_everything_to_the_bit() -> None:
    face, frame, source = decode_record(encode_record(full_face(7, 2), FRAME, SOURCE))
    assert same_face(face, full_face(7, 2), apart_from=("crop", "cropped"))
    assert face.cropped
    assert face.crop is None
    assert frame == FRAME
    assert source == SOURCE
    for name in ("landmarks", "smoothed", "alignment", "descriptor", "colour", "motion"):
        assert getattr(face, name).dtype == getattr(full_face(7, 2), name).dtype
        assert getattr(face, name).flags.writeable


def test_what_is_not_known_stays_unknown() -> None:
    bare = full_face(7, 2).with_(
        descriptor=None, colour=None, motion=None, wanted_distance=None, unwanted_distance=None
    )
    face, _, _ = decode_record(encode_record(bare, FRAME, SOURCE))
    assert same_face(face, bare, apart_from=("crop", "cropped"))


def test_numbers_of_numpy_are_as_good_as_others() -> None:
    odd = full_face(7, 2).with_(
        sharpness=np.float32(2.5), frame_index=np.int64(7), box=Box(*np.array([1, 2, 3, 4]))
    )
    face, _, _ = decode_record(encode_record(odd, FRAME, SOURCE))
    assert (face.sharpness, face.frame_index, face.box) == (2.5, 7, (1, 2, 3, 4))


def test_every_field_of_a_face_is_in_its_record() -> None:
    """A field that is new must be put into the record, or it is lost with the database."""
    known = json.loads(encode_record(full_face(7, 2), FRAME, SOURCE))["face"]
    assert set(known) == set(Face.__dataclass_fields__) - {"cropped", "crop", "person"}
    assert set(json.loads(encode_record(full_face(7, 2), FRAME, SOURCE))["source"]) == set(
        SourceRecord.__dataclass_fields__
    ) - {"index"}, "which is long, and made again from the source"


def floats(values: np.ndarray[Any, Any], kind: str = "<f4") -> str:
    return base64.b64encode(values.astype(kind).tobytes()).decode()


BAD = [
    ("", "facedouble", 4),
    ("", "facedouble", True),
    ("", "face", []),
    ("", "extra", 1),
    ("face", "extra", 1),
    ("face", "frame_index", -1),
    ("face", "frame_index", 2**40),
    ("face", "frame_index", "7"),
    ("face", "frame_index", True),
    ("face", "frame_index", 7.0),
    ("face", "face_index", None),
    ("face", "box", [1, 2, 3]),
    ("face", "box", [10, 2, 3, 4]),
    ("face", "box", {"left": 1}),
    ("face", "confidence", "high"),
    ("face", "confidence", None),
    ("face", "landmarks", None),
    ("face", "landmarks", floats(np.zeros(135))),
    ("face", "landmarks", floats(np.full(136, np.nan))),
    ("face", "landmarks", floats(np.full(136, np.inf))),
    ("face", "landmarks", floats(np.full(136, 1e8))),
    ("face", "landmarks", "not base64!"),
    ("face", "landmarks", "ä" * 720),
    ("face", "landmarks", [[0, 0]] * 68),
    ("face", "depth", floats(np.zeros(67))),
    ("face", "depth", floats(np.full(68, np.nan))),
    ("face", "alignment", floats(np.zeros(6), "<f8")),
    ("face", "alignment", floats(np.ones(6), "<f4")),
    ("face", "crop_size", 0),
    ("face", "crop_size", 10**6),
    ("face", "descriptor", floats(np.zeros(127))),
    ("face", "sharpness", -1),
    ("face", "colour", floats(np.full(6, 100))),
    ("face", "motion", "AAAA"),
    ("face", "track", 1.5),
    ("face", "rotation", 5000),
    ("face", "origin", "guessed"),
    ("face", "status", 3),
    ("face", "status", ["kept"]),
    ("face", "wanted_distance", -0.1),
    ("frame", "pts", 2**80),
    ("frame", "name", "../../etc/passwd"),
    ("frame", "name", "a\\b.png"),
    ("frame", "name", ".."),
    ("frame", "name", "a\0.png"),
    ("frame", "name", 5),
    ("frame", "ends_shot", 1),
    ("source", "path", "x" * 5000),
    ("source", "path", None),
    ("source", "sha256", "0f" * 31),
    ("source", "sha256", "0F" * 32),
    ("source", "width", 0),
    ("source", "time_base", "1/0"),
    ("source", "time_base", "0/1"),
    ("source", "time_base", "1e3"),
    ("source", "time_base", 0.04),
    ("source", "settings", "size"),
    ("source", "program", "x" * 300),
]


@pytest.mark.parametrize(
    ("part", "name", "value"), BAD, ids=[f"{part}.{name}-{i}" for i, (part, name, _) in enumerate(BAD)]
)
def test_anything_else_is_refused(part: str, name: str, value: object) -> None:
    with pytest.raises(InputError, match="record"):
        decode_record(changed(part, name, value))


@pytest.mark.parametrize("part", ["", "face", "frame", "source"])
def test_a_missing_field_is_refused(part: str) -> None:
    whole = json.loads(encode_record(full_face(7, 2), FRAME, SOURCE))
    target = whole[part] if part else whole
    for name in list(target):
        value = target.pop(name)
        with pytest.raises(InputError, match="record"):
            decode_record(json.dumps(whole))
        target[name] = value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "null",
        "7",
        "{}",
        '{"facedouble":1}',
        "[" * 100_000,
        "9" * 5000,
        " " * (MAX_LENGTH + 1),
    ],
    ids=range(10),
)
def test_a_text_that_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="record"):
        decode_record(text)


def test_numbers_that_are_none_are_refused() -> None:
    text = encode_record(full_face(7, 2), FRAME, SOURCE).replace('"sharpness":12.5', '"sharpness":NaN')
    assert "NaN" in text
    with pytest.raises(InputError, match="NaN"):
        decode_record(text)


def test_extraction_writes_a_record_into_every_crop(extracted_pair: Path) -> None:
    with Faceset.open(extracted_pair) as store:
        frames = {frame.index: frame for frame in store.frames()}
        for known in store.all_faces():
            comment = read_png_comment(store.crop_path(known))
            assert comment is not None
            face, frame, source = decode_record(comment)
            assert same_face(face, known, apart_from=("crop", "cropped"))
            assert frame == frames[known.frame_index]
            assert source == replace(store.source, index=None)
