"""Which faces are replaced, and what becomes of frames that fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facedouble.cli.convert import INCOMPLETE, summary
from facedouble.cli.main import main
from facedouble.conversion.pipeline import convert
from facedouble.errors import ConversionError, FacedoubleError, SettingsError
from facedouble.faceset.store import Faceset
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run
from facedouble.video.clip_source import ClipSource
from facedouble.video.images import read_image, write_png
from facedouble.video.source import open_source
from tests.conversion.pipeline.clips import (
    FRAMES,
    LOSSLESS,
    PLAIN,
    only,
    planes,
    same,
    settings,
)


@pytest.mark.slow
def test_only_the_selected_person_or_track_is_replaced(
    pair_frames: Path, extracted_pair: Path, clips: dict[str, Path], stand_in: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "left.png"
    write_png(picture, next(iter(open_source(clips["sample_01"]).frames())).rgb())
    with Faceset.open(extracted_pair) as store:
        left = {face.track for face in store.faces() if face.box.left < 640}
        tracks = {face.track for face in store.faces()}
    (number,) = left
    ways = {
        "f": (settings(PLAIN, filter=(picture,)), True),
        "n": (settings(PLAIN, nfilter=(picture,)), False),
        "track": (settings(PLAIN, track=(number,)), True),
    }
    for name, (how, is_left) in ways.items():
        result = convert(pair_frames, stand_in, tmp_path / name, how, faceset=extracted_pair)
        assert (result.faces_swapped, result.faces_not_selected) == (12, 12)
        for frame in open_source(pair_frames).frames():
            new = read_image(tmp_path / name / f"{frame.index:04d}.png")
            halves = [np.array_equal(new[:, s], frame.rgb()[:, s]) for s in (slice(640), slice(640, None))]
            assert halves == ([False, True] if is_left else [True, False])
    with pytest.raises(SettingsError, match=f"77.*no such track in the faceset; it has .*{max(tracks)}"):
        convert(pair_frames, stand_in, tmp_path / "x", settings(PLAIN, track=(77,)), faceset=extracted_pair)
    assert not (tmp_path / "x").exists()


def test_a_face_whose_crop_was_deleted_stays(
    rich: Path, own_faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    for index in (4, 5):
        (own_faces / "faces" / f"{index:06d}_0.png").unlink()
    result = convert(rich, stand_in, tmp_path / "out.mkv", settings(LOSSLESS), faceset=own_faces)
    assert (result.faces_swapped, result.faces_deleted, result.frames_without_face) == (38, 2, 2)
    old, new = planes(rich), planes(tmp_path / "out.mkv")
    assert [same(a, b) for a, b in zip(old, new, strict=True)] == [i in (4, 5) for i in range(FRAMES)]


@pytest.mark.subprocess
def test_a_clip_without_any_face_is_copied_and_counted(
    phone_clips: dict[str, Path], stand_in: Path, tmp_path: Path
) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for frame in ClipSource(phone_clips["no_face"]).frames():
        if frame.index in (0, 20, 40):
            small = np.asarray(cv2.resize(frame.rgb(), None, fx=0.3, fy=0.3), np.uint8)
            write_png(frames / f"{frame.index:03d}.png", small)
    events: list[Event] = []
    result = convert(frames, stand_in, tmp_path / "out", settings(PLAIN), run=Run([events.append]))
    assert (result.frames, result.frames_without_face, result.faces_swapped) == (3, 3, 0)
    assert any(isinstance(e, Notice) and "no face was found" in e.text for e in events)
    for old, new in zip(open_source(frames).frames(), open_source(tmp_path / "out").frames(), strict=True):
        assert np.array_equal(old.rgb(), new.rgb())
    assert only(tmp_path, "frames", "out")


def test_a_frame_that_fails_stops_the_run_or_is_listed(
    rich: Path, faces: Path, stand_in: Path, broken_step: set[int], tmp_path: Path
) -> None:
    broken_step.update((11, 26))
    place = tmp_path / "results"
    place.mkdir()
    path = place / "out.mkv"
    how = settings(LOSSLESS, checkpoint_frames=10)
    with pytest.raises(ConversionError, match=r"frame 11 cannot be .*\(this step is broken\); with `k"):
        convert(rich, stand_in, path, how, faceset=faces)
    assert only(place, ".out.mkv.work")  # its first ten frames
    going = settings(LOSSLESS, checkpoint_frames=10, keep_going=True)
    result = convert(rich, stand_in, path, going, faceset=faces)
    assert (result.frames_resumed, result.frames, result.frames_swapped) == (10, 40, 38)
    assert [failure.frame for failure in result.failures] == [11, 26]
    text = list(summary(result))
    assert "2 frames could not be converted and were copied unchanged:" in text
    assert any(line.startswith("  frame 26: ") and len(line) > 14 for line in text)
    old, new = planes(rich), planes(path)
    assert [same(a, b) for a, b in zip(old, new, strict=True)] == [i in (11, 26) for i in range(FRAMES)]
    assert only(place, "out.mkv")


def test_the_exit_code_says_whether_all_some_or_no_faces_were_replaced(
    rich: Path,
    faces: Path,
    stand_in: Path,
    broken_step: set[int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["convert", "-i", str(rich), "-m", str(stand_in), "-a", str(faces), "--keep-going"]
    command += ["--preset", "ultrafast", "--no-credentials", "--device", "cpu", "--discard-frames"]
    command += ["--frame-ranges", "4-7"]
    for failing, code in (((), 0), ((5,), INCOMPLETE), (range(4, 8), 1)):
        broken_step.update(failing)
        output = tmp_path / f"{code}.mp4"
        assert main([*command, "-o", str(output)]) == code
        out, err = capsys.readouterr()
        errors = [line for line in err.splitlines() if line.startswith("error:")]
        assert f"{4 - len(failing)} faces replaced in {4 - len(failing)} of 4 frames" in out
        assert sum(line.startswith("  frame ") for line in out.splitlines()) == len(failing)
        assert len(errors) == (code == 1)
        assert len(ClipSource(output).times()) == 4
    assert "no face could be replaced: each of the 4 frames tried failed, the first because" in errors[0]


def test_a_model_that_draws_nan_fails_the_frame(
    rich: Path, faces: Path, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    def spoiled(weights: dict[str, torch.Tensor]) -> None:
        for tensor in weights.values():
            # Weights that are no numbers are refused; these overflow to both sides, and the sum is none.
            signs = 1 - 2 * (torch.arange(tensor.numel()) % 2)
            tensor.copy_((1e38 * signs).reshape(tensor.shape))

    model = make_model(tmp_path / "model", spoiled)
    how = settings(frame_ranges=("0-3",), colour="none", detail="none")
    with pytest.raises(FacedoubleError, match=r"frame 0 cannot be converted .*not a number"):
        convert(rich, model, tmp_path / "out.mkv", how, faceset=faces)
    assert only(tmp_path, "model")
