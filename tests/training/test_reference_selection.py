"""Which crops of a person a model keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facedouble.faceset.reference_set import load_references
from facedouble.faceset.store import Faceset
from facedouble.run.run import Run
from facedouble.training.preprocess import FaceCrop
from facedouble.training.reference_selection import make_reference_set, spread, write_reference_set


@pytest.fixture(scope="module")
def crops(extracted_pair: Path) -> list[FaceCrop]:
    with Faceset.open(extracted_pair) as faceset:
        faces = faceset.faces()
        assert all(face.colour is not None for face in faces)
        return [FaceCrop(face, faceset.crop_path(face), face.colour) for face in faces]  # type: ignore[arg-type]


def test_each_is_the_farthest_from_all_before() -> None:
    line = np.array([[0.0], [0.1], [0.45], [0.5], [0.9], [1.0]], np.float32)
    assert spread(line, 3).tolist()[1:] == [5, 0] or spread(line, 3).tolist()[1:] == [0, 5]
    assert sorted(spread(np.repeat(line, 5, axis=0), 99).tolist()) == [0, 5, 10, 15, 20, 25], "no repetition"


def test_few_references_span_what_all_of_them_span(crops: list[FaceCrop]) -> None:
    few, every = make_reference_set(crops, 6), make_reference_set(crops, 10_000)
    assert len(few) == 6 < len(every) <= len(crops)

    def reach(landmarks: np.ndarray) -> np.ndarray:
        return np.asarray(np.ptp(landmarks.reshape(len(landmarks), -1), axis=0))

    assert reach(few.landmarks).mean() > 0.6 * reach(every.landmarks).mean()


def test_blurred_crops_are_left_out(crops: list[FaceCrop]) -> None:
    blurred = [replace(known, face=known.face.with_(sharpness=1e-3)) for known in crops[:3]]
    assert len(make_reference_set([*blurred, *crops[3:]], 10_000)) <= len(crops) - 3


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
