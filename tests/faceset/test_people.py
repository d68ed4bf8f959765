"""Who somebody said the faces are: written, read back, and refused where it is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.faces.clustering import assign_people
from facedouble.faceset.layout import PEOPLE
from facedouble.faceset.people import read_people, write_people
from facedouble.types import Face
from tests.factories import make_face


def test_names_are_kept(tmp_path: Path) -> None:
    people = {(n, 0): "Ben" for n in range(10, 501)} | {(510, 0): "Ben", (7, 1): "Ada", (12, 1): "陈 <b>"}
    assert read_people(tmp_path) == {}
    write_people(tmp_path, people)
    assert read_people(tmp_path) == people
    assert '"10-500,510"' in (tmp_path / PEOPLE).read_text()


@pytest.mark.parametrize(
    "text",
    [
        '{"people": {"Ben": {"0": 3.5}}}',
        "", "[]", "{}", '{"people": []}', '{"people": {"Ben": "0"}}', '{"people": {"Ben": {"0": "x"}}}',
        '{"people": {"Ben": {"-1": "3"}}}', '{"people": {"Ben": {"0": "0-9999999999"}}}',
        '{"people": {"": {"0": "3"}}}', '{"people": {"a\\nb": {"0": "3"}}}',
        '{"people": {}, "more": 1}', "[" * 9999,
    ],
)  # fmt: skip
def test_a_damaged_file_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / PEOPLE).write_text(text)
    with pytest.raises(InputError, match="damaged"):
        read_people(tmp_path)


def test_named_faces_are_one_person_with_those_like_them() -> None:
    def faces(track: int, place: int, count: int) -> list[Face]:
        descriptor = np.zeros(128, np.float32)
        descriptor[place] = 1.0
        return [
            make_face(frame_index=n, face_index=track, track=track, descriptor=descriptor)
            for n in range(count)
        ]

    first, second, third = faces(0, 0, 9), faces(1, 5, 6), faces(2, 9, 3)
    every = [*first, *second, *third]
    assert {assign_people(every)[face.key] for face in second} == {1}
    named = [second[0].with_(person="Ben"), third[0].with_(person="Ben"), first[4].with_(person="Cleo")]
    keys = {face.key for face in named}
    people = assign_people([*(face for face in every if face.key not in keys), *named])
    assert {people[face.key] for face in (*second, *third)} == {1}  # all of both groups are Ben's
    assert people[first[4].key] == people[first[0].key] == 0  # the group that Cleo was found in is hers
