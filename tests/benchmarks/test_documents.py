from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.documents import ROOT, documents, filled, tables, update
from benchmarks.machine import this_machine
from benchmarks.table import Table, markdown

TABLE = Table("speed", ["", "frames a second"], [["one | two", 1234.5], ["three", None]])
PAGE = "before\n<!-- table speed -->\nold\n<!-- end -->\nbetween\n<!-- table other -->\n<!-- end -->\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder of results with one table of one machine."""
    entry = {"date": "2026-01-02T03:04:05+00:00", "command": "x", "versions": {"torch": "9"}}
    kept = {
        "machine": this_machine().as_json(),
        "benchmarks": {"b": {**entry, "tables": [TABLE.as_json()]}},
    }
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "here.json").write_text(json.dumps(kept))
    return folder


def test_tables_stand_between_their_marks_and_nowhere_else(results: Path) -> None:
    text = filled(PAGE, tables(results))
    assert text.startswith("before\n<!-- table speed -->\n")
    assert "old" not in text
    assert "between\n<!-- table other -->\n\n(not measured yet)\n\n<!-- end -->\n" in text
    assert markdown(TABLE) in text
    assert this_machine().sentence() in text
    assert "2026-01-02" in text
    assert filled(text, tables(results)) == text


def test_documents_that_differ_are_named_and_written_only_when_asked(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    parts = {"speed": tables(results)["speed"]}
    assert update([page], parts, check=True) == [page]
    assert page.read_text() == PAGE
    assert update([page], parts) == [page]
    assert update([page], parts, check=True) == []


def test_a_table_without_a_place_is_an_error(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here")
    with pytest.raises(ValueError, match="speed"):
        update([page], {"speed": "x"})


def test_a_table_that_was_typed_is_not_lost(results: Path, tmp_path: Path) -> None:
    """Nor is anything else written then."""
    first, second = tmp_path / "a.md", tmp_path / "b.md"
    first.write_text(PAGE)
    typed = "<!-- table typed -->\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<!-- end -->\n"
    second.write_text(typed)
    parts = {"speed": tables(results)["speed"]}
    for check in (True, False):
        with pytest.raises(ValueError, match=r"b\.md: no results have the table typed"):
            update([first, second], parts, check=check)
    assert (first.read_text(), second.read_text()) == (PAGE, typed)


def test_two_tables_of_one_name_are_an_error(results: Path) -> None:
    (results / "experiments.json").write_text(json.dumps({"tables": [TABLE.as_json()]}))
    with pytest.raises(ValueError, match="speed"):
        tables(results)


def test_the_documents_are_what_the_results_say() -> None:
    assert [str(path.relative_to(ROOT)) for path in update(documents(), tables(), check=True)] == [], (
        "run: make tables"
    )
