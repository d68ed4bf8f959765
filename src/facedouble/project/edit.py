"""Changes to a ``project.yaml`` that is there: everything else in it, comments included, stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from facedouble.assets import sha256
from facedouble.errors import InputError
from facedouble.project.file import read_content, read_project, write_content
from facedouble.project.make import free_name, path_in_project, plain_name
from facedouble.project.model import Project
from facedouble.video.source import open_source


def add_clip(folder: Path, person: str, clip: Path) -> Project:
    """Add a clip to a person. Where other clips of that person get somebody's face, this one gets it too.

    Raises ``InputError`` for a clip that cannot be read or is there already.
    """
    open_source(clip)
    project, content = read_project(folder), read_content(folder)
    path = path_in_project(folder, clip)
    name = plain_name(PurePosixPath(path).stem)
    known = {project.faceset(person, other) for other in project.people[person].clips}
    free = free_name(f"faces/{person}/{name}", known)
    plain = free == f"faces/{person}/{PurePosixPath(path).stem}"
    entry: Any = path if plain else {"path": path, "faceset": free}
    content["people"][person].setdefault("clips", []).append(entry)
    pattern = next((result for result in project.results.values() if result.a == person), None)
    if pattern is not None:
        made = {"clip": path, "a": person, "b": pattern.b, "model": pattern.model}
        content["results"][free_name(name, project.results)] = made
    return write_content(folder, content)


def record_consent(folder: Path, person: str, file: Path) -> Project:
    """Record a person's signed release and its hash. Raises ``InputError`` for what is no file."""
    if not file.is_file():
        raise InputError(f"{file}: there is no such file")
    content = read_content(folder)
    content["people"][person]["consent"] = {"file": path_in_project(folder, file), "sha256": sha256(file)}
    return write_content(folder, content)


def set_result_settings(folder: Path, result: str, settings: Mapping[str, Any]) -> Project:
    """Replace the settings of a result's conversion. Raises ``InputError`` for what is not valid."""
    content = read_content(folder)
    entry = content["results"][result]
    if settings:
        entry["settings"] = dict(settings)
    else:
        entry.pop("settings", None)
    return write_content(folder, content)


def add_model(folder: Path, like: str, name: str, kind: str) -> Project:
    """Add a model of the people whose model ``like`` is, with its limits, of the registered ``kind``. Raises
    ``InputError`` for a name that is taken or none."""
    content = read_content(folder)
    if name in content["models"]:
        raise InputError(f"there is a model {name!r} already")
    pattern = content["models"][like]
    own = {key: value for key, value in pattern.get("settings", {}).items() if key in ("limits", "compute")}
    settings = {**own, "architecture": {"kind": kind}}
    content["models"][name] = {"a": pattern["a"], "b": pattern["b"], "settings": settings}
    return write_content(folder, content)


def set_result_model(folder: Path, result: str, model: str) -> Project:
    """Have a result drawn by another model of the same people. Raises ``InputError``."""
    content = read_content(folder)
    content["results"][result]["model"] = model
    return write_content(folder, content)


def set_training_minutes(folder: Path, model: str, minutes: float) -> Project:
    """Train a model for so long, over all runs, and by no other limit."""
    content = read_content(folder)
    settings = content["models"][model].setdefault("settings", {})
    limits = settings.setdefault("limits", {})
    general = content.get("settings", {}).get("train", {}).get("limits", {})
    limits.update({name: 0 for name in ("iterations", "patience") if general.get(name) or limits.get(name)})
    limits["minutes"] = minutes
    return write_content(folder, content)
