"""scripts/install_torch.py, with pip and the machine stood in for."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "install_torch.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("install_torch", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.sys, "platform", "linux")
    return module


class Machine:
    """Where only some installations succeed; remembers what was tried."""

    def __init__(self, *offered: str, there: str | None = None) -> None:
        self.offered, self.version = offered, there
        self.tried: list[str] = []

    def pip(self, *arguments: str, quiet: bool = False) -> bool:
        self.tried.append(" ".join(arguments))
        done = self.tried[-1] in self.offered
        if done:
            self.version = "2.15.0"
        return done

    def installed(self) -> str | None:
        return self.version


CPU = "torch==2.13.0+cpu"
INDEX = "--index-url https://download.pytorch.org/whl/cpu torch>=2.11"
ORDINARY = "torch>=2.11"


@pytest.mark.parametrize(
    ("machine", "gpu", "tried", "code"),
    [
        (Machine(CPU, ORDINARY, there="2.11.0"), False, [], 0),
        (Machine(CPU, ORDINARY, there="2.9.1+cpu"), False, [CPU], 0),
        (Machine(CPU, INDEX, ORDINARY), False, [CPU], 0),
        (Machine(INDEX, ORDINARY), False, [CPU, INDEX], 0),
        (Machine(ORDINARY), False, [CPU, INDEX, ORDINARY], 0),
        (Machine(CPU, INDEX, ORDINARY), True, [ORDINARY], 0),
        (Machine(), False, [CPU, INDEX, ORDINARY], 1),
    ],
)
def test_the_smallest_build_that_serves(
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    machine: Machine,
    gpu: bool,
    tried: list[str],
    code: int,
) -> None:
    monkeypatch.setattr(script, "pip", machine.pip)
    monkeypatch.setattr(script, "installed", machine.installed)
    monkeypatch.setattr(script, "has_nvidia_gpu", lambda: gpu)
    assert script.main() == code
    assert machine.tried == tried


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.11.0", True), ("2.13.0+cpu", True), ("3.0", True), ("2.9.1", False), ("2.2", False), ("odd", False)],
)
def test_recent_enough(script: ModuleType, version: str, expected: bool) -> None:
    assert script.recent_enough(version) is expected
