"""Making a project from clips, and looking at it, by the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from facedouble.cli.main import main
from facedouble.project.file import read_project
from facedouble.project.look import ConsentState, look


@pytest.fixture
def footage(clips: dict[str, Path], tmp_path: Path) -> Path:
    """A folder with a clip of each person inside the project's, and two of one name elsewhere."""
    for place in ("film/clips/anna.mp4", "film/clips/ben.mp4", "one/take.mp4", "two/take.mp4"):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clips["sample_02"], file)
    return tmp_path


def test_init_writes_all_of_it_out(footage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = footage / "film"
    release = footage / "release.txt"
    release.write_text("I agree.")
    takes = [str(footage / "one" / "take.mp4"), str(footage / "two" / "take.mp4")]
    arguments = [
        "init",
        str(film),
        "-A",
        str(film / "clips/anna.mp4"),
        *takes,
        "-B",
        str(film / "clips/ben.mp4"),
    ]
    assert main([*arguments, "--name-a", "anna", "--name-b", "ben", "--consent-b", str(release)]) == 0
    said = capsys.readouterr().out
    assert "ben's face goes into 3 clips of anna" in said
    assert "no consent of anna is recorded" in said
    assert said.splitlines()[-1].startswith(f"next: facedouble run {film}")
    project = read_project(film)
    paths = [clip.path for clip in project.people["anna"].clips]
    assert paths == ["clips/anna.mp4", *takes]
    facesets = [project.faceset("anna", clip) for clip in project.people["anna"].clips]
    assert facesets == ["faces/anna/anna", "faces/anna/take", "faces/anna/take-2"]
    assert list(project.results) == ["anna", "take", "take-2"]
    found = look(film)
    assert found.consent == {"anna": ConsentState.NONE, "ben": ConsentState.RECORDED}
    release.write_text("I do not agree.")
    assert look(film).consent["ben"] == ConsentState.CHANGED
    before = (film / "project.yaml").read_bytes()
    assert main([*arguments, "--name-a", "anna"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert (film / "project.yaml").read_bytes() == before


def test_status_and_a_dry_run_say_what_comes_next(footage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = footage / "film"
    main(["init", str(film), "-A", str(film / "clips/anna.mp4"), "-B", str(film / "clips/ben.mp4")])
    capsys.readouterr()
    assert main(["status", str(film / "clips")]) == 0
    said = capsys.readouterr().out
    assert [line.split()[-1] for line in said.splitlines() if line.startswith(("extract", "train"))] == [
        "missing"
    ] * 3
    assert f"next: facedouble run {film}" in said
    assert main(["run", str(film), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mkdir -p results"
    assert [line.split()[1] for line in lines[1:]] == ["extract", "extract", "train", "convert", "evaluate"]
    assert not (film / "faces").exists()
    (film / "clips" / "ben.mp4").unlink()
    assert main(["run", str(film)]) == 1
    assert capsys.readouterr().err == "error: extract b/ben: clips/ben.mp4 cannot be read\n"


def test_init_refuses_what_is_no_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.mp4").write_text("no clip")
    assert main(["init", str(tmp_path / "film"), "-A", str(tmp_path / "a.mp4"), "-B", "b.mp4"]) == 1
    assert "a.mp4" in capsys.readouterr().err
    assert not (tmp_path / "film").exists()


def test_an_output_that_a_link_leads_elsewhere_is_refused(
    footage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = footage / "film"
    main(["init", str(film), "-A", str(film / "clips/anna.mp4"), "-B", str(film / "clips/ben.mp4")])
    (film / "faces").symlink_to(footage / "one")
    capsys.readouterr()
    assert main(["run", str(film)]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "a link leads out of the project" in line
    assert [entry.name for entry in (footage / "one").iterdir()] == ["take.mp4"]
