"""Which crops of a person a model keeps."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.faces.align import map_points, recrop
from facedouble.faceset.reference_set import load_references
from facedouble.faceset.store import Faceset
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run
from facedouble.training.native_crops import cut_crops, native_size
from facedouble.training.preprocess import FaceCrop
from facedouble.training.reference_selection import (
    choose_references,
    make_reference_set,
    sharpest_alike,
    spread,
    write_reference_set,
)
from facedouble.video.images import encode_png, read_image, write_png


@pytest.fixture(scope="module")
def crops(extracted_pair: Path) -> list[FaceCrop]:
    with Faceset.open(extracted_pair) as faceset:
        faces = faceset.faces()
        assert all(face.colour is not None for face in faces)
        return [FaceCrop(face, extracted_pair, faceset.crop_path(face), face.colour) for face in faces]  # type: ignore[arg-type]


def test_each_is_the_farthest_from_all_before() -> None:
    line = np.array([[0.0], [0.1], [0.45], [0.5], [0.9], [1.0]], np.float32)
    assert spread(line, 3).tolist()[1:] == [5, 0] or spread(line, 3).tolist()[1:] == [0, 5]
    assert sorted(spread(np.repeat(line, 5, axis=0), 99).tolist()) == [0, 5, 10, 15, 20, 25], "no repetition"


def test_of_faces_that_are_alike_the_sharpest_is_taken() -> None:
    faces = np.array([[0.0], [0.001], [0.5], [0.501], [0.52]], np.float32)
    best = sharpest_alike(faces, np.array([0, 2]), np.array([1.0, 5.0, 2.0, 1.0, 9.0]))
    assert best.tolist() == [1, 2], "the last is sharper, and differs"


def test_few_references_span_what_all_of_them_span(crops: list[FaceCrop]) -> None:
    few, every = choose_references(crops, 6), choose_references(crops, 10_000)
    assert len(few) == 6 < len(every) <= len(crops)

    def reach(faces: list[FaceCrop]) -> np.ndarray:
        landmarks = np.stack([map_points(known.face.alignment, known.face.smoothed) for known in faces])
        return np.asarray(np.ptp(landmarks.reshape(len(landmarks), -1), axis=0))

    assert reach(few).mean() > 0.6 * reach(every).mean()


def test_blurred_crops_are_left_out(crops: list[FaceCrop]) -> None:
    blurred = [replace(known, face=known.face.with_(sharpness=1e-3)) for known in crops[:3]]
    chosen = choose_references([*blurred, *crops[3:]], 10_000)
    assert all(known.face.sharpness > 1e-3 for known in chosen)


@pytest.fixture
def small_crops(crops: list[FaceCrop], tmp_path: Path) -> list[FaceCrop]:
    """Faces whose crops are half as large as the clip shows them."""
    small = []
    for number, known in enumerate(crops[:4]):
        size = round(native_size(known.face) / 2)
        alignment = recrop(known.face.alignment, known.face.crop_size, 1.0, size)
        where = tmp_path / f"{number}.png"
        image = cv2.resize(read_image(known.crop), (size, size), interpolation=cv2.INTER_AREA)
        write_png(where, np.asarray(image, dtype=np.uint8))
        small.append(replace(known, crop=where, face=known.face.with_(alignment=alignment, crop_size=size)))
    return small


def test_references_are_cut_as_finely_as_the_clip_shows_them(small_crops: list[FaceCrop]) -> None:
    size = 2 * small_crops[0].face.crop_size
    cut, native = cut_crops(small_crops, size, Run())
    assert native == len(cut) == 4
    for crop, known in zip(cut, small_crops, strict=True):
        coarse = read_image(known.crop)
        enlarged = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
        assert crop.shape == (size, size, 3)
        assert cv2.Laplacian(crop, cv2.CV_64F).std() > 1.2 * cv2.Laplacian(enlarged, cv2.CV_64F).std()
        again = cv2.resize(crop, coarse.shape[:2], interpolation=cv2.INTER_AREA)
        assert np.abs(again.astype(int) - coarse).mean() < 4


def test_a_retouched_crop_is_taken_as_it_is(small_crops: list[FaceCrop]) -> None:
    retouched = np.full_like(read_image(small_crops[1].crop), 90)
    write_png(small_crops[1].crop, retouched)
    cut, native = cut_crops(small_crops, 2 * small_crops[0].face.crop_size, Run())
    assert native == 3
    assert (cut[1] == 90).all()


def test_without_the_clip_the_crops_serve_and_a_line_says_so(
    small_crops: list[FaceCrop], extracted_pair: Path, tmp_path: Path
) -> None:
    orphan = tmp_path / "orphan"
    shutil.copytree(extracted_pair, orphan)
    with sqlite3.connect(orphan / "faceset.sqlite") as database:
        database.execute("UPDATE source SET path = ?", (str(tmp_path / "gone.mp4"),))
    heard: list[Event] = []
    run = Run()
    with run.subscribed(heard.append):
        references, native = make_reference_set(
            [replace(known, faceset=orphan) for known in small_crops[:1]], run
        )
    assert native == 0
    assert references.size == small_crops[0].face.crop_size
    assert "gone.mp4" in "".join(event.text for event in heard if isinstance(event, Notice))


def test_the_set_is_written_once_and_again_for_other_faces(crops: list[FaceCrop], tmp_path: Path) -> None:
    notices: list[object] = []

    def written(faces: list[FaceCrop]) -> int:
        before = len(notices)
        run = Run()
        with run.subscribed(notices.append):
            write_reference_set(faces, tmp_path, "b", run)
        return len(notices) - before

    assert written(crops) == 1
    first = load_references(tmp_path)["b"]
    assert written(crops) == 0
    assert written(crops[: len(crops) // 2]) == 1
    assert load_references(tmp_path)["b"].digest != first.digest


def test_covered_faces_are_left_out_unless_there_are_no_others(crops: list[FaceCrop]) -> None:
    half = np.full((64, 64), 255, np.uint8)
    half[:, :32] = 0
    covered = [replace(known, visible=encode_png(half)) for known in crops]
    free = [replace(known, visible=encode_png(np.full((64, 64), 255, np.uint8))) for known in crops[3:]]
    chosen = choose_references([*covered[:3], *free], 10_000)
    assert {known.visible for known in chosen} == {free[0].visible}
    assert len(choose_references(covered, 10_000)) == len(choose_references(crops, 10_000))
