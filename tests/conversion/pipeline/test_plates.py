"""A plate goes in and a plate comes out: what is not the face is the plate to the bit."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedouble.conversion.pipeline import convert
from facedouble.errors import InputError, SettingsError
from facedouble.extraction.extract import extract
from facedouble.faceset.store import Faceset
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.options import from_options
from facedouble.settings.reading import Reading
from facedouble.settings.video import ClipEncoding, ImageEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.exr import linear
from facedouble.video.source import open_source
from tests.video.plates import exr_parts, exr_rgb, timecode, window, write_rgb

pytestmark = [pytest.mark.subprocess, pytest.mark.slow]

NUMBERS = (1001, 1002, 1004, 1005)
READING = Reading(input_colourspace="ACEScg")
MARGIN = 16  # pixels of overscan on each side


@pytest.fixture(scope="module")
def shot(pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plates of half floats with overscan and highlights over 1, of which one frame is missing."""
    folder = tmp_path_factory.mktemp("shot")
    for number in NUMBERS:
        light = linear(pictures[number - NUMBERS[0]])
        light[:40, -60:] = 7.5  # a lamp
        light[light > 0.5] *= 3  # highlights, on the forehead too
        padded = np.pad(light, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="reflect")
        write_rgb(
            folder / f"plate.{number}.exr",
            padded.astype(np.float16),
            dataWindow=window(-MARGIN, -MARGIN, 640 + 2 * MARGIN, 360 + 2 * MARGIN),
            displayWindow=window(0, 0, 640, 360),
            timeCode=timecode(1, 0, 0, number - NUMBERS[0]),
            framesPerSecond=Fraction(24, 1),
            owner="the show",
        )
    return folder / "plate.####.exr"


@pytest.fixture(scope="module")
def shot_faces(shot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shot") / "faces"
    extract(shot, path, ExtractSettings(processes=1, reading=READING))
    return path


def settings(**changes: Any) -> ConvertSettings:
    plain = {"device": "cpu", "precision": "fp32", "credentials": False, "reading": READING}
    return from_options(ConvertSettings, **{**plain, **changes})


def test_faces_know_the_names_of_their_frames(shot: Path, shot_faces: Path) -> None:
    with Faceset.open(shot_faces) as store:
        names = [frame.name for frame in store.frames()]
        assert len(store.all_faces()) == len(NUMBERS)
        assert [frame.pts for frame in store.frames()] == [0, 1, 3, 4]
    assert names == [f"plate.{number}.exr" for number in NUMBERS]


def test_a_plate_with_its_new_face_in_layers(
    shot: Path, shot_faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    how = settings(
        output_mode="layers",
        encoding=ImageEncoding(format="exr"),
        frame_ranges=("1002-1004",),
        occlusion="none",
    )
    result = convert(shot, stand_in, out, how, faceset=shot_faces)
    assert (result.frames, result.frames_swapped) == (4, 2)
    assert sorted(file.name for file in out.iterdir()) == [f"plate.{number}.exr" for number in NUMBERS]
    for number in NUMBERS:
        ((_, channels, header),) = exr_parts(out / f"plate.{number}.exr")
        before = exr_rgb(shot.parent / f"plate.{number}.exr")
        after = np.dstack([channels[name] for name in "RGB"])
        alpha = channels["face.A"].astype(np.float32)
        assert set(channels) == {*"RGB", *(f"face.{name}" for name in "RGBA"), "mask.A"}
        assert after.dtype == np.float16
        assert after[alpha == 0].tobytes() == before[alpha == 0].tobytes()
        assert (header["owner"], header["framesPerSecond"]) == ("the show", 24)
        assert str(header["timeCode"]) == str(timecode(1, 0, 0, number - NUMBERS[0]))
        assert np.array_equal(header["dataWindow"][0], [-MARGIN, -MARGIN])
        assert (alpha > 0).any() == (number in (1002, 1004))
        if number not in (1002, 1004):
            continue
        assert (alpha == 1).sum() > 1000
        assert np.abs(channels["mask.A"].astype(np.float32) - alpha).max() < 1e-3
        # What a compositor gets by laying the layer over the plate is the composite.
        face = np.dstack([channels[f"face.{name}"] for name in "RGB"]).astype(np.float32)
        over = face + (1 - alpha[..., None]) * before.astype(np.float32)
        assert np.abs(over - after).max() < 0.02 * max(1.0, float(after.max()))
        assert np.abs(after[alpha == 1].astype(float) - before[alpha == 1]).mean() > 0.01


def test_plates_become_a_clip_at_their_own_rate_and_gaps_stay(
    shot: Path, shot_faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mkv"
    convert(shot, stand_in, out, settings(encoding=ClipEncoding(codec="ffv1")), faceset=shot_faces)
    frames = list(ClipSource(out).frames())
    assert [round(frame.seconds * 24) for frame in frames] == [0, 1, 3, 4]
    (first, *_) = open_source(shot, READING).frames()
    shown = frames[0].rgb().astype(int)
    assert (shown[:40, -60:] >= 254).all()  # the lamp
    expected = first.rgb().astype(int)
    dark = expected.max(axis=2) < 200  # below the knee, where both are sRGB
    assert dark.mean() > 0.1
    assert np.median(np.abs(shown - expected)[dark]) <= 1


def test_layers_need_openexr(shot: Path, stand_in: Path, shot_faces: Path, tmp_path: Path) -> None:
    for output, encoding in ((tmp_path / "a", None), (tmp_path / "a.mp4", None)):
        with pytest.raises(SettingsError, match="is for a folder of OpenEXR images"):
            how = settings(output_mode="layers", encoding=encoding)
            convert(shot, stand_in, output, how, faceset=shot_faces)
        assert not output.exists()


@pytest.mark.parametrize(("handles", "expected"), [(0, [1002]), (1, [1001, 1002]), (9, list(NUMBERS))])
def test_one_event_of_a_cut_with_its_handles(
    shot: Path, shot_faces: Path, stand_in: Path, tmp_path: Path, handles: int, expected: list[int]
) -> None:
    cut = tmp_path / "cut.edl"
    cut.write_text(
        "001  OTHER V C 00:00:01:00 00:00:02:00 00:00:00:00 00:00:01:00\n"
        "002  PLATE V C 01:00:00:01 01:00:00:02 00:00:01:00 00:00:01:01\n"
    )
    how = settings(
        cut=cut, event=2, handles=handles, encoding=ImageEncoding(format="exr"), output_mode="composite"
    )
    events: list[Event] = []
    out = tmp_path / "out"
    result = convert(shot, stand_in, out, how, faceset=shot_faces, run=Run([events.append]))
    assert result.frames_swapped == len(expected)
    assert sorted(file.name for file in out.iterdir()) == [f"plate.{number}.exr" for number in expected]
    said = [event.text for event in events if isinstance(event, Notice) and event.code == "convert.cut"]
    short = "the source has 1 of 9 frames in front of event 2, and 3 behind it"
    assert said == ([short] if handles == 9 else [])
    with pytest.raises(InputError, match=r"event 1 \(OTHER\) uses frames 24 to 47"):
        convert(shot, stand_in, tmp_path / "no", settings(cut=cut, event=1), faceset=shot_faces)
    assert not (tmp_path / "no").exists()
