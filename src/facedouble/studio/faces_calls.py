"""The faces screen: all faces of a clip, dropping and restoring them, undoing it, and coverage."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from starlette.responses import Response
from starlette.routing import Route

from facedouble.curation.selection import remove_faces, restore_faces
from facedouble.errors import InputError
from facedouble.faceset.store import Faceset
from facedouble.project.file import check_inside, state_folder
from facedouble.project.steps import Step as ProjectStep
from facedouble.project.steps import project_steps
from facedouble.studio.calls import Body, Call, call
from facedouble.studio.faces_table import FacesTable
from facedouble.studio.history import History, Step
from facedouble.studio.preview.kept import Kept
from facedouble.studio.state import Studio, named

Action = Literal["drop", "restore"]

_OPPOSITE: dict[Action, Action] = {"drop": "restore", "restore": "drop"}


class FacesStep(Step):
    """What was done to which faces, by their numbers of frame and face."""

    action: Action
    faces: tuple[tuple[int, int], ...]


_table = FacesTable()
_histories: Kept[History[FacesStep]] = Kept(50)


class EditBody(Body):
    """What to do to which faces, by their numbers of frame and face."""

    action: Action
    faces: list[list[int]]


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
        _do(path, step.action if forth else _OPPOSITE[step.action], step.faces)
        history.mark_done()
    return path, own.with_name(f"{own.name}.faces.json"), history


def measured_faces(path: Path, own: Path) -> dict[str, Any]:
    """All faces of a faceset as columns; ``own`` is the start of the names of the studio's files for it."""
    return _table.columns(path, own.with_name(f"{own.name}.faces.json"))


def show_faces(studio: Studio, sent: Call) -> Any:
    """All faces as columns, and how many steps can be undone and done again."""
    path, cache, history = _faceset(studio, sent)
    undo, redo = history.counts()
    return {**_table.columns(path, cache), "undo": undo, "redo": redo, "problem": history.problem}


def show_crop(studio: Studio, sent: Call) -> Any:
    """A face's crop, small."""
    path, _, _ = _faceset(studio, sent)
    data = _table.thumbnail(path, sent.path["frame"], sent.path["number"])
    return Response(data, media_type="image/jpeg", headers={"cache-control": "private, max-age=600"})


def edit(studio: Studio, sent: Call) -> Any:
    """Drop faces or restore them."""
    path, cache, history = _faceset(studio, sent)
    body = sent.body(EditBody)
    if not all(len(face) == 2 for face in body.faces):
        raise InputError("a face is named by the numbers of its frame and of itself")
    states = dict(zip(_table.keys(path, cache), _table.columns(path, cache)["state"], strict=True))
    before = {"drop": "kb", "restore": "db"}[body.action]
    wanted = [(face[0], face[1]) for face in body.faces]
    chosen = tuple(key for key in wanted if states.get(key, "-") in before)
    if chosen:
        history.add(FacesStep(action=body.action, faces=chosen))
        _do(path, body.action, chosen)
        history.mark_done()
    return show_faces(studio, sent)


def undo(studio: Studio, sent: Call) -> Any:
    """Undo the last step."""
    path, _, history = _faceset(studio, sent)
    step = history.last()
    if step is not None:
        history.undo()
        _do(path, _OPPOSITE[step.action], step.faces)
        history.mark_done()
    return show_faces(studio, sent)


def redo(studio: Studio, sent: Call) -> Any:
    """Do the step again that was undone last."""
    path, _, history = _faceset(studio, sent)
    step = history.next()
    if step is not None:
        history.redo()
        _do(path, step.action, step.faces)
        history.mark_done()
    return show_faces(studio, sent)


def _do(path: Path, action: Action, keys: tuple[tuple[int, int], ...]) -> None:
    wanted = set(keys)
    with Faceset.open(path) as store:
        faces = [face for face in store.all_faces() if face.key in wanted]
        (remove_faces if action == "drop" else restore_faces)(store, faces)


ROUTES: list[Route] = [
    call("/api/facesets/{faceset}", show_faces),
    call("/api/facesets/{faceset}/crops/{frame:int}/{number:int}", show_crop),
    call("/api/facesets/{faceset}/edit", edit, "POST"),
    call("/api/facesets/{faceset}/undo", undo, "POST"),
    call("/api/facesets/{faceset}/redo", redo, "POST"),
]
