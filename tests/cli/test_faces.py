from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from facedouble.cli.main import main
from facedouble.faceset.layout import DATABASE, crop_name
from facedouble.faceset.store import Faceset
from facedouble.video.images import read_image, write_png

Run = Callable[..., tuple[int, str, list[str]]]

FRAMES = 12
FACES = 2 * FRAMES


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``faces`` and gives the exit code, what it said, and its lines of complaint."""

    def call(*arguments: object) -> tuple[int, str, list[str]]:
        code = main(["faces", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, [line for line in said.err.splitlines() if line.startswith("error:")]

    return call


def tree(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def used(path: Path) -> list[tuple[int, int]]:
    with Faceset.open(path) as store:
        return [face.key for face in store.faces()]


def test_without_options_it_counts_and_changes_nothing(run: Run, pair: Path) -> None:
    before = tree(pair)
    code, said, _ = run(pair)
    assert code == 0
    assert "frames: 1280x360, 12 frames, 0.5 s" in said.splitlines()[0]
    assert "12 frames: 0 without a face, 0 that could not be read" in said
    assert "24 in use" in said
    assert "person 1             12 faces   50%" in said
    assert "frames 0 to 11  0.0 to 0.4 s" in said
    assert tree(pair) == before


def test_a_faceset_that_is_not_finished_says_so(run: Run, pair: Path) -> None:
    with Faceset.open(pair) as store:
        store.set_meta("complete", "0")
        store.commit()
    assert "did not finish" in run(pair)[1]


def test_a_second_person_is_thrown_out_and_brought_back(run: Run, pair: Path) -> None:
    assert run(pair, "--remove", "person:1") == (0, "12 crops moved to dropped/: 12 from faces/\n", [])
    assert len(used(pair)) == FRAMES
    assert run(pair, "--restore", "person:1") == (0, "12 crops moved to faces/: 12 from dropped/\n", [])
    assert len(used(pair)) == FACES
    code, said, _ = run(pair, "--remove", "000002_1", "--remove", "faces/0007-000003_0.png")
    assert (code, said) == (0, "2 crops moved to dropped/: 2 from faces/\n")
    assert set(used(pair)) == {(i, n) for i in range(FRAMES) for n in range(2)} - {(2, 1), (3, 0)}


def test_sorting_and_sorting_back(run: Run, pair: Path) -> None:
    before = tree(pair)
    assert run(pair, "--sort", "identity")[1] == "24 crops renamed, in order of identity\n"
    assert sorted(path.name for path in (pair / "faces").iterdir()) == ["person_0", "person_1"]
    assert run(pair, "--sort", "sharpness")[0] == 0
    assert len(list((pair / "faces").glob("00??-??????_?.png"))) == FACES
    assert run(pair, "--sort", "frame")[0] == 0
    assert tree(pair) == before


def test_a_name_that_is_taken_is_told(run: Run, pair: Path) -> None:
    (pair / "faces" / "person_0").mkdir()
    (pair / "faces" / "person_0" / f"{crop_name(0, 0)}").mkdir()
    (pair / "faces" / "person_1").mkdir()
    (pair / "faces" / "person_1" / f"{crop_name(0, 0)}").mkdir()
    _, said, _ = run(pair, "--sort", "identity")
    assert f"is taken: {Path('faces') / crop_name(0, 0)}" in said
    assert "23 crops renamed" in said


def test_what_looks_wrong_is_listed_and_drawn(run: Run, pair: Path) -> None:
    assert run(pair, "--review")[1] == "nothing looks wrong\n"
    assert not (pair / "review.jpg").exists()
    with Faceset.open(pair) as store:
        faces = store.all_faces()
        store.put_faces([faces[5].with_(confidence=-2.0), faces[9].with_(confidence=-1.0)])
        store.put_faces([faces[12].with_(confidence=-3.0)])
        store.commit()
    # One that was thrown out already is not listed again.
    (pair / "faces" / crop_name(*faces[12].key)).rename(pair / "dropped" / crop_name(*faces[12].key))
    first = f"{Path(crop_name(*faces[5].key)).stem}  the detector was unsure (-2.00"
    second = f"{Path(crop_name(*faces[9].key)).stem}  the detector was unsure (-1.00"
    code, said, _ = run(pair, "--review")
    lines = said.splitlines()
    assert code == 0
    assert lines[0].startswith(first)
    assert lines[1].startswith(second)
    assert len(lines) == 3
    assert str(pair / "review.jpg") in lines[2]
    both = read_image(pair / "review.jpg").shape
    _, said, _ = run(pair, "--review", "--limit", "1")
    assert said.splitlines()[1] == "and 1 more (--limit 2)"
    assert read_image(pair / "review.jpg").shape[1] < both[1]
    assert len(used(pair)) == FACES - 1, "looking changes nothing"


def test_pictures_are_drawn(run: Run, pair: Path, extracted_pair: Path, tmp_path: Path) -> None:
    sheet, alone, beside = tmp_path / "sheet.jpg", tmp_path / "alone.png", tmp_path / "beside.png"
    assert run(pair, "--contact-sheet", sheet, "--limit", 7)[1] == f"written: {sheet}\n"
    assert read_image(sheet).shape[1] == 12 + 7 * 172
    code, said, _ = run(pair, "--coverage", alone)
    assert code == 0
    assert "95% of the 24 faces have a yaw of" in said
    assert "None of the faces look to the left of the image" in said
    _, said, _ = run(pair, "--coverage", beside, "--against", extracted_pair)
    assert "Everything that faceset" in said
    for picture in (alone, beside):
        assert read_image(picture).shape[1] == 1640


def test_several_things_at_once_in_their_order(run: Run, pair: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    code, said, _ = run(pair, "--contact-sheet", sheet, "--sort", "yaw", "--remove", "person:1")
    assert code == 0
    assert [line.split()[2] for line in said.splitlines()[:2]] == ["moved", "renamed,"]
    assert len(list((pair / "faces").glob("00??-??????_?.png"))) == FRAMES
    assert read_image(sheet).shape[1] == 12 + 10 * 172


def test_a_lost_database_is_made_again(run: Run, pair: Path, pair_frames: Path) -> None:
    (pair / DATABASE).unlink()
    stranger = pair / "faces" / crop_name(4, 0)
    write_png(stranger, read_image(stranger))
    code, said, errors = run(pair)
    assert code == 1
    assert "rebuild" in errors[0]
    code, said, _ = run(pair, "--rebuild", "--source", pair_frames)
    assert code == 0
    assert "23 faces in 12 frames" in said
    assert said.splitlines()[2:] == [f"left alone, it has no usable record: faces/{stranger.name}"]
    assert set(used(pair)) == {(i, n) for i in range(FRAMES) for n in range(2)} - {(4, 0)}
    code, _, errors = run(pair, "--rebuild")
    assert code == 1
    assert "can be read" in errors[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--remove", "person:0", "--restore", "000001_0"], "--restore: excludes --remove"),
        (["--rebuild", "--sort", "yaw"], "--sort: belongs to"),
        (["--rebuild", "--remove", "person:1"], "belongs to 'curate'"),
        (["--rebuild", "--contact-sheet", "a.jpg"], "--contact-sheet: belongs to"),
        (["--against", "other"], "--coverage: is missing"),
        (["--source", "clip.mp4"], "--source: belongs to --rebuild"),
        (["--limit", "3"], "--limit: has no effect"),
        (["--sort", "beauty"], "--sort beauty: no such sort order"),
        (["--remove", "person:1", "--sort", "beauty"], "--sort beauty: no such sort order"),
        (["--remove", "person:1", "--coverage", "a.gif"], "must end in"),
        (["--remove", "person:1", "--coverage", "a.png", "--against", "missing"], "missing"),
        (["--remove", "person:1", "--remove", "person:5"], "no person:5"),
        (["--remove", "nonsense"], "'nonsense' is none of"),
        (["--restore", "track:99"], "no track:99"),
        (["--contact-sheet", "missing/a.png"], "missing"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    arguments: list[str], said: str, run: Run, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = tree(tmp_path)
    code, output, errors = run(pair, *arguments)
    assert code == 1
    assert output == ""
    assert len(errors) == 1
    assert said in errors[0]
    assert tree(tmp_path) == before


def test_a_folder_that_is_no_faceset(run: Run, tmp_path: Path) -> None:
    code, _, errors = run(tmp_path / "nothing")
    assert code == 1
    assert "not a faceset" in errors[0]


@pytest.mark.subprocess
def test_it_runs_as_a_program(pair: Path) -> None:
    command = [sys.executable, "-m", "facedouble", "faces", str(pair), "--sort", "review"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "24 crops renamed, in order of review\n"
