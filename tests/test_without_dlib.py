"""The program as it is installed by default, without dlib: in processes that cannot import it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facedouble.faceset.store import Faceset
from tests.conftest import PAIR_FRAMES
from tests.without import facedouble, python, without

pytestmark = pytest.mark.subprocess


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For processes, and those that they start, in which dlib is not installed."""
    return without(tmp_path_factory.mktemp("site"), "dlib", "face_recognition_models")


def test_dlib_is_not_there(environment: dict[str, str]) -> None:
    assert "No module named 'dlib'" in python(environment, "-c", "import dlib").stderr


def test_every_module_can_be_imported(environment: dict[str, str]) -> None:
    script = (
        "import importlib, pkgutil, facedouble\n"
        "for module in pkgutil.walk_packages(facedouble.__path__, 'facedouble.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "print('all')"
    )
    done = python(environment, "-c", script)
    assert done.stdout == "all\n", done.stderr


def test_doctor_says_what_the_extra_is_for(environment: dict[str, str]) -> None:
    done = facedouble(environment, "doctor")
    assert done.returncode == 0, done.stdout
    assert 'pip install "facedouble[dlib]"' in done.stdout


@pytest.mark.parametrize(("option", "name"), [("--detector", "hog"), ("--landmarks", "dlib68")])
def test_what_needs_dlib_says_so_in_one_line(
    option: str, name: str, environment: dict[str, str], pair_frames: Path, tmp_path: Path
) -> None:
    others = {"--detector": "mediapipe", "--landmarks": "mediapipe478", option: name}
    options = [part for pair in others.items() for part in pair]
    done = facedouble(environment, "extract", "-i", pair_frames, "-o", tmp_path / "faces", *options)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert 'pip install "facedouble[dlib]"' in done.stderr
    assert not (tmp_path / "faces").exists()


def test_faces_are_found_and_told_apart(
    environment: dict[str, str], pair_frames: Path, tmp_path: Path
) -> None:
    done = facedouble(environment, "extract", "-i", pair_frames, "-o", tmp_path / "faces")
    assert done.returncode == 0, done.stderr
    with Faceset.open(tmp_path / "faces") as faceset:
        faces = faceset.faces()
        assert {face.scheme for face in faces} == {"mediapipe478"}
        assert len(faces) == 2 * PAIR_FRAMES
        assert len({face.track for face in faces}) == 2
        assert any(face.descriptor is not None for face in faces)


def test_a_result_is_judged_by_the_only_landmarks_there_are_and_it_says_so(
    environment: dict[str, str], pair_frames: Path, tmp_path: Path
) -> None:
    faces = tmp_path / "faces"
    done = facedouble(environment, "extract", "-i", pair_frames, "-o", faces)
    assert done.returncode == 0, done.stderr
    same = ("-r", pair_frames, "-i", pair_frames, "-a", faces, "-B", faces)
    report, values = tmp_path / "report.html", tmp_path / "values.json"
    done = facedouble(environment, "evaluate", *same, "-o", report, "--json", values)
    assert done.returncode == 0, done.stderr
    said = "judged by mediapipe478, which the swap follows as well; with dlib68 installed it would be judged"
    assert said in done.stdout
    assert said in report.read_text(encoding="utf-8")
    (result,) = json.loads(values.read_text(encoding="utf-8"))["results"]
    assert result["landmarks"] == {
        "driver": "mediapipe478",
        "judges": {"mediapipe478": PAIR_FRAMES},
    }
    assert result["measures"]["pose"]["value"] < 0.5
