"""Making a project: from two people's clips to a ``project.yaml`` that says everything out."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml.comments import CommentedMap

from facedouble.assets import sha256
from facedouble.errors import InputError, OutputError
from facedouble.project.file import write_content
from facedouble.project.model import FILE, SCHEMA, Project
from facedouble.video.source import open_source

MINUTES = 60
"""How long a new project trains, unless its ``project.yaml`` says otherwise."""

_HEAD = """\
facedouble project. Paths are relative to this file, or absolute.
See what is there and what comes next: facedouble status. Do it: facedouble run.
What can be set for each step: docs/options.md, column "in a file".
"""


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody a project is made for: a name, clips, and a signed release if there is one."""

    name: str
    clips: Sequence[Path]
    consent: Path | None = None


def make_project(folder: Path, a: NewPerson, b: NewPerson) -> Project:
    """Write the ``project.yaml`` of ``folder``: every clip of ``a`` gets the face of ``b``.

    Raises ``InputError`` for a clip that cannot be read, ``OutputError`` where there is a project already.
    """
    if (folder / FILE).exists():
        raise OutputError(f"{folder / FILE} is there already; edit it, or choose another folder")
    people = {person.name: _person(folder, person) for person in (a, b)}
    if len(people) < 2:
        raise InputError(f"both people are called {a.name!r}; give them different names")
    model = f"{a.name}-{b.name}"
    results: dict[str, Any] = {}
    for entry in people[a.name]["clips"]:
        clip = entry["path"] if isinstance(entry, dict) else entry
        name = free_name(plain_name(PurePosixPath(clip).stem), results)
        results[name] = {"clip": clip, "a": a.name, "b": b.name, "model": model}
    content = CommentedMap(
        {
            "schema": SCHEMA,
            "people": people,
            "models": {model: {"a": a.name, "b": b.name}},
            "results": results,
            "settings": {"train": {"limits": {"minutes": MINUTES}}},
        }
    )
    content.yaml_set_start_comment(_HEAD)
    return write_content(folder, content)


def _person(folder: Path, person: NewPerson) -> dict[str, Any]:
    taken: set[str] = set()
    clips: list[Any] = []
    for clip in person.clips:
        open_source(clip)  # or it says what is wrong with it
        path = path_in_project(folder, clip)
        name = PurePosixPath(path).stem
        free = free_name(plain_name(name), taken)
        taken.add(free)
        clips.append(path if free == name else {"path": path, "faceset": f"faces/{person.name}/{free}"})
    entry: dict[str, Any] = {"clips": clips}
    if person.consent is not None:
        if not person.consent.is_file():
            raise InputError(f"{person.consent}: there is no such file")
        entry["consent"] = {"file": path_in_project(folder, person.consent), "sha256": sha256(person.consent)}
    return entry


def path_in_project(folder: Path, path: Path) -> str:
    """``path`` as the project has it: relative where it lies inside, else absolute."""
    full = Path(os.path.normpath(path.absolute()))
    root = Path(os.path.normpath(folder.absolute()))
    return full.relative_to(root).as_posix() if full.is_relative_to(root) else str(full)


def plain_name(name: str) -> str:
    """``name`` without what no name of the project may have."""
    plain = re.sub(r"[^\w .+-]+", "_", name).strip(" .") or "clip"
    return plain[:80] if re.match(r"\w", plain) else f"clip {plain}"[:80]


def free_name(name: str, taken: Container[str]) -> str:
    """``name``, numbered where it is taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
