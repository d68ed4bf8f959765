"""The benchmark of a card: how tasks are run and what is kept of them. What they measure needs a card; that
they run is tried with ``--device cpu --tiny``."""

from __future__ import annotations

import importlib.util
import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from benchmarks.gpu import correctness, speed
from benchmarks.gpu.context import Context
from benchmarks.gpu.runner import Record, Task, run, works
from benchmarks.gpu.tasks import TASKS

PLENTY = 1e5  # seconds
ROOT = Path(__file__).resolve().parents[2]


def context(folder: Path, seconds: float = 1e6) -> Context:
    return Context(torch.device("cpu"), folder, folder / "work", time.monotonic() + seconds, tiny=True)


def statuses(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "results.json").read_text())["tasks"]


def good(_: Context) -> dict[str, Any]:
    return {"answer": 42}


def bad(_: Context) -> dict[str, Any]:
    raise ValueError("no answer")


def slow(_: Context) -> dict[str, Any]:
    while True:
        time.sleep(0.01)


def test_a_task_that_fails_or_takes_too_long_is_recorded_and_the_others_follow(tmp_path: Path) -> None:
    tasks = [
        Task("bad", bad, least=0, most=PLENTY),
        Task("slow", slow, least=0, most=0.1),
        Task("long", good, least=1e7, most=1e7),
        Task("good", good, least=0, most=PLENTY),
    ]
    assert run(tasks, context(tmp_path), Record(tmp_path)) == 0
    found = statuses(tmp_path)
    assert {name: entry["status"] for name, entry in found.items()} == {
        "bad": "failed",
        "slow": "failed",
        "long": "no time",
        "good": "done",
    }
    assert found["bad"]["error"] == "ValueError: no answer"
    assert "in bad" in found["bad"]["trace"]
    assert "longer than" in found["slow"]["error"]
    assert found["good"]["result"] == {"answer": 42}


def test_a_run_that_was_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.tasks["first"] = {"status": "done", "result": {"kept": True}}
    record.tasks["second"] = {"status": "running", "ends": time.time()}
    record.tasks["third"] = {"status": "no time"}
    record.close_running("it hung, and was ended")
    done: list[str] = []

    def noted(name: str) -> Callable[[Context], dict[str, Any]]:
        def work(_: Context) -> dict[str, Any]:
            done.append(name)
            return {}

        return work

    tasks = [Task(name, noted(name), least=0, most=PLENTY) for name in ("first", "second", "third", "fourth")]
    run(tasks, context(tmp_path), Record(tmp_path))
    assert done == ["third", "fourth"]
    found = statuses(tmp_path)
    assert found["first"]["result"] == {"kept": True}
    assert found["second"] == {**found["second"], "status": "failed", "error": "it hung, and was ended"}


def test_time_that_later_tasks_need_is_spared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.gpu.context.time.monotonic", lambda: 0.0)
    own = context(tmp_path, 6e5)
    run([Task("greedy", good, least=1, most=1e6, spare=5e5)], own, Record(tmp_path))
    assert statuses(tmp_path)["greedy"]["limit"] == 1e5
    run([Task("late", good, least=2e5, most=1e6, spare=5e5)], own, Record(tmp_path))
    assert statuses(tmp_path)["late"]["status"] == "no time"
    assert works(torch.device("cpu"))


def test_tasks_have_names_of_their_own_and_spare_time_for_the_picture() -> None:
    names = [task.name for task in TASKS]
    assert len(set(names)) == len(names)
    before = TASKS[: names.index("double, trained")]
    assert all(task.spare >= 200 for task in before[4:])
    assert sum(task.most for task in before[:4]) + 200 < 9 * 60


def test_what_was_done_is_known_where_the_folder_was_emptied(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "work").mkdir()
    task = Task("good", good, least=0, most=PLENTY)
    run([task], context(tmp_path), Record(tmp_path / "out", tmp_path / "work"))
    (tmp_path / "out/results.json").unlink()
    record = Record(tmp_path / "out", tmp_path / "work")
    assert record.finished("good")
    record.write()
    assert statuses(tmp_path / "out")["good"]["result"] == {"answer": 42}


def test_models_and_ceilings_are_measured_on_a_processor_too(tmp_path: Path) -> None:
    own = context(tmp_path)
    found = correctness.models(own, ["quick", "gan"])
    assert list(found) == ["quick", "gan"]
    assert all(max(errors.values()) < 1e-3 for errors in found.values())
    assert all(value > 0 for value in speed.ceilings(own).values())


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_parts_have_all_that_the_program_needs_but_what_is_there() -> None:
    """By what ``pyproject.toml`` names, so that a new dependency is in them: what is imported first, what
    that needs in turn, and nothing of PyTorch's."""
    bundle = script("gpu_bundle")
    names = bundle.needed("3.12")
    assert {"isal", "ai-edge-litert", "pydantic-core", "cffi", "pyyaml"} <= set(names)
    assert not {*bundle.PRESENT, "triton", "sympy", "facedouble"} & set(names)


def test_parts_are_unpacked_once_and_run_without_what_was_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, runner = script("gpu_bundle"), script("gpu_run")
    tree = tmp_path / "tree"
    (tree / "__pycache__").mkdir(parents=True)
    (tree / "__pycache__/a.pyc").touch()
    (tree / "a.py").write_text("a = 1")
    bundle.pack(tmp_path / "packages.tar.xz", [(tree, "site")])
    with tarfile.open(tmp_path / "packages.tar.xz") as archive:
        assert archive.getnames() == ["site", "site/a.py"]
    monkeypatch.setattr(runner, "HERE", tmp_path)
    monkeypatch.setenv("FACEDOUBLE_GPU", str(tmp_path / "there"))
    monkeypatch.setattr(runner.sys, "argv", ["run.py", "--prepare"])
    for said in ("packages.tar.xz is unpacked", ""):
        assert runner.main() == 0
        assert said in capsys.readouterr().out
    assert (tmp_path / "there/site/a.py").read_text() == "a = 1"
    monkeypatch.setattr(runner.sys, "argv", ["run.py", "--minutes", "1"])
    assert runner.main() == 1
    assert "has no project, cache" in capsys.readouterr().err
    for name in ("project", "cache"):
        (tmp_path / "there" / name).mkdir()
    (tmp_path / "there/site/PYTHON").write_text("2.7")
    assert runner.main() == 1
    assert "the packages are for Python 2.7" in capsys.readouterr().err
