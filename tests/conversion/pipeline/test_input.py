"""Input that cannot be used is refused in one line before any work; the command line and settings files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facedouble.cli.main import main
from facedouble.conversion.pipeline import convert
from facedouble.errors import FacedoubleError, InputError, ModelError, OutputError, SettingsError
from facedouble.faceset.layout import DATABASE
from facedouble.faceset.store import Faceset
from facedouble.models.card import DESCRIPTION
from facedouble.run.events import Event
from facedouble.run.run import Run
from facedouble.video.clip_source import ClipSource
from tests.conversion.pipeline.clips import (
    FAST,
    only,
    settings,
)


@pytest.mark.subprocess
def test_a_clip_whose_size_changes_midway(
    pictures: list[np.ndarray], stand_in: Path, make_clip: Callable[..., None], tmp_path: Path
) -> None:
    both = b""
    for name, shape in (("a.h264", (640, 360)), ("b.h264", (480, 270))):
        with av.open(str(tmp_path / name), "w", format="h264") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height = shape
            for picture in pictures[:6]:
                image = np.asarray(cv2.resize(picture, shape, interpolation=cv2.INTER_AREA), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))
        both += (tmp_path / name).read_bytes()
    source = tmp_path / "changing.h264"
    source.write_bytes(both)
    result = convert(source, stand_in, tmp_path / "out.mkv", settings())
    assert (result.frames, result.frames_swapped, result.failures) == (12, 12, ())
    assert {frame.size for frame in ClipSource(tmp_path / "out.mkv").frames()} == {(640, 360)}


@pytest.mark.parametrize(
    ("name", "changes", "error", "says"),
    [
        ("out.mp4", {"output_mode": "rgba"}, OutputError, "libx264 cannot hold alpha"),
        ("images", {"output_mode": "rgba", "image_format": "jpg"}, OutputError, "alpha"),
        ("images", {"image_format": "bmp"}, SettingsError, "png, jpg, tiff, exr"),
        ("out.mp4", {"discard_frames": True}, SettingsError, "`frames.ranges`: is missing"),
        ("out.mp4", {"frame_ranges": ("90-",)}, SettingsError, "no frame 90"),
        ("out.mp4", {"label": "two\nlines"}, SettingsError, "single line"),
        ("out.mkv", {"label": "x", "output_mode": "mask"}, SettingsError, "`render.label`"),
        ("out.webm", {}, OutputError, "cannot hold video of libx264"),
        ("no/folder/out.mp4", {}, OutputError, "there is no folder"),
        ("out.gif", {"encoding": FAST}, OutputError, "cannot write .gif"),
        ("images", {"encoding": FAST}, SettingsError, "is for clips, but"),
        ("out.mp4", {"image_format": "tiff"}, SettingsError, "is for images, but"),
        (
            "out.mp4",
            {"converter": "adjust", "mask_type": "rect"},
            SettingsError,
            "belongs to `converter.kind=masked`",
        ),
        (
            "out.mp4",
            {"smooth_mask": False},
            SettingsError,
            "belongs to `converter.kind=adjust`",
        ),
        ("out.mp4", {"colour": "none", "colour_space": "lab"}, SettingsError, "no colours are matched"),
        (
            "out.mp4",
            {"detail": "none", "sharpen_amount": 1.0},
            SettingsError,
            "`detail.amount`: belongs to",
        ),
        ("out.mp4", {"ref_threshold": 0.4}, SettingsError, "`faces.threshold`: has no effect"),
        ("out.mp4", {"mask_type": "learned", "occlusion": "learned"}, SettingsError, "`occlusion`: "),
    ],
)
def test_impossible_requests_are_refused_before_any_work(
    rich: Path,
    faces: Path,
    stand_in: Path,
    tmp_path: Path,
    name: str,
    changes: dict[str, object],
    error: type[FacedoubleError],
    says: str,
) -> None:
    with pytest.raises(error) as caught:
        how = settings(**{"encoding": None, **changes})  # type: ignore[arg-type]
        convert(rich, stand_in, tmp_path / name, how, faceset=faces)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert only(tmp_path)


def test_facesets_and_models_that_do_not_belong(
    rich: Path, pair_frames: Path, extracted_pair: Path, faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="another source"):
        convert(rich, stand_in, tmp_path / "out.mp4", settings(), faceset=extracted_pair)
    with pytest.raises(FacedoubleError, match="no model here"):
        convert(rich, faces, tmp_path / "out.mp4", settings(), faceset=faces)
    with pytest.raises(SettingsError, match="no learned mask"):
        convert(rich, stand_in, tmp_path / "out.mp4", settings(mask_type="learned"), faceset=faces)
    taken = tmp_path / "taken.mp4"
    taken.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        convert(rich, stand_in, taken, settings(), faceset=faces)
    assert taken.read_bytes() == b"mine"
    assert only(tmp_path, "taken.mp4")


def test_the_command_line(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["convert", "-i", str(rich), "--model", str(stand_in), "--faceset", str(faces)]
    command += ["-o", str(tmp_path / "out.mp4"), "--frame-ranges", "10-12", "20-21,30", "--discard-frames"]
    command += ["--preset", "ultrafast", "--no-credentials", "--device", "cpu"]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "6 faces replaced in 6 of 6 frames" in text
    assert "the slowest stage is" in text
    assert main(command) == 1
    assert "exists" in capsys.readouterr().err
    assert len(ClipSource(tmp_path / "out.mp4").times()) == 6


def test_a_saved_file_gives_the_same_bytes_as_the_options_did(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    file, first, second = tmp_path / "run.yaml", tmp_path / "one.mp4", tmp_path / "two.mp4"
    command = ["convert", "-i", str(rich), "-m", str(stand_in), "-a", str(faces), "-o", str(first)]
    command += [
        "--frame-ranges",
        "10-14",
        "-M",
        "facehull",
        "-S",
        "--detail",
        "sharpen",
        "--sharpener",
        "gsharpen",
        "--crf",
        "20",
    ]
    command += ["--preset", "ultrafast", "--no-credentials", "--device", "cpu", "--set", "faces.track=[0]"]
    assert main([*command, "--save-config", str(file)]) == 0
    whole = first.read_bytes()
    first.unlink()
    assert main(["convert", "--config", str(file)]) == 0
    assert first.read_bytes() == whole
    assert main(["convert", "--config", str(file), "-o", str(second), "--colour", "none"]) == 0
    assert second.read_bytes() != whole


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("converter: {mask: {kind: hull}}", "converter.mask.kind=hull`: no such mask; choose one of: rect"),
        ("detial: {}", "`detial`: there is no such setting; is detail meant?"),
        ("compute: {batch_size: many}", "`compute.batch_size=many`: must be a whole number"),
        ("blend: {kind: alpha}\nblend: {}", "blend is there twice"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_field_and_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(text)
    assert main(["convert", "-i", "a", "-m", "b", "-o", "c", "--config", str(file)]) in (1, 2)
    [line] = capsys.readouterr().err.splitlines()
    assert str(file) in line
    assert says in line


@pytest.mark.subprocess
def test_without_a_faceset_faces_are_found_as_those_that_the_model_was_trained_on(
    rich: Path, stand_in: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(stand_in, tmp_path / "model")
    card = json.loads((model / DESCRIPTION).read_text())
    card["extraction"] = {
        "a": [{"detector": "hog", "landmarks": "dlib68", "smoothing": 0, "align_eyes": True}]
    }
    (model / DESCRIPTION).write_text(json.dumps(card))
    found: dict[str, object] = {}

    def look(_: Event) -> None:
        """Keep what the faceset in the work folder says of itself while there is one."""
        for database in tmp_path.glob(f".*/faces/{DATABASE}"):
            with Faceset.open(database.parent) as store:
                found.update(store.source.settings)

    convert(rich, model, tmp_path / "out.mkv", settings(frame_ranges=("0-3",)), run=Run([look]))
    assert found["smoothing"] == 0
    assert found["align_eyes"] is True
    card["extraction"] = {"a": [{"detector": "of tomorrow"}]}
    (model / DESCRIPTION).write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"how faces were found cannot be used.*of tomorrow"):
        convert(rich, model, tmp_path / "other.mkv", settings(frame_ranges=("0-3",)))
