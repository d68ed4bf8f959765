from __future__ import annotations

import builtins
import shutil
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from facedouble import doctor
from facedouble.assets import cache_folder
from facedouble.cli.main import main
from facedouble.doctor import Finding, State, examine
from facedouble.networks.shipped import SHA256


@pytest.fixture(scope="module")
def findings() -> dict[str, Finding]:
    return {finding.name: finding for finding in examine()}


def test_a_machine_that_runs_the_tests_is_ready(findings: dict[str, Finding]) -> None:
    assert [finding.name for finding in findings.values() if finding.blocks] == []


def test_what_is_looked_for(findings: dict[str, Finding]) -> None:
    tools = {
        "facedouble",
        "Python",
        "PyTorch",
        "PyAV",
        "OpenCV",
        "numpy",
        "scipy",
        "safetensors",
        "SQLite",
    }
    codecs = {"encoder libx264", "encoder aac", "encoder prores_ks", "encoder ffv1"}
    files = {*SHA256, "demonstration clips", "free disk"}
    expected = tools | codecs | files | {"processor", "device auto", "dlib"}
    assert expected <= findings.keys()


def test_every_missing_thing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    heavy = {"torch", "av", "cv2", "dlib"}
    real_import = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] in heavy:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    found = {finding.name: finding for finding in examine()}
    missing = {name: finding for name, finding in found.items() if finding.blocks}
    assert missing.keys() == {"PyTorch", "PyAV", "OpenCV"}
    assert found["dlib"].state is State.NOTE
    assert found["dlib"].remedy == 'pip install "facedouble[dlib]"'
    for finding in missing.values():
        assert finding.value == "not installed"
        assert finding.remedy.startswith("pip install")


def test_a_library_that_cannot_be_loaded_shows_why(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def broken(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", broken)
    [finding] = doctor._opencv()
    assert finding.blocks
    assert "libGL.so.1" in finding.value


def test_an_old_sqlite_stops_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 20, 0))
    assert doctor._sqlite().blocks


def test_clips_that_are_not_there_are_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEDOUBLE_CACHE", str(tmp_path))
    finding = doctor._clips()
    assert finding.state is State.NOTE
    assert str(cache_folder()) in finding.value
    assert "facedouble demo" in finding.remedy


def test_a_full_disk_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        total: int
        used: int
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - 10**9, 10**9))
    finding = doctor._disk(tmp_path)
    assert finding.state is State.NOTE
    assert finding.value.startswith("1.0 GB")


def test_the_command_fails_when_something_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [
        Finding("Python", "3.11"),
        Finding("PyAV", "not installed", State.MISSING, "pip install av"),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: found)
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "-> pip install av" in shown
    assert "Not ready: PyAV" in shown


def test_the_command_succeeds_when_only_extras_are_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Finding("encoder ffv1", "not there", State.MISSING, "another wheel", required=False)]
    monkeypatch.setattr(doctor, "examine", lambda: found)
    assert main(["doctor"]) == 0
    assert "Ready." in capsys.readouterr().out
