import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.machine import this_machine
from benchmarks.run import BENCHMARKS, run
from benchmarks.table import Table, markdown, shown, text

TABLE = Table("speed", ["", "frames a second"], [["one | two", 1234.5], ["three", None]])


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A benchmark that counts its own runs in a file, and one that fails."""
    (tmp_path / "bench_good.py").write_text(
        "import os\n"
        "from benchmarks.table import Table\n"
        "def measure():\n"
        "    return [Table('speed', ['process', 'own'], [['it', os.getpid()]])]\n"
    )
    (tmp_path / "bench_bad.py").write_text("def measure():\n    raise OSError('no disk')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return {"bad": "bench_bad", "good": "bench_good"}


@pytest.mark.subprocess
def test_each_runs_in_its_own_process_and_is_kept_with_machine_versions_date_and_command(
    registry: dict[str, str], tmp_path: Path
) -> None:
    machine = this_machine()
    pids = []
    for _ in range(2):
        assert run(registry, registry, tmp_path / "results", machine) == ["bad"]
        kept = json.loads((tmp_path / "results" / f"{machine.name}.json").read_text())
        pids.append(kept["benchmarks"]["good"]["tables"][0]["rows"][0][1])
    assert len(set(pids)) == 2
    entry = kept["benchmarks"]["good"]
    assert entry["command"] == "python -m bench_good"
    assert entry["versions"]["torch"]
    assert entry["date"].startswith("20")
    assert kept["machine"]["cores"] >= 1
    assert "bad" not in kept["benchmarks"]


@pytest.mark.subprocess
def test_a_run_of_one_leaves_what_others_said(registry: dict[str, str], tmp_path: Path) -> None:
    machine = this_machine()
    path = tmp_path / f"{machine.name}.json"
    path.write_text(json.dumps({"machine": {}, "benchmarks": {"bad": {"tables": []}}}))
    run(["good"], registry, tmp_path, machine)
    assert set(json.loads(path.read_text())["benchmarks"]) == {"bad", "good"}


def test_how_numbers_are_shown() -> None:
    values = (1234.5, 100, 12.345, 1.2345, 0.12345, 0, 7, None, "a")
    assert [shown(v) for v in values] == ["1,234", "100", "12.3", "1.23", "0.123", "0", "7", "—", "a"]


def test_a_table_in_both_forms() -> None:
    lines = markdown(TABLE).splitlines()
    assert lines[1] == "| --- | ---: |"
    assert lines[2] == "| one \\| two | 1,234 |"
    assert text(TABLE).splitlines()[0] == "speed"
    assert Table.from_json(json.loads(json.dumps(TABLE.as_json()))).rows[1][1] is None


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_is_there(name: str) -> None:
    spec = find_spec(BENCHMARKS[name])
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    assert "def measure(" in source
    assert "def main(" in source
    assert source.startswith('"""')
