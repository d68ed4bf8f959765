"""The index of a source as a record: what is written comes back, and nothing else is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedouble.assets import cache_folder
from facedouble.errors import InputError
from facedouble.video.hashing import source_hash
from facedouble.video.images import write_png
from facedouble.video.index import SourceIndex, rising_times
from facedouble.video.source import open_source
from tests.video.odd_clips import MAKERS, SIZE


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SourceIndex:
    path = tmp_path_factory.mktemp("index") / "variable.mp4"
    return open_source(MAKERS["variable.mp4"](path)).index


def same(one: SourceIndex, other: SourceIndex) -> bool:
    arrays = ("times", "stamps", "seek_points")
    values = ("info", "fingerprint", "end", "hidden", "decoded", "coded_size", "orientation")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays) and all(
        getattr(one, name) == getattr(other, name) for name in values
    )


@pytest.mark.parametrize("name", ["variable.mp4", "late.ts", "phone.mov", "untimed.h264", "images"])
def test_an_index_comes_back_as_it_was_written(tmp_path: Path, name: str) -> None:
    path = MAKERS[name](tmp_path / name)
    made = open_source(path).index
    assert same(SourceIndex.from_json(made.to_json(), path), made)
    assert made.fingerprint == source_hash(path)


def test_an_index_says_what_the_source_is_like(tmp_path: Path) -> None:
    index = open_source(MAKERS["phone.mov"](tmp_path / "phone.mov")).index
    assert (index.info.width, index.info.height) == SIZE[::-1]
    assert index.coded_size == SIZE
    assert index.orientation.transposed
    assert index.count == 90
    assert index.end == index.times[-1] + index.times[1] - index.times[0]
    assert [index.duration(frame) for frame in (0, 50, 89)] == [512] * 3


def test_a_steady_rate_takes_little_room(tmp_path: Path) -> None:
    text = open_source(MAKERS["plain.mp4"](tmp_path / "plain.mp4")).index.to_json()
    assert len(text) < 700
    assert json.loads(text)["times"] == [0, 512, 89]


BAD: dict[str, Callable[[dict[str, Any]], object]] = {
    "version": lambda r: r.update(version=99),
    "no times": lambda r: r.update(times=[]),
    "times of another type": lambda r: r.update(times="0,1,2"),
    "times that stand": lambda r: r.update(times=[0, 0, 89]),
    "times that fall": lambda r: r.update(times=[0, -5, 89]),
    "times without end": lambda r: r.update(times=[0, 1, 10**12]),
    "times out of range": lambda r: r.update(times=[1 << 61, 1 << 61, 3]),
    "half a run": lambda r: r.update(times=[0, 512]),
    "a run of nothing": lambda r: r.update(times=[0, 512, 0]),
    "a number that is none": lambda r: r.update(times=[0, float("nan"), 89]),
    "true": lambda r: r.update(times=[True, 512, 89]),
    "stamps of other frames": lambda r: r.update(stamps=[0, 512, 88]),
    "fingerprint": lambda r: r.update(fingerprint="../../etc/passwd"),
    "end before the last frame": lambda r: r.update(end=0),
    "seek points without a frame": lambda r: r["seek_points"][0].__setitem__(0, 10**6),
    "seek points at no frame": lambda r: r["seek_points"][1].__setitem__(0, 7),
    "a missing column": lambda r: r["seek_points"].pop(),
    "hidden": lambda r: r.update(hidden=-1),
    "decoded": lambda r: r.update(decoded="yes"),
    "orientation": lambda r: r.update(orientation=[1, 2, 3]),
    "coded size": lambda r: r.update(coded_size=[1 << 20, 2]),
    "no width": lambda r: r["info"].pop("width"),
    "a width of text": lambda r: r["info"].update(width="96"),
    "a time base of nothing": lambda r: r["info"].update(time_base="1/0"),
    "a time base without end": lambda r: r["info"].update(time_base="1e999999999"),
    "a negative rate": lambda r: r["info"].update(rate="-25"),
    "a long name": lambda r: r["info"].update(pixel_format="x" * 10_000),
    "kind": lambda r: r["info"].update(kind="address"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_record_that_nobody_wrote_is_refused(index: SourceIndex, name: str) -> None:
    record = json.loads(index.to_json())
    BAD[name](record)
    with pytest.raises(InputError, match="index is damaged") as caught:
        SourceIndex.from_json(json.dumps(record), index.info.path)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["", "null", "[]", "[" * 100_000, '{"version": 2}', "\x00"])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="index is damaged"):
        SourceIndex.from_json(text, Path("a.mp4"))


def test_an_index_is_made_once_and_again_when_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = MAKERS["plain.mp4"](tmp_path / "clip.mp4")
    first = open_source(path).index
    with monkeypatch.context() as patch:
        patch.setattr("facedouble.video.clip_source.index_clip", None)
        assert same(open_source(path).index, first)
    path.unlink()
    MAKERS["mpeg4_b.mp4"](path)
    assert open_source(path).index.fingerprint != first.fingerprint


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"version": 2, "times": [0]}'])
def test_a_damaged_cache_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("FACEDOUBLE_CACHE", str(tmp_path / "cache"))
    path = MAKERS["plain.mp4"](tmp_path / "clip.mp4")
    first = open_source(path).index
    (kept,) = (cache_folder() / "indexes").iterdir()
    kept.write_bytes(content)
    assert same(open_source(path).index, first)


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file where the folder would be")
    monkeypatch.setenv("FACEDOUBLE_CACHE", str(tmp_path / "cache"))
    path = MAKERS["plain.mp4"](tmp_path / "clip.mp4")
    assert open_source(path).index.count == 90


def test_the_fingerprint_of_a_folder_follows_its_images(tmp_path: Path) -> None:
    write_png(tmp_path / "1.png", np.zeros((4, 4, 3), np.uint8))
    write_png(tmp_path / "2.png", np.zeros((4, 4, 3), np.uint8))
    before = open_source(tmp_path).index
    write_png(tmp_path / "2.png", np.ones((4, 4, 3), np.uint8))
    after = open_source(tmp_path).index
    assert before.fingerprint != after.fingerprint
    assert (after.count, after.end) == (2, 2)


def test_times_always_rise() -> None:
    assert list(rising_times([7, 7, 9, 3, None, 40], start=5, step=10)) == [2, 3, 4, 5, 15, 35]
    assert list(rising_times([None, None], start=5, step=10)) == [0, 10]
