"""The project screen: people and clips, consent, where each step stands, what comes next, and the machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.routing import Route

from facedouble import doctor
from facedouble.project.commands import command, shown
from facedouble.project.edit import add_clip, record_consent
from facedouble.project.look import Look, look
from facedouble.project.make import NewPerson, make_project
from facedouble.project.model import clip_name
from facedouble.project.plan import Planned, State
from facedouble.studio.calls import Body, Call, call
from facedouble.studio.state import Studio, identify, named


class NewPersonBody(Body):
    """Somebody to make a project for."""

    name: str
    clips: list[str]
    consent: str = ""


class NewProjectBody(Body):
    """A project to make: A is seen, B's face is wanted."""

    a: NewPersonBody
    b: NewPersonBody


class ClipBody(Body):
    """A clip, or a consent record, that is added to a person."""

    person: str
    path: str


class TypedBody(Body):
    """A path that was typed in part."""

    typed: str


def show_project(studio: Studio, _: Call) -> Any:
    """The whole project as it stands; ``made`` is false where there is none yet."""
    if not studio.has_project:
        return {"made": False, "folder": str(studio.folder)}
    found = look(studio.folder)
    return {"made": True, "folder": str(found.folder), "name": found.folder.name} | _shown(found)


def _shown(found: Look) -> dict[str, Any]:
    project = found.project
    people = [
        {
            "id": identify("person", name),
            "name": name,
            "consent": found.consent[name].name.lower(),
            "clips": [
                {
                    "name": clip_name(clip),
                    "path": clip.path,
                    "train": clip.train,
                    "faces": identify("faceset", project.faceset(name, clip)),
                    "step": identify("step", f"extract {project.faceset(name, clip).removeprefix('faces/')}"),
                }
                for clip in person.clips
            ],
        }
        for name, person in project.people.items()
    ]
    steps = [_step(item) for item in found.steps]
    states = [item.state for item in found.steps]
    return {
        "people": people,
        "steps": steps,
        "to_do": sum(item.to_do for item in found.steps),
        "stale": states.count(State.STALE),
    }


def _step(item: Planned) -> dict[str, Any]:
    step = item.step
    again = item.state == State.STALE
    return {
        "id": identify("step", step.name),
        "name": step.name,
        "kind": step.kind,
        "label": step.label,
        "state": item.state.name.lower(),
        "reasons": list(item.reasons),
        "detail": item.detail,
        "line": shown(command(step, again=again)),
        "needs": [identify("step", name) for name in step.needs],
    }


def new_project(studio: Studio, sent: Call) -> Any:
    """Make the project of the studio's folder."""
    body = sent.body(NewProjectBody)
    make_project(studio.folder, _person(studio, body.a), _person(studio, body.b))
    return show_project(studio, sent)


def _person(studio: Studio, body: NewPersonBody) -> NewPerson:
    clips: Sequence[Path] = [studio.allowed.resolve(path) for path in body.clips]
    consent = studio.allowed.resolve(body.consent) if body.consent else None
    return NewPerson(body.name, clips, consent)


def new_clip(studio: Studio, sent: Call) -> Any:
    """Add a clip to a person; one of a person who is seen gets a result as the others have."""
    body = sent.body(ClipBody)
    name = named("person", body.person, iter(studio.project().people))
    add_clip(studio.folder, name, studio.allowed.resolve(body.path))
    return show_project(studio, sent)


def new_consent(studio: Studio, sent: Call) -> Any:
    """Record a person's signed release and its hash."""
    body = sent.body(ClipBody)
    name = named("person", body.person, iter(studio.project().people))
    record_consent(studio.folder, name, studio.allowed.resolve(body.path))
    return show_project(studio, sent)


def offers(studio: Studio, sent: Call) -> Any:
    """How a path that is being typed may go on."""
    found = studio.allowed.offers(sent.body(TypedBody).typed)
    return [{"path": offer.path, "name": offer.name, "folder": offer.folder} for offer in found]


def machine(studio: Studio, _: Call) -> Any:
    """What this machine has."""
    found = doctor.examine(studio.folder)
    return [
        {"name": it.name, "value": it.value, "state": it.state.value, "remedy": it.remedy} for it in found
    ]


ROUTES: list[Route] = [
    call("/api/project", show_project),
    call("/api/project", new_project, "POST"),
    call("/api/clips", new_clip, "POST"),
    call("/api/consent", new_consent, "POST"),
    call("/api/paths", offers, "POST"),
    call("/api/machine", machine),
]
