import shutil
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from facedouble.config import ExtractSettings
from facedouble.errors import InputError, OutputError
from facedouble.faces.identity import SAME_PERSON
from facedouble.faceset import Faceset
from facedouble.faceset.extract import extract
from facedouble.faceset.store import DATABASE
from facedouble.video import open_source
from facedouble.video.images import read_image, write_png

FRAMES = 10
ALONE = ExtractSettings(processes=1)


@pytest.fixture(scope="module")
def folder(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every tenth frame of the harder clip of A, as images."""
    path = tmp_path_factory.mktemp("frames of A")
    for frame in islice(open_source(clips["sample_02"]).frames(), 0, FRAMES * 10, 10):
        write_png(path / f"{frame.index:06d}.png", frame.image)
    return path


@pytest.fixture(scope="module")
def faceset(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "faces"
    extract(folder, path, ALONE)
    return path


def contents(path: Path) -> tuple[list[bytes], list[tuple[object, ...]]]:
    """Crops and rows of a faceset, to compare two."""
    with Faceset.open(path) as store:
        rows = [
            (
                f.frame_index,
                f.box,
                f.steady.tobytes(),
                f.alignment.tobytes(),
                f.descriptor.tobytes(),
                f.sharpness,
            )
            for f in store.faces()
            if f.descriptor is not None
        ]
    return [crop.read_bytes() for crop in sorted((path / "faces").iterdir())], rows


def test_one_face_in_every_frame_upright_in_its_crop(faceset: Path) -> None:
    with Faceset.open(faceset) as store:
        faces = store.faces()
        assert store.complete
        assert [face.frame_index for face in faces] == list(range(FRAMES))
        for face in faces:
            crop = read_image(store.crop_path(face))
            assert crop.shape == (256, 256, 3)
            eyes = face.alignment[:, :2] @ face.steady[36:48].reshape(2, 6, 2).mean(axis=1).T
            assert abs(eyes[1, 0] - eyes[1, 1]) < 8, "the line of the eyes is level"
            assert 50 < eyes[0, 1] - eyes[0, 0] < 90
            assert face.sharpness > 10
            assert face.colour is not None
            assert 0.2 < face.colour[0].mean() < 0.9


def test_all_faces_are_one_person(faceset: Path) -> None:
    with Faceset.open(faceset) as store:
        descriptors = np.stack([face.descriptor for face in store.faces() if face.descriptor is not None])
    distances = np.linalg.norm(descriptors - descriptors.mean(axis=0), axis=1)
    assert distances.max() < SAME_PERSON


def test_the_number_of_processes_does_not_change_the_result(
    folder: Path, faceset: Path, tmp_path: Path
) -> None:
    extract(folder, tmp_path / "two", ExtractSettings(processes=2))
    assert contents(tmp_path / "two") == contents(faceset)


def test_killed_and_run_again_it_ends_the_same(folder: Path, faceset: Path, tmp_path: Path) -> None:
    output = tmp_path / "killed"
    command = [
        sys.executable,
        "-m",
        "facedouble",
        "extract",
        "-i",
        str(folder),
        "-o",
        str(output),
        "-j",
        "1",
        "-s",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not (output / DATABASE).exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    extract(folder, output, ExtractSettings(processes=1, skip_existing=True))
    assert contents(output) == contents(faceset)


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
    with pytest.raises(OutputError, match="-s"):
        extract(folder, faceset, ALONE)
    with pytest.raises(OutputError, match="other settings"):
        extract(folder, faceset, ExtractSettings(processes=1, size=128, skip_existing=True))
    assert contents(faceset) == before


def test_a_faceset_of_another_source_is_refused(folder: Path, faceset: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(next(iter(sorted(folder.iterdir()))), other)
    with pytest.raises(OutputError, match="another source"):
        extract(other, faceset, ExtractSettings(processes=1, skip_existing=True))


def test_a_folder_with_other_things_in_it_is_not_written_to(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(OutputError, match="not a faceset"):
        extract(folder, tmp_path, ALONE)
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


def test_pictures_without_a_face_are_an_error_that_says_so(tmp_path: Path) -> None:
    images = tmp_path / "sky"
    images.mkdir()
    write_png(images / "1.png", np.full((200, 300, 3), 200, dtype=np.uint8))
    with pytest.raises(InputError, match="no face"):
        extract(images, tmp_path / "out", ALONE)
