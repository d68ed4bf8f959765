from pathlib import Path

import pytest

from facedouble.curation.review import Reason, SuspectFace, review
from facedouble.curation.selection import select
from facedouble.curation.suspect_spans import suspect_spans
from facedouble.faceset.store import Faceset
from facedouble.types import Face

FRAMES = 12


@pytest.fixture(scope="module")
def faces(extracted_pair: Path) -> list[Face]:
    with Faceset.open(extracted_pair) as store:
        return store.faces()


def track(faces: list[Face], position: int) -> list[Face]:
    return [face for face in faces if face.track == faces[position].track]


def wrong(face: Face, score: float, check: str = "one") -> SuspectFace:
    return SuspectFace(face, (Reason(score, f"{check} {score}", check),))


def test_neighbours_with_one_reason_are_one_run(faces: list[Face]) -> None:
    own = track(faces, 0)
    found = [wrong(own[4], 3), wrong(own[8], 2.5), wrong(own[3], 2), wrong(own[5], 1)]
    first, second = suspect_spans(found, faces)
    assert (first.worst, first.first.key, first.last.key, first.count) == (
        found[0],
        own[3].key,
        own[5].key,
        3,
    )
    assert first.name == f"000003_{own[3].face_index}..000005_{own[5].face_index}"
    assert (second.worst, second.count) == (found[1], 1)
    assert second.name == f"000008_{own[8].face_index}"


def test_another_reason_or_another_track_is_another_run(faces: list[Face]) -> None:
    left, right = track(faces, 0), track(faces, 1)
    assert left[0].track != right[0].track
    found = [
        wrong(left[1], 5),
        wrong(left[2], 4, "two"),
        wrong(right[1], 3),
        wrong(right[2], 2),
        wrong(left[3], 1),
    ]
    assert [(span.worst.score, span.count) for span in suspect_spans(found, faces)] == [
        (5, 1),
        (4, 1),
        (3, 2),
        (1, 1),
    ]


def test_what_is_not_in_use_does_not_part_a_run(faces: list[Face]) -> None:
    own = track(faces, 0)
    found = [wrong(own[4], 2), wrong(own[6], 1)]
    assert len(suspect_spans(found, faces)) == 2
    assert len(suspect_spans(found, [face for face in faces if face is not own[5]])) == 1


def test_the_name_of_a_run_selects_it(faces: list[Face]) -> None:
    own = track(faces, 0)
    unsure = [face.with_(confidence=-1.0) if face in own[2:6] else face for face in faces]
    [span] = suspect_spans(review(unsure, None), unsure)
    assert span.count == 4
    assert [face.key for face in select(faces, [span.name])] == [face.key for face in own[2:6]]


def test_nothing_is_no_run(faces: list[Face]) -> None:
    assert suspect_spans([], faces) == []
