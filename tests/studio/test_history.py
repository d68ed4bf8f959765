"""The undo history: steps that outlive a kill, and damage that is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facedouble.studio.history import History, Step


class Move(Step):
    by: int


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "studio" / "one.history"


def history(file: Path) -> History[Move]:
    return History(file, Move)


def do(found: History[Move], *steps: int) -> None:
    for by in steps:
        found.add(Move(by=by))
        found.mark_done()


def test_steps_are_undone_and_done_again_by_another_studio(file: Path) -> None:
    first = history(file)
    do(first, 1, 2, 3)
    assert (first.counts(), first.last(), first.next()) == ((3, 0), Move(by=3), None)
    second = history(file)
    second.undo()
    second.undo()
    assert (second.counts(), second.last(), second.next()) == ((1, 2), Move(by=1), Move(by=2))
    assert first.counts() == (1, 2), "the first one sees it too"
    first.redo()
    assert history(file).next() == Move(by=3)
    do(first, 9)
    assert (history(file).counts(), history(file).last()) == ((3, 0), Move(by=9))
    assert history(file).problem is None


def test_what_was_cut_short_is_known(file: Path) -> None:
    found = history(file)
    do(found, 1)
    assert found.unfinished() is None
    found.add(Move(by=2))
    assert history(file).unfinished() == (Move(by=2), True)
    found.mark_done()
    found.undo()
    assert history(file).unfinished() == (Move(by=2), False)
    found.mark_done()
    found.redo()
    assert history(file).unfinished() == (Move(by=2), True)
    found.mark_done()
    assert history(file).unfinished() is None


@pytest.mark.parametrize(
    "line",
    [b"", b"[", b"{}", b'{"op":"do"}', b'{"op":"do","step":{"by":"x"}}', b'{"op":"do","step":{"by":1,"x":2}}',
     b"[" * 100_000, b'{"op":"leap"}', b'{"op":"redo"}', b"\xff\xfe", b'{"op":"do","step":{"by":NaN}}'],
    ids=range(11),
)  # fmt: skip
def test_a_damaged_line_is_said_and_nothing_before_it_is_undone(file: Path, line: bytes) -> None:
    do(history(file), 1, 2)
    lines = file.read_bytes().splitlines()
    lines[2] = line if line else b"damaged"
    file.write_bytes(b"\n".join(lines) + b"\n")
    found = history(file)
    assert found.problem is not None
    assert found.problem.startswith("line 3 of the undo history (one.history) is damaged")
    assert found.counts() == (0, 0)
    do(found, 7)
    assert found.counts() == (1, 0)
    assert history(file).problem == found.problem, "for as long as it is there"


def test_a_line_that_was_cut_short_is_said_until_the_next_step(file: Path) -> None:
    do(history(file), 1, 2)
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"op":"do","st')
    found = history(file)
    assert found.counts() == (2, 0)
    assert found.problem is not None
    assert "cut short" in found.problem
    do(found, 3)
    assert found.counts() == (3, 0)
    assert not found.problem
    assert [json.loads(line)["op"] for line in file.read_bytes().splitlines()] == ["do", "done"] * 3


def test_a_file_that_is_gone_is_a_history_that_is_empty(file: Path) -> None:
    found = history(file)
    assert (found.counts(), found.problem, found.last()) == ((0, 0), None, None)
    do(found, 1, 2)
    file.unlink()
    assert found.counts() == (0, 0)
    file.parent.joinpath("other").write_bytes(b"")
    file.symlink_to(file.parent / "other")
    with pytest.raises(Exception, match="cannot be"):
        found.add(Move(by=1))
