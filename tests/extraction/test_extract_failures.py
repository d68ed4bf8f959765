"""Extraction from what cannot be read, and to where it cannot be written."""

import os
import resource
import shutil
import signal
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.errors import FacedoubleError, InputError, OutputError
from facedouble.extraction.extract import extract
from facedouble.faceset.store import Faceset
from facedouble.settings.video import ClipEncoding
from facedouble.video.images import write_png
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source
from tests.extraction.facesets import ALONE, all_faces, facedouble, images


def test_pictures_without_a_face_are_an_error_that_says_so(tmp_path: Path) -> None:
    images = tmp_path / "sky"
    images.mkdir()
    write_png(images / "1.png", np.full((200, 300, 3), 200, dtype=np.uint8))
    with pytest.raises(InputError, match="no face"):
        extract(images, tmp_path / "out", ALONE)


@pytest.mark.subprocess
def test_images_of_every_kind_and_bad_ones_among_them(
    clips: dict[str, Path], phone_clips: dict[str, Path], tmp_path: Path
) -> None:
    source = tmp_path / "中文 with spaces"
    source.mkdir()
    picture = next(iter(open_source(clips["sample_03"]).frames())).rgb()
    bgr = picture[:, :, ::-1]
    cv2.imwrite(str(source / "grey.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    cv2.imwrite(str(source / "sixteen.png"), bgr.astype(np.uint16) * 257)
    cv2.imwrite(str(source / "alpha 演员.png"), np.dstack([bgr, np.full(bgr.shape[:2], 9, np.uint8)]))
    shutil.copy(phone_clips["Image_with_alpha"], source / "with_alpha.png")
    shutil.copy(phone_clips["BWPictureHuman"], source / "profile.jpg")
    (source / "turned.jpg").write_bytes(with_exif_orientation(np.rot90(picture).copy(), 6))
    (source / "empty.png").write_bytes(b"")
    (source / "half.png").write_bytes((source / "grey.png").read_bytes()[:2000])
    (source / "letter.jpg").write_text("not a picture")
    (source / "notes.txt").write_text("not looked at")
    run = facedouble("extract", "-i", source, "-o", tmp_path / "faces", "-j", 1)
    assert run.returncode == 0, run.stderr
    assert "3 frames are damaged or could not be read" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr
    for name in ("empty.png", "half.png", "letter.jpg"):
        assert name in run.stdout + run.stderr
    with Faceset.open(tmp_path / "faces") as store:
        problems = {frame.name: frame.problem for frame in store.frames()}
        names = {frame.index: frame.name for frame in store.frames()}
        found = {names[face.frame_index] for face in store.faces()}
    assert {name for name, problem in problems.items() if problem} == {"empty.png", "half.png", "letter.jpg"}
    assert found >= {"grey.png", "sixteen.png", "alpha 演员.png", "turned.jpg"}


def with_exif_orientation(image: np.ndarray, orientation: int) -> bytes:
    """A JPEG of ``image`` whose EXIF says how it is to be turned."""
    data = cv2.imencode(".jpg", image[:, :, ::-1])[1].tobytes()
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + orientation.to_bytes(2, "big") + b"\x00\x00"
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01" + entry + b"\x00\x00\x00\x00"
    return data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]


def test_a_bad_image_in_a_film_of_images_is_left_out(clips: dict[str, Path], tmp_path: Path) -> None:
    frames = [frame.rgb() for frame in islice(open_source(clips["sample_03"]).frames(), 9)]
    source = images(tmp_path / "in", *frames)
    (source / "4.png").write_bytes(b"")
    result = extract(source, tmp_path / "faces", ALONE)
    assert (result.frames, result.faces, result.unreadable) == (9, 8, 1)
    faces = all_faces(tmp_path / "faces")
    assert [face.frame_index for face in faces] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert {face.track for face in faces} == {0}


@pytest.mark.subprocess
def test_only_bad_images_are_an_error(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.png").write_bytes(b"")
    run = facedouble("extract", "-i", source, "-o", tmp_path / "faces")
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "faces").exists()


@pytest.mark.subprocess
@pytest.mark.parametrize("kind", ["missing", "text", "empty", "unreadable"])
def test_what_is_no_clip_is_one_line(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "clip.mp4"
    if kind == "text":
        source.write_text("dear reader")
    elif kind == "empty":
        source.write_bytes(b"")
    elif kind == "unreadable":
        source.mkdir()
    run = facedouble("extract", "-i", source, "-o", tmp_path / "faces")
    assert run.returncode == 1
    assert run.stderr.startswith("error:")
    assert (run.stderr.count("\n"), "Traceback" in run.stderr) == (1, False)
    assert not (tmp_path / "faces").exists()


@pytest.mark.subprocess
def test_a_clip_that_breaks_off_keeps_what_was_read(clips: dict[str, Path], tmp_path: Path) -> None:
    source = open_source(clips["sample_03"])
    whole = tmp_path / "whole.mkv"
    with open_sink(whole, source.info, ClipEncoding(), audio_from=None, overwrite=False) as sink:
        for frame in islice(source.frames(), 60):
            sink.write(frame)
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    run = facedouble("extract", "-i", broken, "-o", tmp_path / "faces")
    assert run.returncode == 1
    assert str(tmp_path / "faces") in run.stderr
    assert "Traceback" not in run.stderr
    with Faceset.open(tmp_path / "faces") as store:
        faces = store.faces()
        assert not store.complete
    assert 20 < len(faces) < 60
    assert [face.frame_index for face in faces] == list(range(len(faces)))
    again = facedouble("extract", "-i", broken, "-o", tmp_path / "faces", "-s")
    assert (again.returncode, again.stderr.splitlines()[-1:]) == (1, run.stderr.splitlines()[-1:])
    with Faceset.open(tmp_path / "faces") as store:
        assert not store.complete, "going on does not mend the clip"


def test_people_on_both_sides_of_a_bad_image_stay_apart(
    two_people: tuple[Path, Path, Path, Path], tmp_path: Path
) -> None:
    frames = [frame.rgb() for frame in islice(open_source(two_people[0]).frames(), 4)]
    source = images(tmp_path / "in", frames[0], frames[1], frames[2], frames[3])
    (source / "1.png").write_bytes(b"")
    extract(source, tmp_path / "out", ALONE)
    sides: dict[int, set[bool]] = {}
    for face in all_faces(tmp_path / "out"):
        sides.setdefault(face.track, set()).add(face.box.centre[0] < 640)
    assert sorted(map(sorted, sides.values())) == [[False], [True]]


@pytest.mark.subprocess
def test_a_disk_that_is_full(clips: dict[str, Path], tmp_path: Path) -> None:
    """Simulated by a limit on the size of files, which the database reaches first."""
    output = tmp_path / "faces"
    words = ["extract", "-i", str(clips["sample_01"]), "-o", str(output), "-j", "1", "--every", "2"]

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, 70_000))

    run = facedouble(*words, preexec_fn=little_room)
    assert run.returncode == 1, run.stderr
    assert run.stderr.count("error:") == 1
    assert "cannot be written" in run.stderr
    assert "resume" in run.stderr
    assert "Traceback" not in run.stderr
    again = facedouble(*words, "-s")
    assert again.returncode == 0, again.stderr
    assert len(all_faces(output)) == 50


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_that_may_not_be_written(folder: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        extract(folder, locked / "faces", ALONE)


def test_an_output_that_cannot_be_a_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FacedoubleError, match=r"file"):
        extract(folder, tmp_path / "file" / "faces", ALONE)
    with pytest.raises(OutputError, match="not a faceset"):
        extract(folder, tmp_path / "file", ALONE)
    assert (tmp_path / "file").read_text() == "mine"
