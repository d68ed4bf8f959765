"""Every field of every codec survives SQL and JSON, whatever its value; nothing else is taken."""

import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedouble.faceset import schema
from facedouble.faceset.array_kinds import Array, Depths, Points
from facedouble.faceset.codec import (
    FACE,
    FRAME,
    HANDOVER,
    LAYER,
    SOURCE,
    FrameRecord,
    SourceRecord,
)
from facedouble.faceset.kinds import (
    FileName,
    Flag,
    IndexText,
    JsonObject,
    Number,
    OneOf,
    Ratio,
    Rectangle,
    SchemeName,
    Text,
    Whole,
)
from facedouble.faceset.record import decode_record, encode_record
from facedouble.faceset.table import Codec, Field
from facedouble.types import Box
from facedouble.video.index import SourceIndex
from facedouble.video.source import open_source

SCHEMA_2 = Path(__file__).parent / "schema2"
CODECS: list[Codec[Any]] = [FACE, FRAME, SOURCE, HANDOVER, LAYER]
ROUNDS = 30
TEXTS = {"[a-z][a-z0-9_]*": "occlusion", "[0-9a-f]{64}": "0f" * 32}


def draw(field: Field, random: np.random.Generator) -> Any:
    """A random value that the field can have, its limits among them."""
    kind = field.kind
    if field.nullable and random.random() < 0.3:
        return None
    match kind:
        case SchemeName():
            return "dlib68"
        case IndexText():
            return open_source(SCHEMA_2 / "clip.mkv").index
        case Whole(low, high):
            return int(random.choice(np.array([low, high, random.integers(low, high)])))
        case Number(low, high):
            return float(random.choice([low, high, random.uniform(low, high)]))
        case Flag():
            return bool(random.integers(2))
        case OneOf(names):
            return str(random.choice(names))
        case FileName():
            return str(random.choice(["a.png", "Ä 日本 0001.exr", "x" * 255, "..a", "'; DROP TABLE face"]))
        case Text(longest, None):
            return str(random.choice(["", "a", "Ä 日本\n\t\"'", "x" * longest]))
        case Text(_, pattern):
            return TEXTS.get(str(pattern), "2026-11-26T14:30:00+00:00")
        case Ratio():
            return Fraction(int(random.integers(1, 10**9)), int(random.integers(1, 10**9)))
        case JsonObject():
            return {
                "size": 256,
                "filter": ["ä.png"],
                "nested": {"none": None, "number": float(random.random())},
            }
        case Rectangle(limit):
            left, top = (int(v) for v in random.integers(-limit, limit, 2))
            return (
                Box(left, top, min(left + 1, limit), limit)
                if left < limit and top < limit
                else Box(0, 0, 1, 1)
            )
        case Points(limit):
            return random.uniform(-limit, limit, (68, 2)).astype(np.float32)
        case Depths(limit):
            return random.uniform(-limit, limit, 68).astype(np.float32)
        case Array(dtype, shape, limit, invertible):
            size = [length or int(random.integers(1, 1024)) for length in shape]
            values = random.uniform(-limit, limit, size)
            if invertible:
                values[:, :2] += np.diag([2 * limit, -2 * limit]) / 4
            return np.clip(values, -limit, limit).astype(dtype)
    raise AssertionError(f"no random values for {kind}")


def values(codec: Codec[Any], more: dict[str, Any]) -> Iterator[Any]:
    random = np.random.default_rng(len(codec.table))
    for _ in range(ROUNDS):
        yield codec.cls(**{field.name: draw(field, random) for field in codec.fields}, **more)


def assert_same(codec: Codec[Any], a: Any, b: Any) -> None:
    for field in codec.fields:
        first, second = getattr(a, field.name), getattr(b, field.name)
        assert type(first) is type(second), field.name
        if isinstance(first, SourceIndex):
            assert first.to_json() == second.to_json()
            continue
        assert np.array_equal(first, second), field.name
        if isinstance(first, np.ndarray):
            assert first.dtype == second.dtype
            assert second.flags.writeable


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.table)
def test_every_value_survives_the_database(codec: Codec[Any]) -> None:
    database = sqlite3.connect(":memory:")
    for statement in schema.tables():
        database.execute(statement)
    for value in values(codec, {}):
        database.execute(f"DELETE FROM {codec.table}")
        database.execute(codec.upsert, codec.to_row(value))
        [found] = codec.from_rows(database.execute(codec.select).fetchall())
        assert_same(codec, value, found)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.table)
def test_many_rows_are_read_as_one_is(codec: Codec[Any]) -> None:
    """They are read column by column, which is another way through the code."""
    made = list(values(codec, {}))
    rows = [codec.to_row(value) for value in made]
    for value, found in zip(made, codec.from_rows(rows), strict=True):
        assert_same(codec, value, found)
    random = np.random.default_rng(5)
    for place in range(len(rows[0])):
        for cell in HOSTILE:
            at = int(random.integers(len(rows)))
            changed = [*rows[:at], (*rows[at][:place], cell, *rows[at][place + 1 :]), *rows[at + 1 :]]
            try:
                one = codec.from_row(changed[at])
            except ValueError as error:
                with pytest.raises(ValueError, match=re.escape(str(error))):
                    codec.from_rows(changed)
            else:
                assert_same(codec, one, codec.from_rows(changed)[at])


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.table)
def test_every_value_survives_json(codec: Codec[Any]) -> None:
    for value in values(codec, {}):
        text = json.dumps(codec.to_json(value), allow_nan=False)
        assert_same(codec, value, codec.from_json(json.loads(text)))


def test_every_face_survives_the_record_of_its_crop() -> None:
    frames, sources = values(FRAME, {}), values(SOURCE, {})
    for face, frame, source in zip(values(FACE, {}), frames, sources, strict=True):
        there = decode_record(encode_record(face, frame, source))
        assert_same(FACE, face.with_(cropped=True), there[0])
        assert (there[1].index, there[1].pts, there[1].ends_shot) == (
            face.frame_index,
            frame.pts,
            frame.ends_shot,
        )
        assert_same(SOURCE, source, replace(there[2], index=source.index))


def test_an_export_is_plain_json() -> None:
    for value in values(FACE, {}):
        plain = json.loads(json.dumps(FACE.to_plain(value), allow_nan=False))
        assert set(plain) == {field.name for field in FACE.fields}
        assert np.array_equal(np.float32(plain["landmarks"]), value.landmarks)
        assert plain["box"] == list(value.box)


def test_every_field_of_the_dataclasses_is_described() -> None:
    for codec, without in (
        (FACE, {"crop", "person"}),
        (FRAME, set()),
        (SOURCE, set()),
        (HANDOVER, set()),
        (LAYER, set()),
    ):
        assert {field.name for field in codec.fields} == set(codec.cls.__dataclass_fields__) - without


HOSTILE: list[Any] = [
    None,
    "",
    "x" * 100_000,
    "a\0b",
    "\ud800",
    "../../etc/passwd",
    b"",
    b"\xff" * 7,
    np.full(68 * 2, np.nan, "<f4").tobytes(),
    np.full(68 * 2, np.inf, "<f4").tobytes(),
    np.zeros(6, "<f8").tobytes(),
    -(2**63),
    2**63 - 1,
    1e300,
    float("inf"),
    2,
    "kept; DROP TABLE face",
    "[1, 2",
    "[" * 60_000,
    '{"a": NaN}',
    [],
    {},
]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.table)
def test_a_cell_of_a_wrong_kind_is_refused_or_is_a_value_of_the_field(codec: Codec[Any]) -> None:
    """What is let through must be something that the codec would have written."""
    value = next(values(codec, {}))
    row = list(codec.to_row(value))
    refused = 0
    for place in range(len(row)):
        for cell in HOSTILE:
            changed = [*row[:place], cell, *row[place + 1 :]]
            try:
                found = codec.from_row(changed)
            except ValueError:
                refused += 1
                continue
            assert codec.to_row(found)[place] == cell
    assert refused > 12 * len(row)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.table)
def test_json_of_a_wrong_kind_is_refused_or_is_a_value_of_the_field(codec: Codec[Any]) -> None:
    value = next(values(codec, {}))
    good = codec.to_json(value)
    for name in good:
        for entry in HOSTILE:
            try:
                found = codec.from_json({**good, name: entry})
            except ValueError:
                continue
            assert codec.to_json(found)[name] == entry
    wrong: list[Any] = [{**good, "extra": 1}, dict(list(good.items())[1:]), [], None]
    for damaged in wrong:
        with pytest.raises(ValueError, match=codec.table):
            codec.from_json(damaged)


def test_what_could_not_be_read_again_is_not_written() -> None:
    face = next(values(FACE, {}))
    for name, value in (
        ("landmarks", np.full((68, 2), np.nan, np.float32)),
        ("landmarks", np.zeros((67, 2), np.float32)),
        ("depth", np.full(68, np.inf, np.float32)),
        ("depth", np.zeros(67, np.float32)),
        ("alignment", np.zeros((2, 3))),
        ("status", "nice"),
        ("box", Box(3, 3, 3, 3)),
        ("scheme", "unheard_of"),
        ("sharpness", float("nan")),
    ):
        with pytest.raises(ValueError, match="face: "):
            FACE.to_row(face.with_(**{name: value}))


def test_numbers_of_numpy_are_numbers() -> None:
    frame = FrameRecord(np.int64(3), np.int32(7), ends_shot=np.bool_(True))  # type: ignore[arg-type]
    assert FRAME.to_row(frame) == (3, 7, None, 1, None)
    assert [type(cell) for cell in FRAME.to_row(frame)[:2]] == [int, int]
    source = SourceRecord("a", "0f" * 32, np.int64(640), 360, Fraction(1, 25), {}, "")  # type: ignore[arg-type]
    assert SOURCE.to_json(source)["width"] == 640
