import os
from pathlib import Path

import pytest

from facedouble.files import is_locked, locked, read_regular, write_whole


@pytest.mark.parametrize("durable", [False, True])
def test_it_is_written_and_replaces_what_was_there(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old and longer")
    write_whole(path, b"new", durable=durable)
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_when_it_fails_nothing_is_left_beside_and_nothing_is_lost(tmp_path: Path) -> None:
    taken = tmp_path / "a"
    taken.mkdir()
    (taken / "mine").write_bytes(b"mine")
    with pytest.raises(OSError, match="a"):
        write_whole(taken, b"new")
    assert (taken / "mine").read_bytes() == b"mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_lock_is_held_by_one_and_a_file_that_was_left_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.touch()  # as a process that was killed leaves it
    with locked(path):
        with pytest.raises(BlockingIOError), locked(path):
            pass
        assert path.exists()
    assert not path.exists()
    with locked(path):
        pass


def test_a_draft_never_goes_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    path = tmp_path / "model.json"
    (tmp_path / "model.json.new").symlink_to(outside)
    write_whole(path, b"new")
    assert (path.read_bytes(), outside.read_bytes()) == (b"new", b"mine")
    assert not path.is_symlink()


def test_whether_a_lock_is_held_can_be_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert not is_locked(path)
    path.touch()
    assert not is_locked(path)
    with locked(path, b"mine"):
        assert is_locked(path)
        assert read_regular(path, 100) == b"mine"
    assert not path.exists()


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"abc")
    assert read_regular(tmp_path / "file", 2) == b"ab"
    for name in ("pipe", "link", "."):
        with pytest.raises(OSError):  # noqa: PT011  (which one depends on the system)
            read_regular(tmp_path / name, 10)
