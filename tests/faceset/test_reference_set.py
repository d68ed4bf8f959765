"""Reference sets: what is chosen, and that nothing a stranger wrote into one does harm."""

from __future__ import annotations

import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import load, save

from facedouble.errors import ModelError
from facedouble.faces.registry import LANDMARK_SCHEMES
from facedouble.faceset.reference_set import (
    ReferenceSet,
    encode,
    file_name,
    load_references,
    save_references,
)

SCHEME = LANDMARK_SCHEMES["dlib68"]


def pictures(count: int, size: int = 64) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 255, (size, size, 3)).astype(np.uint8) for _ in range(count)]
    return [np.asarray(cv2.GaussianBlur(picture, (0, 0), 4)) for picture in noise]


def reference_set(count: int = 3) -> ReferenceSet:
    landmarks = np.stack([SCHEME.mean_shape + 0.01 * number for number in range(count)])
    statistics = np.full((count, 2, 3), 0.4, np.float32)
    return ReferenceSet([encode(p) for p in pictures(count)], 64, landmarks, statistics, SCHEME)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    saved = reference_set()
    save_references(tmp_path, "b", saved)
    found = load_references(tmp_path)
    assert list(found) == ["b"]
    loaded = found["b"]
    assert loaded.digest == saved.digest
    assert np.array_equal(loaded.landmarks, saved.landmarks)
    for number, picture in enumerate(pictures(3)):
        assert np.abs(loaded.crop(number).astype(int) - picture).mean() < 2
    assert np.allclose(loaded.points(0), SCHEME.mean_shape * 64 - 0.5)
    assert load_references(tmp_path / "nowhere") == {}


def rewritten(path: Path, arrays: dict[str, np.ndarray], **header: object) -> None:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    old = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["references"])
    path.write_bytes(save({**load(data), **arrays}, {"references": json.dumps({**old, **header})}))


@pytest.mark.parametrize(
    ("arrays", "header"),
    [
        ({"ends": np.array([10, 5, 20], np.int64)}, {}),
        ({"ends": np.array([1, 2, 1 << 40], np.int64)}, {}),
        ({"ends": np.array([-5, 2, 3], np.int64)}, {}),
        ({"landmarks": np.full((3, 68, 2), np.nan, np.float32)}, {}),
        ({"landmarks": np.zeros((2, 68, 2), np.float32)}, {}),
        ({"statistics": np.zeros((3, 2, 3), np.float64)}, {}),
        ({}, {"size": 1 << 30}),
        ({}, {"size": "64"}),
        ({}, {"scheme": "../../etc/passwd"}),
        ({}, {"scheme": ["dlib68"]}),
        ({}, {"format": 2}),
    ],
)
def test_a_damaged_set_is_one_line(
    tmp_path: Path, arrays: dict[str, np.ndarray], header: dict[str, object]
) -> None:
    save_references(tmp_path, "b", reference_set())
    rewritten(tmp_path / file_name("b"), arrays, **header)
    with pytest.raises(ModelError) as caught:
        load_references(tmp_path)
    assert "\n" not in str(caught.value)


def test_half_a_file_and_a_link_are_refused(tmp_path: Path) -> None:
    save_references(tmp_path, "b", reference_set())
    path = tmp_path / file_name("b")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ModelError):
        load_references(tmp_path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(ModelError):
        load_references(tmp_path)


def test_a_picture_that_says_it_is_huge_is_not_decoded(tmp_path: Path) -> None:
    done, data = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))
    assert done
    bomb = bytearray(data.tobytes())
    at = bomb.index(b"\xff\xc0") + 5
    bomb[at : at + 4] = (65500).to_bytes(2, "big") * 2
    hostile = ReferenceSet(
        [bytes(bomb)], 64, SCHEME.mean_shape[None], np.zeros((1, 2, 3), np.float32), SCHEME
    )
    save_references(tmp_path, "a", hostile)
    loaded = load_references(tmp_path)["a"]
    start = time.thread_time()
    with pytest.raises(ModelError, match="reference 0 of the model is damaged"):
        loaded.crop(0)
    assert time.thread_time() - start < 5
