"""A project as it stands now, for whoever shows it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from facedouble.assets import sha256
from facedouble.project.database import open_database
from facedouble.project.disk import Disk, examine
from facedouble.project.file import find_project, read_project
from facedouble.project.jobs import Job, Queue
from facedouble.project.model import Person, Project
from facedouble.project.plan import Planned, plan
from facedouble.project.steps import project_steps


class ConsentState(StrEnum):
    """What there is of a person's consent."""

    NONE = "no consent recorded"
    RECORDED = "consent recorded"
    CHANGED = "the consent record has changed since it was recorded"
    GONE = "the consent record cannot be read"


@dataclass(frozen=True, slots=True)
class Look:
    """A project, where each of its steps stands, what there is of each person's consent, and its jobs."""

    folder: Path
    project: Project
    steps: tuple[Planned, ...]
    disk: Disk
    consent: dict[str, ConsentState]
    jobs: tuple[Job, ...]


def look(start: Path) -> Look:
    """The project that ``start`` is in, as it is now. Raises ``InputError`` or ``SettingsError``."""
    folder = find_project(start)
    project = read_project(folder)
    steps = project_steps(project)
    with closing(open_database(folder)) as database:
        disk = examine(folder, steps, database)
        jobs = tuple(Queue(database).all())
    consent = {name: _consent(folder, person) for name, person in project.people.items()}
    return Look(folder, project, plan(steps, disk), disk, consent, jobs)


def _consent(folder: Path, person: Person) -> ConsentState:
    if person.consent is None:
        return ConsentState.NONE
    try:
        same = sha256(folder / person.consent.file) == person.consent.sha256
    except OSError:
        return ConsentState.GONE
    return ConsentState.RECORDED if same else ConsentState.CHANGED
