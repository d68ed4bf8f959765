"""``project.yaml``: what is read, what is refused, and what stays when it is written."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from facedouble.errors import InputError
from facedouble.project.file import find_project, read_content, read_project, write_content

PLAIN = """\
schema: 1
people:
  a: {clips: [one.mp4]}
  b: {clips: [two.mp4]}
"""


def refused(folder: Path, content: str | bytes) -> str:
    """What is said of a ``project.yaml`` with this content, in a single line and at once."""
    data = content if isinstance(content, bytes) else content.encode()
    (folder / "project.yaml").write_bytes(data)
    start = time.thread_time()
    with pytest.raises(InputError) as caught:
        read_project(folder)
    assert time.thread_time() - start < 5
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    assert text.startswith(str(folder / "project.yaml"))
    return text


def test_it_says_people_models_and_results(project_folder: Path) -> None:
    project = read_project(project_folder)
    assert [clip.path for clip in project.people["anna"].clips] == ["clips/anna-1.mp4", "clips/anna-2.mp4"]
    assert project.faceset("anna", project.people["anna"].clips[1]) == "faces/anna/anna-2"
    assert project.model_folder("anna-ben") == "models/anna-ben"
    assert (project.output("shot-1"), project.report("shot-1")) == (
        "results/shot-1.mp4",
        "results/shot-1.html",
    )
    assert project.settings.train == {"limits": {"iterations": 100}}


def test_a_project_is_found_from_a_folder_inside_it(project_folder: Path, tmp_path: Path) -> None:
    deep = project_folder / "faces" / "anna"
    deep.mkdir(parents=True)
    assert find_project(deep) == project_folder
    with pytest.raises(InputError, match="facedouble init"):
        find_project(tmp_path)


def test_comments_and_order_stay_when_it_is_written(project_folder: Path, text: str) -> None:
    content = read_content(project_folder)
    content["people"]["ben"]["clips"].append("clips/ben-2.mp4")
    project = write_content(project_folder, content)
    assert len(project.people["ben"].clips) == 2
    assert read_project(project_folder) == project
    written = (project_folder / "project.yaml").read_text(encoding="utf-8")
    assert written == text.replace("[clips/ben.mp4]", "[clips/ben.mp4, clips/ben-2.mp4]")


def test_what_is_not_valid_is_not_written(project_folder: Path, text: str) -> None:
    content = read_content(project_folder)
    content["people"]["ben"]["clips"].append("../ben.mp4")
    with pytest.raises(InputError, match="leads out"):
        write_content(project_folder, content)
    assert (project_folder / "project.yaml").read_text(encoding="utf-8") == text
    assert [entry.name for entry in project_folder.iterdir()] == ["project.yaml"]


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("a: anna\n", "a: 3\n", 15, "results.shot-1.a: must be a text"),
        ("clips: [clips/ben.mp4]", "clips: 3", 9, "people.ben.clips: must be a list"),
        ("clips: [clips/ben.mp4]", "clip: 3", 9, "people.ben.clip: there is no such setting here"),
        ("clips: [clips/ben.mp4]", "clips: [../ben.mp4]", 9, "leads out of the project"),
        ("clips: [clips/ben.mp4]", "clips: [{path: x.mp4, faceset: /tmp/x}]", 9, "must be relative"),
        ("clips: [clips/ben.mp4]", "clips: [clips/ben.mp4, /..]", 9, "leads out of the project"),
        ("clips: [clips/ben.mp4]", "clips: [.facedouble/jobs.sqlite]", 9, "belongs to the project itself"),
        ("clips: [clips/ben.mp4]", "clips: [x.mp4, x.mp4]", 9, "x.mp4 is listed twice"),
        ("    b: ben\n", "    b: carl\n", 16, "results.shot-1.b: there is no person 'carl'"),
        ("    b: ben\n", "    b: anna\n", 16, "must be two people"),
        ("model: anna-ben", "model: ../x", 17, "cannot be a name"),
        ("model: anna-ben", "model: other", 17, "there is no model 'other'"),
        ("    clip: clips/anna-1.mp4", "    clip: clips/ben.mp4", 14, "is not among the clips of 'anna'"),
        ("  shot-1:", "  con:", 13, "'con' cannot be a name"),
        ("  other-way:", "  other-way:\n    output: results/shot-1.MP4", 18, "give one of them a place"),
        ("  other-way:", "  other-way:\n    output: models/anna-ben/x.mp4", 18, "give one of them a place"),
        ("{iterations: 100}", "{iterations: .nan}", None, "not finite"),
        ("{iterations: 100}", "{iterations: 2026-11-26}", None, "put it in quotes"),
        ("{iterations: 100}", "!!python/object/apply:os.system [id]", 24, "a tag of YAML"),
        ("{iterations: 100}", "&x {iterations: 100}", 24, "an anchor of YAML"),
        ("schema: 1", "schema: 99", None, "made by a newer version"),
        ("schema: 1", "schema: one", None, "schema must be a number"),
        ("  ben:", "  anna: {}\n  ben:", None, 'found duplicate key "anna"'),
    ],
)
def test_what_is_wrong_is_said_with_line_and_field(
    project_folder: Path, text: str, old: str, new: str, line: int | None, expected: str
) -> None:
    assert old in text
    said = refused(project_folder, text.replace(old, new, 1))
    assert expected in said
    if line is not None:
        assert f"project.yaml, line {line}: " in said


@pytest.mark.parametrize(
    "content",
    [
        "",
        "- 1\n",
        "people: [",
        "[" * 100_000,
        "a: " + "{" * 100_000,
        "- " * 100_000,
        "a: " + "[" * 15 + "1",
        "x" * (2 << 20),
        b"\xff\xfe\x00\x01",
        "a: \x00",
        "a: \x1b[31m\x1b]0;x\x07",
        "%YAML 9.9\n---\na: 1\n",
        "--- 1\n--- 2\n",
        "people: {a: {}}\n",
        "? [1, 2]\n: 3\n",
        "1: 2\n",
    ],
    ids=lambda value: repr(value[:12]),
)
def test_hostile_content_is_one_line(tmp_path: Path, content: str | bytes) -> None:
    said = refused(tmp_path, content)
    assert said.isprintable()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in folders")
@pytest.mark.parametrize("kind", ["pipe", "folder", "link", "device"])
def test_what_is_no_file_is_one_line_and_does_not_hang(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "project.yaml"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to("/dev/zero" if kind == "device" else "/etc/hostname")
    with pytest.raises(InputError, match=r"project\.yaml"):
        read_project(tmp_path)


def test_thousands_of_clips_are_read_in_no_time(tmp_path: Path) -> None:
    clips = "".join(f"      - clips/take-{number:04d}.mp4\n" for number in range(5000))
    text = PLAIN.replace("  a: {clips: [one.mp4]}", f"  a:\n    clips:\n{clips.rstrip()}")
    (tmp_path / "project.yaml").write_text(text)
    start = time.thread_time()
    assert len(read_project(tmp_path).people["a"].clips) == 5000
    assert time.thread_time() - start < 5
