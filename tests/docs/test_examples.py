"""The examples, run as a user runs them, on a second of two actors' clips."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.settings.video import ClipEncoding
from facedouble.video.images import read_image
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = [pytest.mark.subprocess, pytest.mark.slow]


def run(name: str, *arguments: object) -> str:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def short(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Twenty frames of each actor at half size, as ``a`` and ``b``, and a picture of each."""
    folder = tmp_path_factory.mktemp("short")
    made = {}
    for side, name in (("a", "sample_02"), ("b", "sample_04")):
        source = open_source(clips[name])
        made[side] = folder / f"{side}.mp4"
        info = replace(source.info, width=640, height=360)
        settings = ClipEncoding(preset="ultrafast", crf=12)
        with open_sink(made[side], info, settings, audio_from=None, overwrite=True) as sink:
            for frame in islice(source.frames(), 20):
                image = frame.rgb(size=(640, 360))
                sink.write(frame.with_pixels(image))
                if frame.index == 0:
                    made[f"picture of {side}"] = folder / f"{side}.png"
                    cv2.imwrite(str(folder / f"{side}.png"), image[..., ::-1])
    return made


@pytest.fixture(scope="session")
def own_clips(short: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that ``own_clips.py`` made, and what it printed."""
    folder = tmp_path_factory.mktemp("own clips")
    text = run("own_clips.py", short["a"], short["b"], "--minutes", 0.05, "--output", folder)
    return folder, text


def test_own_clips(own_clips: tuple[Path, str]) -> None:
    folder, text = own_clips
    assert "20 faces swapped in 20 frames" in text
    assert "How good is this swap?" in (folder / "report.html").read_text(encoding="utf-8")
    assert len(list(open_source(folder / "swap.mp4").frames())) == 20


def test_several_clips(short: dict[str, Path], tmp_path: Path) -> None:
    arguments = ["--a", short["a"], "--b", short["b"], "--picture-of-a", short["picture of a"]]
    text = run("several_clips.py", *arguments, "--minutes", 0.02, "--output", tmp_path / "out")
    assert f"{short['a']}: 20 faces, 0 left out" in text
    assert (tmp_path / "out/model/model.json").is_file()


def test_python_api(short: dict[str, Path], tmp_path: Path) -> None:
    text = run("python_api.py", short["a"], "--output", tmp_path / "faces")
    assert "20 faces in 20 frames" in text
    assert "track 0: 20 faces; the sharpest is in frame" in text


def test_python_api_says_what_is_wrong(short: dict[str, Path], tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "python_api.py"), str(short["a"]), "--size", "7"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "error: `size=7`: must be from 64 to 1024\n"
    assert list(tmp_path.iterdir()) == []


def test_compositor_output(own_clips: tuple[Path, str], short: dict[str, Path], tmp_path: Path) -> None:
    folder, _ = own_clips
    arguments = [
        short["a"],
        folder / "faces-a",
        folder / "model",
        "--output",
        tmp_path / "rgba",
        "--frame",
        5,
    ]
    assert "frame 5" in run("compositor_output.py", *arguments)
    assert len(list((tmp_path / "rgba").glob("*.png"))) == 20
    composite = read_image(tmp_path / "rgba-composite.png").astype(int)
    source = next(islice(open_source(short["a"]).frames(), 5, None)).rgb().astype(int)
    changed = np.abs(composite - source).max(axis=2) > 1
    assert 0.01 < changed.mean() < 0.3, "the face, and nothing else"


def test_evaluate_a_swap(own_clips: tuple[Path, str], short: dict[str, Path], tmp_path: Path) -> None:
    folder, _ = own_clips
    report = tmp_path / "report.html"
    arguments = [short["a"], folder / "swap.mp4", short["a"], "--b", short["b"], "--report", report]
    text = run("evaluate_a_swap.py", *arguments)
    assert text.count("distance to B") == 2
    assert report.is_file()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_each_explains_itself(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert f"python examples/{path.name}" in source
    assert f"({path.name})" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert "usage:" in run(path.name, "--help")
