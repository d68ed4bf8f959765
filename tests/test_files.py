from pathlib import Path

import pytest

from facedouble.files import locked, write_whole


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
