"""The faces screen: all faces of a clip; dropping, restoring and naming them, undoing it, and coverage."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator
from starlette.responses import Response
from starlette.routing import Route

from facedouble.curation.selection import name_people, remove_faces, restore_faces
from facedouble.errors import InputError
from facedouble.faceset.people import Key, read_people
from facedouble.faceset.store import Faceset
from facedouble.project.file import check_inside, state_folder
from facedouble.project.model import Project
from facedouble.project.steps import Step as ProjectStep
from facedouble.project.steps import project_steps
from facedouble.studio.calls import Body, Call, call
from facedouble.studio.faces_table import FacesTable
from facedouble.studio.history import History, Step
from facedouble.studio.preview.kept import Kept
from facedouble.studio.state import Studio, identify, named

Action = Literal["drop", "restore", "assign"]

SOMEBODY_ELSE = "somebody else"


class FacesStep(Step):
    """What was done to which faces, by their numbers of frame and face.

    Of faces that were assigned: to whom (``person``, ``None`` for nobody), whose they were ``before``, and
    which of them were ``dropped`` or ``restored`` by it.
    """

    action: Action
    faces: tuple[Key, ...]
    person: str | None = None
    before: tuple[str | None, ...] = ()
    dropped: tuple[Key, ...] = ()
    restored: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> FacesStep:
        if self.action == "assign" and len(self.before) != len(self.faces):
            raise ValueError("a face without the one that it was before")
        return self


_table = FacesTable()
_histories: Kept[History[FacesStep]] = Kept(50)


class EditBody(Body):
    """What to do to which faces, by their numbers of frame and face. They are assigned to the ``person`` of
    this id, or to nobody."""

    action: Action
    faces: list[list[int]]
    person: str | None = None


def faceset_of(studio: Studio, identity: str) -> tuple[ProjectStep, Path, Path]:
    """The step that makes the faceset of this id, its folder, and the start of the names of the files that
    the studio keeps for it. Raises ``InputError``."""
    steps = {step.name: step for step in project_steps(studio.project()) if step.kind == "extract"}
    step = steps[named("step", identity, iter(steps))]
    path = check_inside(studio.folder, step.output)
    own = state_folder(studio.folder) / "studio"
    check_inside(studio.folder, str(own.relative_to(studio.folder)))
    return step, path, own / identity


def _faceset(studio: Studio, sent: Call) -> tuple[Path, Path, History[FacesStep]]:
    """The folder of the faceset that was named, the file for what was measured of it, and its history. A step
    that was cut short is finished."""
    _, path, own = faceset_of(studio, sent.path["faceset"])
    file = own.with_name(f"{own.name}.faces.history")
    history = _histories.get(file)
    if history is None:
        history = History(file, FacesStep)
        _histories.put(file, history)
    unfinished = history.unfinished()
    if unfinished is not None:
        step, forth = unfinished
        (_do if forth else _undo)(path, step)
        history.mark_done()
    return path, own.with_name(f"{own.name}.faces.json"), history


def measured_faces(path: Path, own: Path) -> dict[str, Any]:
    """All faces of a faceset as columns; ``own`` is the start of the names of the studio's files for it."""
    return _table.columns(path, own.with_name(f"{own.name}.faces.json"))


def show_faces(studio: Studio, sent: Call) -> Any:
    """All faces as columns, and how many steps can be undone and done again."""
    path, cache, history = _faceset(studio, sent)
    undo, redo = history.counts()
    owner = _owner(studio.project(), sent.path["faceset"])
    people = [*studio.project().people, SOMEBODY_ELSE]
    return {
        **_table.columns(path, cache),
        "undo": undo,
        "redo": redo,
        "problem": history.problem,
        "people": [{"id": identify("person", it), "name": it, "owner": it == owner} for it in people],
        "others": identify("person", SOMEBODY_ELSE),
    }


def show_crop(studio: Studio, sent: Call) -> Any:
    """A face's crop, small."""
    path, _, _ = _faceset(studio, sent)
    data = _table.thumbnail(path, sent.path["frame"], sent.path["number"])
    return Response(data, media_type="image/jpeg", headers={"cache-control": "private, max-age=600"})


def edit(studio: Studio, sent: Call) -> Any:
    """Drop faces, restore them, or say who they are."""
    path, cache, history = _faceset(studio, sent)
    body = sent.body(EditBody)
    if not all(len(face) == 2 for face in body.faces):
        raise InputError("a face is named by the numbers of its frame and of itself")
    states = dict(zip(_table.keys(path, cache), _table.columns(path, cache)["state"], strict=True))
    wanted = [(face[0], face[1]) for face in body.faces if (face[0], face[1]) in states]
    if body.action == "assign":
        project = studio.project()
        people = iter([*project.people, SOMEBODY_ELSE])
        person = None if body.person is None else named("person", body.person, people)
        step = _assignment(wanted, person, _owner(project, sent.path["faceset"]), states, read_people(path))
    else:
        before = {"drop": "kb", "restore": "db"}[body.action]
        step = FacesStep(action=body.action, faces=tuple(key for key in wanted if states[key] in before))
    if step.faces:
        history.add(step)
        _do(path, step)
        history.mark_done()
    return show_faces(studio, sent)


def _assignment(
    wanted: Sequence[Key],
    person: str | None,
    owner: str,
    states: Mapping[Key, str],
    known: Mapping[Key, str],
) -> FacesStep:
    """Assigning faces to a person. Those of others are of no use for the one whose clip it is (``owner``),
    and are dropped; those that are the owner's after all are restored."""
    faces = tuple(key for key in wanted if known.get(key) != person)
    others = person is not None and person != owner
    return FacesStep(
        action="assign",
        faces=faces,
        person=person,
        before=tuple(known.get(key) for key in faces),
        dropped=tuple(key for key in faces if others and states[key] in "kb"),
        restored=tuple(
            key for key in faces if not others and states[key] == "d" and known.get(key) not in (None, owner)
        ),
    )


def _owner(project: Project, identity: str) -> str:
    """The person whose clip the faceset of this id is of."""
    for name, person in project.people.items():
        for clip in person.clips:
            step = f"extract {project.faceset(name, clip).removeprefix('faces/')}"
            if identify("step", step) == identity:
                return name
    raise InputError("there are no such faces any more")


def undo(studio: Studio, sent: Call) -> Any:
    """Undo the last step."""
    path, _, history = _faceset(studio, sent)
    step = history.last()
    if step is not None:
        history.undo()
        _undo(path, step)
        history.mark_done()
    return show_faces(studio, sent)


def redo(studio: Studio, sent: Call) -> Any:
    """Do the step again that was undone last."""
    path, _, history = _faceset(studio, sent)
    step = history.next()
    if step is not None:
        history.redo()
        _do(path, step)
        history.mark_done()
    return show_faces(studio, sent)


def _do(path: Path, step: FacesStep) -> None:
    dropped = step.faces if step.action == "drop" else step.dropped
    restored = step.faces if step.action == "restore" else step.restored
    _change(path, dropped, restored, dict.fromkeys(step.faces, step.person) if step.before else {})


def _undo(path: Path, step: FacesStep) -> None:
    dropped = step.faces if step.action == "restore" else step.restored
    restored = step.faces if step.action == "drop" else step.dropped
    _change(path, dropped, restored, dict(zip(step.faces, step.before, strict=True)) if step.before else {})


def _change(
    path: Path, dropped: Collection[Key], restored: Collection[Key], people: Mapping[Key, str | None]
) -> None:
    with Faceset.open(path) as store:
        if people:
            name_people(store, people)
        faces = store.all_faces() if dropped or restored else []
        for keys, move in ((set(dropped), remove_faces), (set(restored), restore_faces)):
            if keys:
                move(store, [face for face in faces if face.key in keys])


ROUTES: list[Route] = [
    call("/api/facesets/{faceset}", show_faces),
    call("/api/facesets/{faceset}/crops/{frame:int}/{number:int}", show_crop),
    call("/api/facesets/{faceset}/edit", edit, "POST"),
    call("/api/facesets/{faceset}/undo", undo, "POST"),
    call("/api/facesets/{faceset}/redo", redo, "POST"),
]
