"""Extraction into what is there already: resumed, kept or refused."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import cv2
import numpy as np
import pytest

from facedouble.errors import OutputError
from facedouble.extraction.extract import ExtractResult, extract
from facedouble.faceset.store import Faceset
from facedouble.run.events import Event, Progress
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Face
from facedouble.video.clip_source import ClipSource
from facedouble.video.frame import Frame
from facedouble.video.images import read_image
from facedouble.video.source import open_source
from tests.extraction.facesets import ALONE, contents, images
from tests.factories import same_face
from tests.halting import halting, resume, wait_until_halted


@pytest.mark.subprocess
@pytest.mark.parametrize(("first", "last"), [("detect:30", "detect:60"), ("crop:5", "crop:80")])
def test_killed_and_run_again_it_ends_the_same(
    clips: dict[str, Path], whole: tuple[Path, ExtractResult], tmp_path: Path, first: str, last: str
) -> None:
    """Killed somewhere between two moments: while it looks for faces, and while it cuts them out."""
    output = tmp_path / "killed"
    words = ["extract", "-i", str(clips["sample_01"]), "-o", str(output), "-s"]
    process = subprocess.Popen(
        [sys.executable, "-m", "facedouble", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=halting(tmp_path / "site", first, last),
    )
    wait_until_halted(process.pid)
    resume(process.pid)
    time.sleep(Random(first).random() * 0.1)  # anywhere between the two
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    with Faceset.open(output) as faceset:
        assert not faceset.complete
    extract(clips["sample_01"], output, ExtractSettings(skip_existing=True))
    assert contents(output) == contents(whole[0])


def test_skip_existing_does_nothing_twice(folder: Path, faceset: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(faceset, tmp_path / "copy")
    stamps = {crop.name: crop.stat().st_mtime_ns for crop in (copy / "faces").iterdir()}
    (copy / "faces" / "000003_0.png").unlink()
    extract(folder, copy, ExtractSettings(processes=1, skip_existing=True))
    now = {crop.name: crop.stat().st_mtime_ns for crop in (copy / "faces").iterdir()}
    del stamps["000003_0.png"]
    assert now == stamps, "a crop deleted by hand stays deleted, the others are not made again"


def test_an_existing_faceset_is_not_overwritten(folder: Path, faceset: Path) -> None:
    before = contents(faceset)
    with pytest.raises(OutputError, match="finished faceset; keep it"):
        extract(folder, faceset, ALONE)
    with pytest.raises(OutputError, match=r"other settings \(`size`\)"):
        extract(folder, faceset, ExtractSettings(processes=1, size=128, skip_existing=True))
    assert contents(faceset) == before


def test_a_faceset_of_another_source_is_refused(folder: Path, faceset: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    first, second = sorted(folder.iterdir())[:2]
    for picture in (first, second):  # one image that is the same; one of its name that is not
        shutil.copy(picture, other / first.name)
        with pytest.raises(OutputError, match="another source"):
            extract(other, faceset, ExtractSettings(processes=1, skip_existing=True))


def test_a_folder_with_other_things_in_it_is_not_written_to(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(OutputError, match="not a faceset"):
        extract(folder, tmp_path, ALONE)
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


def test_what_a_run_leaves_that_was_killed_while_it_began_is_no_obstacle(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "out" / "faces").mkdir(parents=True)
    (tmp_path / "out" / "faceset.sqlite.new").write_bytes(b"half")
    source = images(tmp_path / "in", next(iter(open_source(clips["sample_03"]).frames())).rgb())
    assert extract(source, tmp_path / "out", ALONE).faces == 1


def test_what_a_person_set_survives_and_is_cut_anew(pair: Path, pair_frames: Path) -> None:
    with Faceset.open(pair) as faceset:
        before = {face.key: face for face in faceset.all_faces()}
        moved, dropped = (before[key] for key in sorted(before)[4:6])
        (pair / str(dropped.crop)).rename(pair / "dropped" / "0001-a.000002_1.png")
        for face in (moved, dropped):
            faceset.set_landmarks(face, face.landmarks + np.array([12, 0], np.float32))
    extract(pair_frames, pair, ExtractSettings(processes=1, skip_existing=True))
    with Faceset.open(pair) as faceset:
        after = {face.key: face for face in faceset.all_faces()}
        for face in (moved, dropped):
            found = after[face.key]
            assert np.array_equal(found.landmarks, face.landmarks + np.array([12, 0], np.float32))
            assert np.array_equal(found.smoothed, found.landmarks)
            crop = read_image(faceset.crop_path(found))
            assert np.abs(crop.astype(int) - crop_from(pair_frames, found)).mean() < 3
        assert after[moved.key].crop == moved.crop
        assert after[dropped.key].crop == "dropped/0001-a.000002_1.png", "it stays where a person put it"
        untouched = [key for key in before if key not in (moved.key, dropped.key)]
        assert all(same_face(before[key], after[key]) for key in untouched)


def crop_from(frames: Path, face: Face) -> np.ndarray:
    """The crop of a face, straight from its frame."""
    image = read_image(sorted(frames.iterdir())[face.frame_index])
    size = (face.crop_size, face.crop_size)
    return cv2.warpAffine(image, face.alignment, size, flags=cv2.INTER_AREA).astype(int)


def test_a_resumed_run_decodes_from_the_first_segment_that_is_not_done(
    clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty of ninety-nine frames are done; those of the first whole segment are not read again."""
    output, settings = tmp_path / "faceset", ExtractSettings(processes=1, skip_existing=True)
    count = 0

    def stop(event: Event) -> None:
        nonlocal count
        count += isinstance(event, Progress)
        if count == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(clips["sample_02"], output, settings, run=Run([stop]))
    with Faceset.open(output) as store:
        done = store.frame_indices()
    assert 8 <= len(done) < 99
    read: list[int] = []
    real = ClipSource.frames

    def spied(self: ClipSource, first: int = 0, last: int | None = None) -> Iterator[Frame]:
        read.append(first)
        return real(self, first, last)

    monkeypatch.setattr(ClipSource, "frames", spied)
    extract(clips["sample_02"], output, settings)
    assert read[0] == len(done) - len(done) % 30
    whole = tmp_path / "whole"
    extract(clips["sample_02"], whole, ExtractSettings(processes=1))
    assert contents(output) == contents(whole)
