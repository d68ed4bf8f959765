import fcntl
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from facedouble.files import (
    append_regular,
    draft,
    hidden_beside,
    is_full,
    is_locked,
    leads_out,
    lock_for_child,
    locked,
    read_regular,
    remove_drafts,
    sync,
    write_whole,
)
from tests.full_disk import size_limit


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
    path.symlink_to(outside)
    write_whole(path, b"new")
    assert (path.read_bytes(), outside.read_bytes()) == (b"new", b"mine")
    assert not path.is_symlink()
    assert (tmp_path / "model.json.new").is_symlink(), "what was there already is not touched"


def test_a_draft_has_a_name_of_its_own_in_the_same_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="stop"),
        draft(tmp_path / "a") as one,
        draft(tmp_path / "a") as other,
    ):
        one.write(b"1")
        other.write(b"2")
        names = [path.name for path in tmp_path.iterdir()]
        assert len(names) == 2
        assert all(len(name) < 32 and name.startswith(".") for name in names)
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == []


def test_names_as_long_as_the_system_has_them_can_be_written_and_locked(tmp_path: Path) -> None:
    for name in ("n" * 251 + ".png", "é" * 125 + ".png", os.fsdecode(b"\xe9" * 251) + ".png"):
        path = tmp_path / name
        write_whole(path, b"x")
        assert path.read_bytes() == b"x"
        beside = hidden_beside(path, ".lock")
        with locked(beside):
            assert is_locked(beside)
        assert hidden_beside(path.with_name(f"{name[:-5]}x.png"), ".lock") != beside
    assert hidden_beside(tmp_path / "out.mp4", ".work").name == ".out.mp4.work"


def test_a_folder_that_cannot_be_flushed_is_no_failure(tmp_path: Path) -> None:
    """As on network shares and some user-space file systems: a pipe refuses in the same way (EINVAL)."""
    reading, writing = os.pipe()
    with pytest.raises(OSError, match="Invalid argument"):
        os.fsync(writing)
    sync(writing)
    os.close(reading)
    os.close(writing)
    with pytest.raises(OSError, match="descriptor"):
        sync(writing)


def test_a_limit_on_the_size_of_files_counts_as_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with size_limit(1000), pytest.raises(OSError, match="large") as caught:
        write_whole(tmp_path / "a", bytes(100_000))
    assert is_full(caught.value)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_killed_runs_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".0123456789abcdef.new", ".mine.new", "model.json.new", "a"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".fedcba9876543210.new").symlink_to(tmp_path / "a")
    (tmp_path / ".0000000000000000.new").mkdir()
    remove_drafts(tmp_path)
    kept = {".mine.new", "model.json.new", "a", ".0000000000000000.new"}
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_nothing_is_appended_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"mine")
    (tmp_path / "log").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match="a link"), append_regular(tmp_path / "log"):
        pass
    for _ in range(2):
        with append_regular(tmp_path / "own") as file:
            file.write(b"1")
    assert (tmp_path / "own").read_bytes() == b"11"


def test_where_a_link_leads_is_known(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "out").symlink_to(outside)
    (root / "circle").symlink_to(root / "circle")
    (root / "in").symlink_to(root)
    assert leads_out(root, root / "out" / "a")
    assert not leads_out(root, root / "in" / "a")
    assert not leads_out(root, root / "not there")
    (tmp_path / "way").symlink_to(root)
    assert not leads_out(tmp_path / "way", tmp_path / "way" / "a"), "the folder itself may be a link"


def test_whether_a_lock_is_held_can_be_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert not is_locked(path)
    path.touch()
    assert not is_locked(path)
    with locked(path, b"mine"):
        assert is_locked(path)
        assert read_regular(path, 100) == b"mine"
    assert not path.exists()


@pytest.mark.parametrize("take", [locked, lambda path: os.fdopen(lock_for_child(path))])
def test_the_shared_lock_of_a_check_is_waited_for(
    take: Callable[[Path], AbstractContextManager[object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a busy machine keeps it from being released; an exclusive lock is not waited for."""
    path = tmp_path / "a.lock"
    path.touch()
    with path.open() as checking:
        fcntl.flock(checking, fcntl.LOCK_SH)
        pauses = iter(range(100))

        def pause(_seconds: float) -> None:
            if next(pauses) == 99:
                fcntl.flock(checking, fcntl.LOCK_UN)

        monkeypatch.setattr("facedouble.files.time.sleep", pause)
        with take(path):
            assert is_locked(path)
            with pytest.raises(BlockingIOError), take(path):
                pass
    assert list(pauses) == []


def test_only_regular_files_of_a_size_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"abc")
    assert read_regular(tmp_path / "file", 3) == b"abc"
    assert read_regular(tmp_path / "link", 3, follow=True) == b"abc"
    for name in ("pipe", "link", ".", "file"):
        with pytest.raises(OSError):  # noqa: PT011  (which one depends on the system)
            read_regular(tmp_path / name, 2)
    for device in ("/dev/zero", "/dev/null"):
        with pytest.raises(OSError, match="not a file"):
            read_regular(Path(device), 2)
