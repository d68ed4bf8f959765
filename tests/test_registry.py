"""Registries: lazy, in order, and every entry leads to something."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import facedouble
from facedouble.errors import SettingsError
from facedouble.registry import Entry, Registry
from facedouble.run.run import Run

SOURCE = Path(facedouble.__file__).parent
MODULES = sorted(
    ".".join(("facedouble", *path.relative_to(SOURCE).with_suffix("").parts))
    for path in SOURCE.glob("*/registry.py")
)


def all_entries() -> list[tuple[str, str, str]]:
    """Module, registry and name of every entry there is."""
    found = []
    for module in MODULES:
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, Registry):
                found += [(module, name, entry) for entry in value]
    return found


def test_names_and_summaries_import_nothing() -> None:
    registry: Registry[object] = Registry(
        "colour", {"red": Entry("no.such.module:RED", "warm"), "blue": Entry("no.such.module:BLUE", "cold")}
    )
    assert list(registry) == ["red", "blue"]
    assert "red" in registry
    assert "green" not in registry
    assert len(registry) == 2
    assert registry.summaries() == {"red": "warm", "blue": "cold"}
    with pytest.raises(ModuleNotFoundError):
        _ = registry["red"]


def test_a_name_leads_to_the_object() -> None:
    registry: Registry[object] = Registry("class", {"path": Entry("pathlib:Path", "a path")})
    assert registry["path"] is Path
    assert dict(registry) == {"path": Path}


@pytest.mark.parametrize("get", [Registry.__getitem__, Registry.check])
def test_an_unknown_name_lists_what_there_is(get: Callable[[Registry[object], str], object]) -> None:
    registry: Registry[object] = Registry(
        "colour", {"red": Entry("pathlib:Path", ""), "blue": Entry("pathlib:Path", "")}
    )
    with pytest.raises(SettingsError, match=r"colour .*red, blue"):
        get(registry, "green")


@pytest.mark.parametrize(("module", "registry", "name"), all_entries())
def test_every_entry_leads_somewhere(module: str, registry: str, name: str) -> None:
    found = getattr(importlib.import_module(module), registry)
    assert found[name] is not None
    assert found.entries[name].summary.strip(), f"{name}: say what it does"
    assert not found.entries[name].summary.endswith(".")


@pytest.mark.subprocess
def test_registries_are_light() -> None:
    heavy = "('torch', 'cv2', 'av', 'dlib', 'numpy')"
    code = f"import sys, {', '.join(MODULES)}; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_what_an_entry_needs_is_prepared_when_asked_for() -> None:
    told: list[object] = []
    sys.modules["prepared_here"] = ModuleType("prepared_here")
    vars(sys.modules["prepared_here"])["fetch"] = lambda run: told.append(run)
    entries = {
        "fetched": Entry("no.such.module:RED", "", prepare="prepared_here:fetch"),
        "ready": Entry("no.such.module:BLUE", ""),
    }
    registry: Registry[object] = Registry("colour", entries)
    run = Run()
    registry.prepare("ready", run)
    assert told == []
    registry.prepare("fetched", run)
    assert told == [run]
    with pytest.raises(SettingsError, match=r"colour .*fetched, ready"):
        registry.prepare("green")
