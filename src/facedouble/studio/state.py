"""What the studio holds while it runs: the project's folder, what may be read, and how things are named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from facedouble.errors import InputError
from facedouble.project.database import open_database
from facedouble.project.file import read_project
from facedouble.project.jobs import Queue
from facedouble.project.model import FILE, Project
from facedouble.studio.allowed import AllowedFolders


@dataclass(frozen=True, slots=True)
class Studio:
    """The studio of the project in ``folder``, which may not be made yet."""

    folder: Path
    allowed: AllowedFolders

    @property
    def has_project(self) -> bool:
        return (self.folder / FILE).exists()

    def project(self) -> Project:
        """What ``project.yaml`` says now. Raises ``InputError``."""
        return read_project(self.folder)

    @contextmanager
    def queue(self) -> Iterator[Queue]:
        """The project's jobs."""
        self.project()
        with closing(open_database(self.folder)) as database:
            yield Queue(database)


def identify(kind: str, name: str) -> str:
    """What a browser calls the thing of this ``kind`` and ``name``: it never names files."""
    return hashlib.sha256(f"{kind}\0{name}".encode()).hexdigest()[:12]


def named(kind: str, identity: str, names: Iterator[str]) -> str:
    """The name behind an id. Raises ``InputError`` where nothing has it."""
    for name in names:
        if identify(kind, name) == identity:
            return name
    raise InputError(f"there is no such {kind} any more")
