"""Images taken out of a folder change nothing for the others; changed and new ones are named."""

import os
import shutil
import sqlite3
from fractions import Fraction
from pathlib import Path

import pytest

from facedouble.errors import InputError, OutputError
from facedouble.extraction.extract import extract
from facedouble.faceset.codec import SourceRecord
from facedouble.faceset.layout import DATABASE
from facedouble.faceset.source_match import match_source, source_files
from facedouble.faceset.store import Faceset
from facedouble.run.events import Event, Notice, Progress
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractSettings
from facedouble.video.hashing import source_hash
from tests.extraction.facesets import contents

LATIN = os.fsdecode(b"b\xe9.png")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of five small files with the names of images."""
    path = tmp_path / "images"
    path.mkdir()
    for number in range(5):
        (path / f"{number}.png").write_bytes(b"%d" % number)
    return path


def test_what_was_taken_out_is_named_and_the_others_are_found(images: Path) -> None:
    known, files = source_hash(images), source_files(images)
    whole = match_source(images, known, files)
    assert whole is not None
    assert (whole.number(3), whole.missing) == (3, ())
    (images / "2.png").unlink()
    found = match_source(images, known, files)
    assert found is not None
    assert list(found.missing) == ["2.png"]
    assert [found.number(index) for index in range(5)] == [0, 1, None, 2, 3]
    lines: list[Event] = []
    found.report(Run([lines.append]))
    assert [line.text for line in lines if isinstance(line, Notice)] == [
        "no longer in the folder: 2.png; the other images are what they were"
    ]


def test_with_fewer_than_half_of_the_images_it_is_another_folder(images: Path) -> None:
    known, files = source_hash(images), source_files(images)
    for name in ("0.png", "1.png"):
        (images / name).unlink()
    assert match_source(images, known, files) is not None
    (images / "2.png").unlink()
    with pytest.raises(InputError, match=r"another source: of the 5 images .* only 2 are in it"):
        match_source(images, known, files)


def test_changed_and_new_images_are_refused_by_name(images: Path) -> None:
    known, files = source_hash(images), source_files(images)
    (images / "6.png").write_bytes(b"new")
    with pytest.raises(InputError, match=r"new in it: 6\.png"):
        match_source(images, known, files)
    (images / "6.png").unlink()
    (images / "3.png").write_bytes(b"other")
    with pytest.raises(InputError, match=r"changed in it: 3\.png; extract it again"):
        match_source(images, known, files)


def test_other_folders_and_clips_do_not_match(images: Path, tmp_path: Path) -> None:
    known, files = source_hash(images), source_files(images)
    other = tmp_path / "other"
    other.mkdir()
    (other / "0.png").write_bytes(b"something else")
    assert match_source(other, known, files) is None
    assert match_source(other / "0.png", known, files) is None
    assert source_files(other / "0.png") == ()
    assert match_source(other, known, ()) is None, "an older faceset knows no files"


def test_names_that_are_no_text_are_stored_as_text(images: Path) -> None:
    (images / LATIN).write_bytes(b"latin")
    (images / "a\\b.png").write_bytes(b"backslash")
    names = {file.name for file in source_files(images)}
    assert {"b%xe9.png", "a%b.png"} <= names
    with Faceset.create(images / "faces", _record(images), source_files(images)) as faceset:
        assert {file.name for file in faceset.files()} == names


@pytest.mark.parametrize(
    "row", [(0, "a/b.png", "0" * 64), (0, "a.png", "g" * 64), (-1, "a.png", "0" * 64), (0, b"a", "0" * 64)]
)
def test_files_in_a_database_are_checked(images: Path, row: tuple[object, ...]) -> None:
    with Faceset.create(images / "faces", _record(images)) as faceset:
        faceset.commit()
    database = sqlite3.connect(images / "faces" / DATABASE)
    database.execute("INSERT INTO file VALUES (?, ?, ?)", row)
    database.commit()
    database.close()
    with Faceset.open(images / "faces") as faceset, pytest.raises(InputError, match="damaged"):
        faceset.files()


def _record(source: Path) -> SourceRecord:
    return SourceRecord(str(source.name), "0" * 64, 8, 8, Fraction(1, 25), {}, "test")


# -- extraction ----------------------------------------------------------------------------------------


def test_extraction_resumes_without_an_image_that_was_taken_out(folder: Path, tmp_path: Path) -> None:
    """Stopped after a few images, one of those that are done and one that is not are taken out."""
    source = shutil.copytree(folder, tmp_path / "images")
    names = sorted(file.name for file in source.iterdir())
    (source / names[4]).write_bytes(b"broken")
    settings = ExtractSettings(processes=1, skip_existing=True)
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    extract(source, whole, settings)
    stopped = _stopped_after(3, source, resumed, settings)
    assert 1 <= stopped < len(names)
    (source / names[4]).unlink()
    (source / names[-1]).unlink()
    lines: list[Event] = []
    result = extract(source, resumed, settings, run=Run([lines.append]))
    assert result.unreadable == 2
    assert any(
        isinstance(line, Notice) and f"no longer in the folder: {names[4]}, {names[-1]};" in line.text
        for line in lines
    )
    crops, _ = contents(whole)
    again, _ = contents(resumed)
    kept = {name: data for name, data in crops.items() if "000009" not in name}
    assert list(again) == list(kept), "crops keep their numbers"
    with Faceset.open(resumed) as faceset:
        assert faceset.complete
        assert [frame.name for frame in faceset.frames()] == names


def _stopped_after(frames: int, source: Path, output: Path, settings: ExtractSettings) -> int:
    def stop(event: Event) -> None:
        if isinstance(event, Progress) and event.done >= frames:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(source, output, settings, run=Run([stop]))
    with Faceset.open(output) as faceset:
        return len(faceset.frame_indices())


def test_a_finished_faceset_stays_that_of_its_folder(folder: Path, faceset: Path, tmp_path: Path) -> None:
    source = shutil.copytree(folder, tmp_path / "images")
    copy = shutil.copytree(faceset, tmp_path / "faces")
    before = contents(copy)
    names = sorted(file.name for file in source.iterdir())
    (source / names[0]).unlink()
    extract(source, copy, ExtractSettings(skip_existing=True))
    assert contents(copy) == before
    (source / "000005.png").write_bytes((source / names[3]).read_bytes())
    with pytest.raises(OutputError, match=r"new in it: 000005\.png"):
        extract(source, copy, ExtractSettings(skip_existing=True))


def test_an_older_faceset_learns_its_files_when_extraction_runs(
    folder: Path, faceset: Path, tmp_path: Path
) -> None:
    source = shutil.copytree(folder, tmp_path / "images")
    copy = shutil.copytree(faceset, tmp_path / "faces")
    database = sqlite3.connect(copy / DATABASE)
    database.execute("DELETE FROM file")
    database.commit()
    database.close()
    extract(source, copy, ExtractSettings(skip_existing=True))
    with Faceset.open(copy) as store:
        assert store.files() == list(source_files(source))
