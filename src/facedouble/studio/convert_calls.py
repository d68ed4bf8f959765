"""The convert screen: frames as the conversion would write them, its settings, and queueing it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from facedouble.errors import BusyError, InputError, SettingsError
from facedouble.project.dispatch import queue_now, submit
from facedouble.project.edit import set_result_model, set_result_settings
from facedouble.project.jobs import JobState
from facedouble.project.look import look as look_at
from facedouble.project.model import Project
from facedouble.project.steps import Step, project_steps
from facedouble.settings.convert import ConvertCommand, ConvertSettings
from facedouble.settings.schema import json_schema
from facedouble.studio.calls import Body, Call, call, failure
from facedouble.studio.convert_paths import paths_in, placed_paths
from facedouble.studio.preview.kept import Kept
from facedouble.studio.preview.preparation import Progressing
from facedouble.studio.preview.rendering import Look
from facedouble.studio.preview.session import Preview, View, png
from facedouble.studio.state import Studio, identify, named

_VIEWS: Mapping[str, View] = {
    "source": "source",
    "result": "result",
    "near": "result",  # of the faces around it alone, while the whole track is being fitted
    "mask": "mask",
    "detail": "detail",
    "source-detail": "source-detail",
}


class ValuesBody(Body):
    """The whole tree of settings, as plain values, and which frame is looked at."""

    values: dict[str, JsonValue]
    frame: int | None = None


class ModelBody(Body):
    """A model of the project, by the id of its training."""

    model: str


class Previews:
    """The previews of results that were looked at last, and the settings that frames were asked for with."""

    def __init__(self) -> None:
        self._open: Kept[Preview] = Kept(2)
        self._settings: Kept[ConvertSettings] = Kept(200)
        self._lock = threading.Lock()

    def of(self, studio: Studio, step: Step) -> Preview:
        """The preview of a result, by its step."""
        paths = {name: studio.folder / step.values[name] for name in ("source", "model", "faceset")}
        command = ConvertCommand.read(step.values)
        key = (*paths.values(), _changed(paths["source"]), command.reading)
        with self._lock:
            found = self._open.get(key)
            if found is None:
                found = Preview(paths["source"], paths["model"], paths["faceset"], settings_of(step))
                self._open.put(key, found)
        return found

    def remember(self, settings: ConvertSettings) -> str:
        """A stamp for settings, by which frames are asked for."""
        text = json.dumps(settings.dump(), sort_keys=True)
        stamp = hashlib.sha256(text.encode()).hexdigest()[:16]
        with self._lock:
            self._settings.put(stamp, settings)
        return stamp

    def settings(self, stamp: str) -> ConvertSettings:
        """Raises ``InputError`` for a stamp that is not known (any more)."""
        with self._lock:
            found = self._settings.get(stamp)
        if found is None:
            raise InputError("these settings are not known any more; choose them again")
        return found


previews = Previews()
"""Of this server."""


def settings_of(step: Step) -> ConvertSettings:
    """The settings of a result's conversion, without the paths."""
    return ConvertCommand.read(step.values).only(ConvertSettings)


def found_result(studio: Studio, sent: Call) -> tuple[Project, str, Step]:
    """The project, a result's name, and its step."""
    project = studio.project()
    steps = {step.name: step for step in project_steps(project)}
    name = named("step", sent.path["result"], (name for name in steps if name.startswith("convert ")))
    return project, name.removeprefix("convert "), steps[name]


def show_result(studio: Studio, sent: Call) -> Any:
    """A result: its clip, its settings, and the form that changes them."""
    project, name, step = found_result(studio, sent)
    preview = previews.of(studio, step)
    info = preview.source.info
    count = preview.source.index.count
    return {
        "id": identify("step", step.name),
        "name": name,
        "clip": Path(project.results[name].clip).name,
        "faces": identify("step", step.needs[-1]),  # the faceset's
        "person": project.results[name].b,
        "frames": count,
        "rate": float(info.rate),
        "numbers": None
        if info.first_number is None
        else [info.first_number + int(time) for time in preview.source.index.times],
        "width": info.shown_size[0],
        "height": info.shown_size[1],
        "output": step.output,
        "model": identify("step", f"train {project.results[name].model}"),
        "models": [
            {"id": identify("step", f"train {it}"), "name": it}
            for it, other in project.models.items()
            if {other.a, other.b} == {project.results[name].a, project.results[name].b}
        ],
        "values": settings_of(step).dump(),
        "defaults": _base(project).dump(),
        "schema": json_schema("convert"),
    }


def _base(project: Project) -> ConvertSettings:
    """The settings of a conversion without those of the result itself."""
    return ConvertSettings.read(project.settings.convert)


def choose_model(studio: Studio, sent: Call) -> Any:
    """Have a result drawn by another model."""
    project, name, _ = found_result(studio, sent)
    model = named("step", sent.body(ModelBody).model, (f"train {it}" for it in project.models))
    set_result_model(studio.folder, name, model.removeprefix("train "))
    return show_result(studio, sent)


def show_look(studio: Studio, sent: Call) -> Any:
    """Whether frames can be made with some settings yet; what was asked for last is prepared."""
    _, _, step = found_result(studio, sent)
    settings = _wanted(studio, step, sent)
    placed = placed_paths(settings, studio.folder)
    preview = previews.of(studio, step)
    return {
        "stamp": previews.remember(placed),
        "values": settings.dump(),
        **_readiness(preview.look(placed, sent.body(ValuesBody).frame)),
    }


def _wanted(studio: Studio, step: Step, sent: Call) -> ConvertSettings:
    """The settings that were sent. Paths in them that the project does not have already must lie in a folder
    that the studio may read."""
    values = sent.body(ValuesBody).values
    wanted = ConvertSettings.read(values)
    known = {text for _, text in paths_in(settings_of(step).dump())}
    for name, text in paths_in(wanted.dump()):
        if text not in known:
            try:
                studio.allowed.resolve(text)
            except InputError as error:
                raise SettingsError(name, problem=str(error)) from error
    return wanted


def show_readiness(studio: Studio, sent: Call) -> Any:
    """How far the preparation for a stamp is."""
    _, _, step = found_result(studio, sent)
    preview = previews.of(studio, step)
    return _readiness(preview.look(previews.settings(sent.path["stamp"])))


def _readiness(found: Look | Progressing) -> dict[str, Any]:
    if isinstance(found, Look):
        faces = sum(map(len, found.plan.faces.values()))
        return {
            "ready": True,
            "faces": faces,
            "frames_with_faces": len(found.plan.faces),
            "notices": found.notices,
        }
    if found.error is not None:
        raise found.error
    return {
        "ready": False,
        "stage": found.stage,
        "done": found.done,
        "total": found.total,
        "notices": found.notices,
        "near": [] if found.near is None else sorted(found.near.plan.faces),
    }


def show_frame(studio: Studio, sent: Call) -> Any:
    """A frame as PNG: of the source, of the result, or the mask."""
    _, _, step = found_result(studio, sent)
    preview, view = previews.of(studio, step), _VIEWS.get(sent.path["view"])
    if view is None:
        raise InputError("there is no such view")
    found: Look | None = None
    if not view.startswith("source"):
        settings = previews.settings(sent.path["stamp"])
        state = preview.look(settings)
        if isinstance(state, Progressing) and sent.path["view"] == "near":
            state = state.near or state
        if isinstance(state, Progressing):
            return failure(state.error) if state.error else JSONResponse({"error": "being prepared"}, 425)
        found = state
    return Response(png(preview.picture(sent.path["number"], view, found)), media_type="image/png")


def save(studio: Studio, sent: Call) -> Any:
    """Keep the settings in the project, for this result."""
    project, name, step = found_result(studio, sent)
    wanted = _wanted(studio, step, sent)
    own = difference(_base(project).dump(), wanted.dump())
    if project.models[project.results[name].model].a == project.results[name].b:
        own.pop("swap_model", None)  # follows from who is seen
    set_result_settings(studio.folder, name, own)
    return {"own": own}


def queue(studio: Studio, sent: Call) -> Any:
    """Keep the settings, and queue the conversion with what it needs and is not there."""
    save(studio, sent)
    _, _, step = found_result(studio, sent)
    with studio.queue() as jobs:
        if any(job.step == step.name and job.state == JobState.RUNNING for job in jobs.all()):
            raise BusyError(f"{step.label} is being made now, with its earlier settings; stop that job first")
        new = queue_now(look_at(studio.folder), jobs, stale=True, only=[step.name])
        submit(studio.folder, new)
    return {"queued": len(new)}


def difference(base: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be said on top of ``base`` to get ``wanted``; settings of another kind are said whole."""
    found: dict[str, Any] = {}
    for name, value in wanted.items():
        before = base.get(name)
        if value == before:
            continue
        if (
            isinstance(value, Mapping)
            and isinstance(before, Mapping)
            and value.get("kind") == before.get("kind")
        ):
            found[name] = difference(before, value)
        elif isinstance(value, Mapping) and "kind" in value:
            found[name] = {key: inner for key, inner in value.items() if inner is not None}
        else:
            found[name] = value
    return found


def _changed(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


ROUTES: list[Route] = [
    call("/api/results/{result}", show_result),
    call("/api/results/{result}/look", show_look, "POST"),
    call("/api/results/{result}/look/{stamp}", show_readiness),
    call("/api/results/{result}/frames/{number:int}/{stamp}/{view}", show_frame),
    call("/api/results/{result}/model", choose_model, "POST"),
    call("/api/results/{result}/settings", save, "POST"),
    call("/api/results/{result}/queue", queue, "POST"),
]
