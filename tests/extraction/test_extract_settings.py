"""What the settings of extraction do, and those that are refused."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facedouble.errors import InputError, SettingsError
from facedouble.extraction.extract import extract
from facedouble.faces.align import map_points
from facedouble.faces.landmarks import eye_centres, eye_distance
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset
from facedouble.settings.extract import AtRate, ExtractSettings
from facedouble.settings.people import FaceChoice
from facedouble.video.images import read_image, write_png
from facedouble.video.source import open_source
from tests.extraction.facesets import all_faces, every, images


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
    assert extract(source, tmp_path / "without", ExtractSettings(processes=1, detector="hog")).faces == 1
    for name, angles in (("step", "90"), ("list", "180,270")):
        settings = ExtractSettings(processes=1, detector="hog", rotate_images=angles)
        assert extract(source, tmp_path / name, settings).faces == 3
        straight, lying, hanging = all_faces(tmp_path / name)
        assert (straight.rotation, lying.rotation, hanging.rotation) == (0, 270, 180)
        # np.rot90 takes (x, y) of a picture W wide to (y, W - 1 - x).
        expected = np.stack([straight.landmarks[:, 1], 1279 - straight.landmarks[:, 0]], axis=1)
        apart = np.linalg.norm(lying.landmarks - expected, axis=1).mean()
        assert apart < 0.03 * eye_distance(straight.landmarks, scheme_of(straight))
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
        right, left = eye_centres(map_points(face.alignment, face.smoothed), scheme_of(face))
        assert abs(right[1] - left[1]) < 0.01


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
