from pathlib import Path

import numpy as np
import pytest

from facedouble.curation.attributes import side_in_frame
from facedouble.curation.review import review
from facedouble.faces.align import align
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset
from facedouble.types import Face

SIZE = (1280, 360)


@pytest.fixture(scope="module")
def faces(extracted_pair: Path) -> list[Face]:
    with Faceset.open(extracted_pair) as store:
        return store.all_faces()


def changed(faces: list[Face], position: int, **changes: object) -> list[Face]:
    return [face.with_(**changes) if at == position else face for at, face in enumerate(faces)]


def only_suspicion(faces: list[Face], size: tuple[int, int] | None = SIZE) -> tuple[Face, str]:
    [found] = review(faces, size)
    assert found.score >= 1
    assert [reason.score for reason in found.reasons] == sorted(
        (r.score for r in found.reasons), reverse=True
    )
    return found.face, found.text


def test_a_good_faceset_has_nothing_wrong(faces: list[Face]) -> None:
    assert review(faces, SIZE) == []
    assert review([], SIZE) == []
    assert review(faces[:1], None) == []


def test_landmarks_that_fit_no_head(faces: list[Face]) -> None:
    points = faces[8].landmarks.copy()
    points[:, 0] += 0.25 * (points[:, 1] - points[:, 1].mean())  # slanted, as no head is
    face, words = only_suspicion(changed(faces, 8, landmarks=points))
    assert face.key == faces[8].key
    assert "fit the head unlike others" in words


def test_landmarks_off_their_smooth_path(faces: list[Face]) -> None:
    moved = faces[8].landmarks + np.float32(0.15 * side_in_frame(faces[8]))
    face, words = only_suspicion(changed(faces, 8, landmarks=moved))
    assert face.key == faces[8].key
    assert "off their smooth path" in words


def test_a_crop_that_jumps(faces: list[Face]) -> None:
    moved = faces[8].smoothed + np.array([0.1 * side_in_frame(faces[8]), 0], np.float32)
    face, words = only_suspicion(
        changed(
            faces,
            8,
            smoothed=moved,
            landmarks=moved,
            alignment=align(moved, faces[8].crop_size, scheme_of(faces[8])),
        )
    )
    assert face.key == faces[8].key, "and not those before and after it"
    assert "jumps by 10" in words


def test_a_head_that_moves_fast_does_not_jump(faces: list[Face]) -> None:
    """Evenly, by a tenth of the crop's side each frame."""
    moving = []
    for face in faces:
        points = face.smoothed + np.array([face.frame_index * 0.1 * side_in_frame(face), 0], np.float32)
        moving.append(
            face.with_(
                smoothed=points, landmarks=points, alignment=align(points, face.crop_size, scheme_of(face))
            )
        )
    assert review(moving, (5000, 360)) == []


def test_a_face_unlike_its_track(faces: list[Face]) -> None:
    """Every face of a chain speaks for itself or by the one of the chain that is described."""
    other = next(f.descriptor for f in faces if f.descriptor is not None and f.track != faces[0].track)
    own = [position for position, face in enumerate(faces) if face.track == faces[0].track]
    near = next(f.descriptor for f in faces if f.descriptor is not None and f.track == faces[0].track)
    assert near is not None
    mixed = [face.with_(descriptor=None, tracklet=face.track) for face in faces]
    for position in own[:8]:
        mixed[position] = mixed[position].with_(descriptor=near + np.float32(0.001 * position))
    mixed[own[9]] = mixed[own[9]].with_(descriptor=other, tracklet=77)
    mixed[own[10]] = mixed[own[10]].with_(tracklet=77)
    found = review(mixed, SIZE)
    assert [s.face.key for s in found] == [mixed[own[9]].key, mixed[own[10]].key]
    assert all("unlike the rest of its track (0." in s.text for s in found)


def test_a_short_track_among_long_ones(faces: list[Face]) -> None:
    one = faces[6].with_(face_index=7, track=50)
    face, words = only_suspicion([*faces, one])
    assert face is one
    assert words == "its track is 1 frame long"
    two = [faces[position].with_(face_index=7, track=50) for position in (6, 8)]
    assert [s.text for s in review([*faces, *two], SIZE)] == ["its track is 2 frames long"] * 2


def test_single_pictures_are_not_short_tracks(faces: list[Face]) -> None:
    assert review([face.with_(track=number) for number, face in enumerate(faces)], SIZE) == []


def test_a_face_cut_by_the_border(faces: list[Face]) -> None:
    left = faces[6].smoothed - np.array([faces[6].smoothed[:, 0].min() + 40, 0], np.float32)
    face, words = only_suspicion(changed(faces, 6, smoothed=left, landmarks=left))
    assert face.key == faces[6].key
    assert "outside the frame" in words
    # At the right border, where the frames' size is known.
    assert len(review(faces, (900, 360))) == 12
    assert review(faces, None) == []


def test_a_detector_that_was_unsure(faces: list[Face]) -> None:
    face, words = only_suspicion(changed(faces, 3, confidence=-1.0))
    assert face.key == faces[3].key
    assert "unsure (-1.00" in words


def test_the_worst_comes_first_with_all_its_reasons(faces: list[Face]) -> None:
    bad = changed(faces, 3, confidence=-1.0)
    moved = bad[8].smoothed + np.array([0.2 * side_in_frame(bad[8]), 0], np.float32)
    bad = changed(bad, 8, smoothed=moved, alignment=align(moved, 256, scheme_of(bad[8])), confidence=-1.0)
    found = review(bad, SIZE)
    assert [s.face.key for s in found] == [faces[8].key, faces[3].key]
    assert len(found[0].reasons) == 3
    assert found[0].text.count(";") == 2
    assert found[0].score > 2 * found[1].score
