"""What a person set in a faceset that was moved aside is in the one that takes its place."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from facedouble.curation.selection import remove_faces
from facedouble.extraction.extract import extract
from facedouble.faces.align import recrop
from facedouble.faceset.layer_kinds import Polygon
from facedouble.faceset.layers import HAND, Maker
from facedouble.faceset.layout import DATABASE
from facedouble.faceset.people import read_people, write_people
from facedouble.faceset.store import Faceset
from facedouble.faceset.visible import visible_part
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Face


def said(source: Path, output: Path, settings: ExtractSettings) -> list[str]:
    found: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, Notice):
            found.append(event.text)

    extract(source, output, settings, run=Run([note]))
    return found


@pytest.fixture
def moved_aside(pair: Path) -> Path:
    """A faceset with edits of every kind, at the name that a project gives it."""
    with Faceset.open(pair) as store:
        first, second, third, fourth = [face for face in store.all_faces() if face.frame_index < 2][:4]
        store.set_landmarks(first, first.smoothed + np.array([6, 3], np.float32))
        by_hand = second.alignment.copy()
        by_hand[:, 2] += 9
        store.set_landmarks(second, second.smoothed, by_hand)
        centre = third.smoothed.mean(axis=0).astype(np.float64)
        outline = [Polygon(centre + [(-20, -20), (20, -20), (0, 30)], include=False)]
        store.put_layer(third, "polygons", outline, Maker("hand", "carried", "7"))
        mask = np.full((64, 64), 255, np.uint8)
        mask[:30] = 0
        store.put_layer(fourth, "occlusion", mask, HAND)
        store.put_layer(third, "occlusion", mask, Maker("network", "unet", "1"))
    write_people(pair, {first.key: "Ada"})
    return pair.rename(pair.with_name("set.old-2"))


def faces_by_key(path: Path) -> dict[tuple[int, int], Face]:
    with Faceset.open(path) as store:
        return {face.key: face for face in store.all_faces()}


@pytest.mark.slow
def test_edits_are_in_the_new_faceset(moved_aside: Path, pair_frames: Path) -> None:
    """Made in another size, so that nothing is simply the same."""
    old = faces_by_key(moved_aside)
    first, second, third, fourth = [face for key, face in sorted(old.items()) if key[0] < 2][:4]
    output = moved_aside.with_name("set")
    texts = said(pair_frames, output, ExtractSettings(processes=1, size=128))
    assert [text for text in texts if text.startswith("taken over from set.old-2")] == [
        "taken over from set.old-2, as a person set them: landmarks or crops of 2 faces, 2 masks and "
        "outlines, names of 1 faces"
    ]
    new = faces_by_key(output)
    assert {key for key, face in new.items() if face.edited} == {first.key, second.key}
    assert np.array_equal(new[first.key].landmarks, first.landmarks)
    placed = recrop(second.alignment, second.crop_size, 1.0, 128)
    assert np.allclose(new[second.key].alignment, placed)
    assert all(face.crop is not None for face in new.values() if face.status == "kept")
    assert read_people(output) == {first.key: "Ada"}
    with Faceset.open(output) as store:
        made = {(it.frame_index, it.face_index, it.kind): it.maker_name for it in store.layers()}
        assert made == {(*third.key, "polygons"): "carried", (*fourth.key, "occlusion"): ""}
        face = new[fourth.key]
        mask = store.read_layer(face, "occlusion")
        seen = visible_part(mask, (), face.alignment, face.crop_size, 128)
        assert abs((seen == 0).mean() - 30 / 64) < 0.06
    again = said(pair_frames, output, ExtractSettings(processes=1, size=128, skip_existing=True))
    assert not [text for text in again if "taken over" in text], "once"


@pytest.mark.slow
def test_faces_that_were_taken_out_of_use_stay_so(pair: Path, pair_frames: Path) -> None:
    """Those of somebody else, too, who is still named; and a face that is not found again is not added."""
    with Faceset.open(pair) as store:
        dropped, other, lost = [face for face in store.all_faces() if face.frame_index < 2][:3]
        remove_faces(store, [dropped, other, lost])
    write_people(pair, {other.key: "somebody else", lost.key: "somebody else"})
    with sqlite3.connect(pair / DATABASE) as database:
        box = "left = left + 2000, right = right + 2000"
        database.execute(f"UPDATE face SET {box} WHERE frame_index = ? AND face_index = ?", lost.key)
    count = len(faces_by_key(pair))
    pair.rename(pair.with_name("set.old-1"))
    output = pair.with_name("set")
    texts = said(pair_frames, output, ExtractSettings(processes=1))
    assert "2 faces are out of use, as they were in set.old-1" in texts
    with Faceset.open(output) as store:
        assert {face.key for face in store.all_faces()} - {face.key for face in store.faces()} == {
            dropped.key,
            other.key,
        }
        assert len(store.all_faces()) == count
    assert read_people(output) == {other.key: "somebody else"}


def test_edits_of_another_clip_are_not_taken_and_it_is_said(moved_aside: Path, pair_frames: Path) -> None:
    frames = moved_aside.with_name("other frames")
    frames.mkdir()
    shutil.copy(sorted(pair_frames.iterdir())[0], frames / "000.png")
    texts = said(frames, moved_aside.with_name("set"), ExtractSettings(processes=1))
    assert [text for text in texts if "of another clip" in text]
    assert not any(face.edited for face in faces_by_key(moved_aside.with_name("set")).values())


def test_an_old_faceset_that_is_damaged_is_said(moved_aside: Path, pair_frames: Path) -> None:
    (moved_aside / DATABASE).write_bytes(b"no database")
    frames = moved_aside.with_name("one frame")
    frames.mkdir()
    shutil.copy(sorted(pair_frames.iterdir())[0], frames / "000.png")
    texts = said(frames, moved_aside.with_name("set"), ExtractSettings(processes=1))
    assert [text for text in texts if text.startswith("what was set by hand in set.old-2 is not taken over")]


def test_a_face_that_is_not_found_again_is_added(moved_aside: Path, pair_frames: Path) -> None:
    with sqlite3.connect(moved_aside / DATABASE) as database:
        database.execute('UPDATE face SET "left" = "left" + 300, "right" = "right" + 300 WHERE edited')
    database.close()
    output = moved_aside.with_name("set")
    said(pair_frames, output, ExtractSettings(processes=1))
    with Faceset.open(moved_aside) as store:
        edited = [face for face in store.all_faces() if face.edited]
    new = faces_by_key(output)
    added = [face for face in new.values() if face.edited]
    assert len(added) == len(edited) == 2
    for face in added:
        assert any(np.array_equal(face.landmarks, before.landmarks) for before in edited)
        assert face.crop is not None
