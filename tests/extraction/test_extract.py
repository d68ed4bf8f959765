"""Extraction on real clips, from Python and from the command line."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from facedouble.errors import FacedoubleError, InputError, OutputError, SettingsError
from facedouble.extraction.extract import ExtractResult, extract
from facedouble.faces.identity import SAME_PERSON
from facedouble.faces.landmarks import eye_distance
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faceset.layout import DATABASE
from facedouble.faceset.store import Faceset
from facedouble.run.events import Event, Progress
from facedouble.run.run import Run
from facedouble.settings.extract import AtRate, EveryNth, ExtractSettings
from facedouble.settings.people import FaceChoice
from facedouble.settings.video import ClipEncoding
from facedouble.types import Face
from facedouble.video.clip_source import ClipSource
from facedouble.video.frame import Frame
from facedouble.video.images import read_image, write_png
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source
from tests.factories import same_face

FRAMES = 10
ALONE = ExtractSettings(processes=1)


def every(nth: int, **more: Any) -> ExtractSettings:
    return ExtractSettings(sampling=EveryNth(every=nth), **more)


def contents(path: Path) -> tuple[dict[str, bytes], list[tuple[object, ...]]]:
    """Crops and rows of a faceset, to compare two."""
    crops = {
        str(crop.relative_to(path)): crop.read_bytes()
        for folder in ("faces", "blurry", "dropped")
        for crop in sorted((path / folder).glob("*.png"))
    }
    with sqlite3.connect(path / DATABASE) as database:
        rows = [
            row
            for table in ("frame", "face", "handover")
            for row in database.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
        ]
    return crops, rows


def piece(clip: Path, target: Path, start: int, stop: int, step: int = 1) -> Path:
    """Frames of a clip as a clip of its own."""
    source = open_source(clip)
    with open_sink(target, source.info, ClipEncoding(), audio_from=None, overwrite=False) as sink:
        for frame in islice(source.frames(), start, stop, step):
            sink.write(frame)
    return target


def images(target: Path, *pictures: np.ndarray) -> Path:
    target.mkdir()
    for number, picture in enumerate(pictures):
        write_png(target / f"{number}.png", picture)
    return target


def all_faces(path: Path) -> list[Face]:
    with Faceset.open(path) as store:
        return store.all_faces()


def facedouble(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "facedouble", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def folder(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every tenth frame of the harder clip of A, as images."""
    path = tmp_path_factory.mktemp("frames of A")
    for frame in islice(open_source(clips["sample_02"]).frames(), 0, FRAMES * 10, 10):
        write_png(path / f"{frame.index:06d}.png", frame.rgb())
    return path


@pytest.fixture(scope="module")
def faceset(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "faces"
    extract(folder, path, ALONE)
    return path


@pytest.fixture(scope="module")
def whole(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExtractResult]:
    """A clip of A in full, with the default settings."""
    path = tmp_path_factory.mktemp("whole") / "faces"
    return path, extract(clips["sample_01"], path)


@pytest.fixture(scope="module")
def two_people(
    clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, Path, Path]:
    """A clip of A and B side by side, its faceset, and a picture of each."""
    path = tmp_path_factory.mktemp("two people")
    pairs = zip(
        open_source(clips["sample_01"]).frames(), open_source(clips["sample_03"]).frames(), strict=False
    )
    info = open_source(clips["sample_01"]).info
    with open_sink(path / "both.mp4", info, ClipEncoding(), audio_from=None, overwrite=False) as sink:
        for left, right in islice(pairs, 40):
            both = np.hstack([left.rgb()[:, 320:960], right.rgb()[:, 320:960]])
            sink.write(left.with_pixels(both))
    for name, clip in (("a", "sample_02"), ("b", "sample_04")):
        write_png(path / f"{name}.png", next(iter(open_source(clips[clip]).frames())).rgb())
    extract(path / "both.mp4", path / "faces")
    return path / "both.mp4", path / "faces", path / "a.png", path / "b.png"


def test_one_face_in_every_frame_upright_in_its_crop(faceset: Path) -> None:
    with Faceset.open(faceset) as store:
        faces = store.faces()
        assert store.complete
        assert [face.frame_index for face in faces] == list(range(FRAMES))
        for face in faces:
            crop = read_image(store.crop_path(face))
            assert crop.shape == (256, 256, 3)
            eyes = face.alignment[:, :2] @ face.smoothed[36:48].reshape(2, 6, 2).mean(axis=1).T
            assert abs(eyes[1, 0] - eyes[1, 1]) < 8, "the line of the eyes is level"
            assert 50 < eyes[0, 1] - eyes[0, 0] < 90
            assert face.sharpness > 10
            assert face.colour is not None
            assert 0.2 < face.colour[0].mean() < 0.9


def test_all_faces_are_one_person(faceset: Path) -> None:
    with Faceset.open(faceset) as store:
        descriptors = np.stack([face.descriptor for face in store.faces() if face.descriptor is not None])
    assert len(descriptors) == FRAMES, "single pictures are described each"
    distances = np.linalg.norm(descriptors - descriptors.mean(axis=0), axis=1)
    assert distances.max() < SAME_PERSON


@pytest.mark.subprocess
def test_the_number_of_processes_does_not_change_the_result(
    folder: Path, faceset: Path, tmp_path: Path
) -> None:
    extract(folder, tmp_path / "two", ExtractSettings(processes=2))
    assert contents(tmp_path / "two") == contents(faceset)


@pytest.mark.subprocess
@pytest.mark.parametrize("seconds", [0.7, 1.5])
def test_killed_and_run_again_it_ends_the_same(
    clips: dict[str, Path], whole: tuple[Path, ExtractResult], tmp_path: Path, seconds: float
) -> None:
    output = tmp_path / "killed"
    words = ["extract", "-i", str(clips["sample_01"]), "-o", str(output), "-s"]
    process = subprocess.Popen(
        [sys.executable, "-m", "facedouble", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not (output / DATABASE).exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(seconds * whole[1].elapsed / 2)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
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


# -- clips ------------------------------------------------------------------------------------------


def test_a_clip_is_one_track_in_every_frame(whole: tuple[Path, ExtractResult]) -> None:
    path, result = whole
    assert (result.frames, result.faces, result.frames_without_face, result.left_out) == (99, 99, 0, {})
    assert set(result.seconds) == {"decode", "detect", "landmarks", "describe", "track", "crop", "write"}
    assert all(seconds > 0 for seconds in result.seconds.values())
    faces = all_faces(path)
    assert {face.track for face in faces} == {0}
    origins = [face.origin for face in faces]
    assert origins.count("followed") > 80
    described = [face for face in faces if face.descriptor is not None]
    assert 2 <= len(described) <= 6
    assert [face.motion is None for face in faces] == [True] + [False] * 98


@pytest.mark.slow
def test_stretches_do_not_depend_on_the_number_of_processes(
    clips: dict[str, Path], whole: tuple[Path, ExtractResult], tmp_path: Path
) -> None:
    extract(clips["sample_01"], tmp_path / "faces", ALONE)
    assert contents(tmp_path / "faces") == contents(whole[0])


@pytest.mark.subprocess
def test_steady_landmarks_tremble_less_and_stay_where_they_are(
    clips: dict[str, Path], whole: tuple[Path, ExtractResult], tmp_path: Path
) -> None:
    extract(clips["sample_02"], tmp_path / "shaken")
    for path, ratio in ((whole[0], 3.0), (tmp_path / "shaken", 1.4)):
        faces = all_faces(path)
        raw = np.array([face.landmarks for face in faces])
        steady = np.array([face.smoothed for face in faces])
        eyes = np.mean([eye_distance(points, DLIB68) for points in raw])
        apart = np.linalg.norm(steady - raw, axis=2).mean(axis=1) / eyes
        assert apart.mean() < 0.015
        speed = np.linalg.norm(np.gradient(raw[:, 17:].mean(axis=1), axis=0), axis=1)
        assert apart[speed >= np.quantile(speed, 0.9)].mean() < 0.03

        def jitter(points: np.ndarray) -> float:
            middle = points[:, 27:48].mean(axis=1)
            return float(np.sqrt((np.diff(middle, n=2, axis=0) ** 2).sum(axis=1).mean()))

        assert jitter(raw) > ratio * jitter(steady)


@pytest.mark.subprocess
def test_a_phone_clip_whose_face_goes(phone_clips: dict[str, Path], tmp_path: Path) -> None:
    result = extract(phone_clips["face_noface"], tmp_path / "faces")
    assert (result.frames, result.faces, result.frames_without_face) == (169, 72, 97)
    assert [face.frame_index for face in all_faces(tmp_path / "faces")] == list(range(72))
    with Faceset.open(tmp_path / "faces") as store:
        assert 71 in [frame.index for frame in store.frames() if frame.ends_shot]
        times = [frame.pts for frame in store.frames()]
    assert times == [raw.pts for raw in open_source(phone_clips["face_noface"]).frames()]


@pytest.mark.subprocess
def test_a_small_face_in_a_small_clip(phone_clips: dict[str, Path], tmp_path: Path) -> None:
    """176 x 144 pixels, a man moving in a car."""
    result = extract(phone_clips["carphone_pristine"], tmp_path / "faces", every(4))
    assert result.faces >= 0.9 * result.frames


def test_several_faces_in_a_picture(phone_clips: dict[str, Path], tmp_path: Path) -> None:
    source = images(tmp_path / "in", read_image(phone_clips["multi_face"]))
    result = extract(source, tmp_path / "faces", ExtractSettings(processes=1, debug_landmarks=True))
    assert result.faces >= 4
    faces = all_faces(tmp_path / "faces")
    assert [face.face_index for face in faces] == list(range(len(faces)))
    widths = [face.box.width for face in faces]
    assert widths == sorted(widths, reverse=True)
    descriptors = [face.descriptor for face in faces if face.descriptor is not None]
    apart = [np.linalg.norm(a - b) for i, a in enumerate(descriptors) for b in descriptors[:i]]
    assert min(apart) > 0.4, "they are different people"
    for face in faces:
        crop = read_image(tmp_path / "faces" / "faces" / f"000000_{face.face_index}.png")
        marked = read_image(tmp_path / "faces" / "landmarks" / f"000000_{face.face_index}.png")
        changed = (crop != marked).any(axis=2)
        assert 68 < changed.sum() < 68 * 40
        points = face.smoothed @ face.alignment[:, :2].T + face.alignment[:, 2]
        inside = ((points >= 0) & (points < 256)).all(axis=1)
        x, y = points[inside].round().astype(int).T
        assert changed[y, x].all()


# -- options ----------------------------------------------------------------------------------------


def test_two_people_are_two_tracks(two_people: tuple[Path, Path, Path, Path]) -> None:
    faces = all_faces(two_people[1])
    tracks = {track: [f for f in faces if f.track == track] for track in {f.track for f in faces}}
    assert {track: len(found) for track, found in tracks.items()} == {0: 40, 1: 40}
    sides = [{face.box.centre[0] < 640 for face in found} for found in tracks.values()]
    assert sorted(map(sorted, sides)) == [[False], [True]]


@pytest.mark.subprocess
@pytest.mark.parametrize(
    ("options", "verdict", "left_kept"),
    [
        ("filter a", "stranger", True),
        ("nfilter a", "unwanted", False),
        ("filter a nfilter b", "stranger", True),
        ("filter ab nfilter b", "unwanted", True),
    ],
)
def test_references_keep_one_person(
    two_people: tuple[Path, Path, Path, Path], tmp_path: Path, options: str, verdict: str, left_kept: bool
) -> None:
    clip, _, a, b = two_people
    pictures = {"a": (a,), "b": (b,), "ab": (a, b)}
    words = options.split()
    chosen: dict[str, Any] = {
        name: pictures[value] for name, value in zip(words[::2], words[1::2], strict=True)
    }
    settings = every(8, faces=FaceChoice(**chosen))
    result = extract(clip, tmp_path / "faces", settings)
    assert (result.faces, result.left_out) == (5, {verdict: 5})
    for face in all_faces(tmp_path / "faces"):
        left = face.box.centre[0] < 640
        assert (face.status == "kept") is (left is left_kept)
        assert face.crop is not None
        assert face.crop.startswith("faces/" if face.status == "kept" else "dropped/")
        if "filter" in chosen:
            assert face.wanted_distance is not None
            if options != "filter ab nfilter b":
                assert (face.wanted_distance <= 0.6) is left
        if "nfilter" in chosen:
            assert face.unwanted_distance is not None
    if options == "filter a":
        strict = every(8, faces=FaceChoice(filter=(a,), threshold=0.01))
        assert extract(clip, tmp_path / "strict", strict).left_out == {"stranger": 10}


def test_a_reference_without_a_face_is_refused(
    two_people: tuple[Path, Path, Path, Path], tmp_path: Path
) -> None:
    write_png(tmp_path / "sky.png", np.full((90, 90, 3), 180, dtype=np.uint8))
    with pytest.raises(InputError, match=r"sky\.png: no face"):
        extract(two_people[0], tmp_path / "faces", every(1, faces=FaceChoice(filter=(tmp_path / "sky.png",))))
    assert not (tmp_path / "faces").exists()


@pytest.mark.slow
def test_a_frame_on_its_side_is_found_with_rotate_images(clips: dict[str, Path], tmp_path: Path) -> None:
    upright = next(iter(open_source(clips["sample_03"]).frames())).rgb()
    source = images(tmp_path / "in", upright, np.rot90(upright).copy(), np.rot90(upright, 2).copy())
    assert extract(source, tmp_path / "without", ALONE).faces == 1
    for name, angles in (("step", "90"), ("list", "180,270")):
        settings = ExtractSettings(processes=1, rotate_images=angles)
        assert extract(source, tmp_path / name, settings).faces == 3
        straight, lying, hanging = all_faces(tmp_path / name)
        assert (straight.rotation, lying.rotation, hanging.rotation) == (0, 270, 180)
        # np.rot90 takes (x, y) of a picture W wide to (y, W - 1 - x).
        expected = np.stack([straight.landmarks[:, 1], 1279 - straight.landmarks[:, 0]], axis=1)
        apart = np.linalg.norm(lying.landmarks - expected, axis=1).mean()
        assert apart < 0.03 * eye_distance(straight.landmarks, DLIB68)
        crops = [read_image(tmp_path / name / "faces" / f"00000{i}_0.png").astype(float) for i in range(3)]
        for crop in crops[1:]:
            assert np.corrcoef(crop.ravel(), crops[0].ravel())[0, 1] > 0.97, "its crop stands upright"


@pytest.mark.parametrize("angles", ["x", "0", "360", "90,400", "-90"])
def test_angles_that_are_none(folder: Path, tmp_path: Path, angles: str) -> None:
    with pytest.raises(SettingsError, match="rotate_images"):
        extract(folder, tmp_path / "faces", ExtractSettings(rotate_images=angles))
    assert not (tmp_path / "faces").exists()


def test_level_eyes(folder: Path, tmp_path: Path) -> None:
    extract(folder, tmp_path / "faces", ExtractSettings(processes=1, align_eyes=True))
    for face in all_faces(tmp_path / "faces"):
        points = face.smoothed @ face.alignment[:, :2].T + face.alignment[:, 2]
        assert abs(points[36:42, 1].mean() - points[42:48, 1].mean()) < 0.01


def test_blurry_faces_go_to_their_own_folder(clips: dict[str, Path], tmp_path: Path) -> None:
    sharp = next(iter(open_source(clips["sample_03"]).frames())).rgb()
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 9), dtype=np.uint8)
    source = images(tmp_path / "in", sharp, blurred)
    result = extract(source, tmp_path / "faces", ExtractSettings(processes=1, blur_threshold=20))
    assert (result.faces, result.left_out) == (1, {"blurry": 1})
    first, second = all_faces(tmp_path / "faces")
    assert first.sharpness > 20 > second.sharpness
    assert (first.crop, second.crop) == ("faces/000000_0.png", "blurry/000001_0.png")
    with Faceset.open(tmp_path / "faces") as store:
        assert [face.frame_index for face in store.faces()] == [0]
        assert [face.frame_index for face in store.faces(include_blurry=True)] == [0, 1]


@pytest.mark.subprocess
def test_size_smallest_and_most(two_people: tuple[Path, Path, Path, Path], tmp_path: Path) -> None:
    clip, _, _, _ = two_people
    small = extract(clip, tmp_path / "small", every(20, size=128, max_faces=1))
    assert (small.faces, small.left_out) == (2, {"surplus": 2})
    crops = list((tmp_path / "small" / "faces").iterdir())
    assert [read_image(crop).shape for crop in crops] == [(128, 128, 3)] * 2
    tiny = extract(clip, tmp_path / "none", every(20, min_face_size=1000))
    assert (tiny.faces, tiny.left_out) == (0, {"small": 4})
    assert list((tmp_path / "none" / "faces").iterdir()) == []


@pytest.mark.subprocess
def test_only_some_frames(clips: dict[str, Path], tmp_path: Path) -> None:
    assert extract(clips["sample_01"], tmp_path / "every", every(25)).frames == 4
    assert [face.frame_index for face in all_faces(tmp_path / "every")] == [0, 25, 50, 75]
    extract(clips["sample_01"], tmp_path / "fps", ExtractSettings(sampling=AtRate(fps=2)))
    assert [face.frame_index for face in all_faces(tmp_path / "fps")] == [0, 15, 30, 45, 60, 75, 90]
    with pytest.raises(SettingsError, match="exclude"):
        extract(
            clips["sample_01"],
            tmp_path / "both",
            ExtractSettings.read({"sampling": {"fps": 2.0, "every": 2}}),
        )


# -- what may go wrong --------------------------------------------------------------------------------


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
    assert "3 images could not be read" in run.stdout
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


@pytest.mark.parametrize(
    "settings",
    [
        {"sampling": {"every": 2, "fps": 10.0}},
        {"sampling": {"fps": float("inf")}},
        {"detector": "hgo"},
        {"blur_threshold": float("nan")},
    ],
    ids=["both", "fps", "detector", "nan"],
)
def test_settings_that_cannot_be_leave_nothing(
    folder: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError):
        extract(folder, tmp_path / "faces", ExtractSettings.read(settings))
    assert list(tmp_path.iterdir()) == []


def test_what_a_run_leaves_that_was_killed_while_it_began_is_no_obstacle(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "out" / "faces").mkdir(parents=True)
    (tmp_path / "out" / "faceset.sqlite.new").write_bytes(b"half")
    source = images(tmp_path / "in", next(iter(open_source(clips["sample_03"]).frames())).rgb())
    assert extract(source, tmp_path / "out", ALONE).faces == 1


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


@pytest.mark.subprocess
def test_the_command_says_what_it_did(clips: dict[str, Path], tmp_path: Path) -> None:
    clip = piece(clips["sample_03"], tmp_path / "short clip.mp4", 0, 20)
    run = facedouble("extract", "-i", clip, "-o", tmp_path / "faces of 她")
    assert run.returncode == 0, run.stderr
    assert "20 faces in 20 frames" in run.stdout
    assert "frames a second" in run.stdout
    for word in ("decode", "detect", "landmarks", "describe", "crop", "write", "took most"):
        assert word in run.stdout
    with av.open(str(clip)) as container:
        assert container.streams.video[0].frames == 20


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
