import json
from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.faces.tracks import Handover
from facedouble.faceset.codec import FrameRecord, SourceRecord
from facedouble.faceset.shard import Shard
from facedouble.faceset.store import Faceset
from tests.faceset.test_store import RECORD
from tests.factories import full_face, same_face


def shard(first: int) -> Shard:
    """Three frames with a face each, of which the last could not be read."""
    faces = [full_face(index, edited=False, cropped=False) for index in range(first, first + 2)]
    frames = [FrameRecord(index, index * 1001, None, index % 2 == 0) for index in range(first, first + 2)]
    frames.append(FrameRecord(first + 2, (first + 2) * 1001, "a.png", problem="damaged"))
    handover = Handover(first * 1000, first + 3, faces[0].landmarks, np.eye(2, 3), "dlib68")
    return Shard(tuple(frames), tuple(faces), (handover,))


def contents(path: Path, shards: list[Shard], record: SourceRecord = RECORD) -> list[str]:
    with Faceset.create(path, record) as faceset:
        for part in shards:
            faceset.merge(part)
        faceset.commit()
    with Faceset.open(path) as faceset:
        return [repr(value) for value in (*faceset.frames(), *faceset.all_faces(), *faceset.handovers())]


def test_a_shard_survives_json_to_the_bit() -> None:
    made = shard(3)
    found = Shard.from_json(made.to_json())
    assert found.frames == made.frames
    assert all(same_face(a, b) for a, b in zip(found.faces, made.faces, strict=True))
    assert repr(found.handovers) == repr(made.handovers)


def test_the_order_of_shards_and_doubles_do_not_matter(tmp_path: Path) -> None:
    parts = [shard(0), shard(3), shard(6)]
    once = contents(tmp_path / "once", parts)
    assert len(once) == 9 + 6 + 3
    again = [parts[2], parts[0], Shard.from_json(parts[1].to_json()), parts[0], parts[2]]
    assert contents(tmp_path / "again", again) == once


def test_a_shard_that_was_tampered_with_is_refused() -> None:
    good = json.loads(shard(3).to_json())
    for name, value in (
        ("facedouble_shard", 3),
        ("faces", {}),
        ("faces", [None]),
        ("faces", [{**good["faces"][0], "frame_index": 9}]),
        ("faces", [{**good["faces"][0], "landmarks": "AAAA"}]),
        ("frames", [{**good["frames"][0], "name": "../a"}]),
        ("extra", []),
    ):
        with pytest.raises(InputError, match="shard"):
            Shard.from_json(json.dumps({**good, name: value}))
    for text in ("", "[]", "{}", "[" * 100_000):
        with pytest.raises(InputError, match="shard"):
            Shard.from_json(text)
