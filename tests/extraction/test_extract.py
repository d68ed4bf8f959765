"""Extraction on real clips and images: which faces are found, and how they are kept."""

from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.extraction.extract import ExtractResult, extract
from facedouble.faces.align import map_points
from facedouble.faces.identity import SAME_PERSON
from facedouble.faces.landmarks import eye_centres, eye_distance
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.video import ClipEncoding
from facedouble.video.images import read_image
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source
from tests.extraction.facesets import ALONE, FRAMES, all_faces, contents, every, facedouble, images


def piece(clip: Path, target: Path, start: int, stop: int, step: int = 1) -> Path:
    """Frames of a clip as a clip of its own."""
    source = open_source(clip)
    with open_sink(target, source.info, ClipEncoding(), audio_from=None, overwrite=False) as sink:
        for frame in islice(source.frames(), start, stop, step):
            sink.write(frame)
    return target


def test_one_face_in_every_frame_upright_in_its_crop(faceset: Path) -> None:
    with Faceset.open(faceset) as store:
        faces = store.faces()
        assert store.complete
        assert [face.frame_index for face in faces] == list(range(FRAMES))
        for face in faces:
            crop = read_image(store.crop_path(face))
            assert crop.shape == (256, 256, 3)
            right, left = eye_centres(map_points(face.alignment, face.smoothed), scheme_of(face))
            assert abs(left[1] - right[1]) < 8, "the line of the eyes is level"
            assert 50 < left[0] - right[0] < 90
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
    for path, ratio in ((whole[0], 1.5), (tmp_path / "shaken", 1.1)):
        faces = all_faces(path)
        raw = np.array([face.landmarks for face in faces])
        steady = np.array([face.smoothed for face in faces])
        scheme = scheme_of(faces[0])
        eyes = np.mean([eye_distance(points, scheme) for points in raw])
        apart = np.linalg.norm(steady - raw, axis=2).mean(axis=1) / eyes
        assert apart.mean() < 0.015
        speed = np.linalg.norm(np.gradient(raw[:, list(scheme.inner)].mean(axis=1), axis=0), axis=1)
        assert apart[speed >= np.quantile(speed, 0.9)].mean() < 0.03
        jitter = [
            float(np.sqrt((np.diff(middle, n=2, axis=0) ** 2).sum(axis=1).mean()))
            for middle in (points[:, list(scheme.stable)].mean(axis=1) for points in (raw, steady))
        ]
        assert jitter[0] > ratio * jitter[1]


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
        shown = list(scheme_of(face).regions.points)
        assert len(shown) < changed.sum() < 40 * len(shown)
        points = face.smoothed[shown] @ face.alignment[:, :2].T + face.alignment[:, 2]
        inside = ((points >= 0) & (points < 256)).all(axis=1)
        x, y = points[inside].round().astype(int).T
        assert changed[y, x].all()


def test_two_people_are_two_tracks(two_people: tuple[Path, Path, Path, Path]) -> None:
    faces = all_faces(two_people[1])
    tracks = {track: [f for f in faces if f.track == track] for track in {f.track for f in faces}}
    assert {track: len(found) for track, found in tracks.items()} == {0: 40, 1: 40}
    sides = [{face.box.centre[0] < 640 for face in found} for found in tracks.values()]
    assert sorted(map(sorted, sides)) == [[False], [True]]


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
