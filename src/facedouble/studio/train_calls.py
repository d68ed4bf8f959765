"""The train screen: preview, curves, how far it is, the time-lapse; train on, for longer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from facedouble.errors import InputError
from facedouble.files import read_regular
from facedouble.models import checkpoint
from facedouble.models.registry import MODELS
from facedouble.project.edit import add_model, set_training_minutes
from facedouble.project.jobs import ENDED, Job
from facedouble.project.steps import Step, project_steps
from facedouble.studio.calls import Body, Call, call
from facedouble.studio.state import Studio, identify, named
from facedouble.studio.training_follow import Curves, Followed

_PREVIEW = "preview.png"
_TIME_LAPSE = "time-lapse"
_PICTURE = re.compile(r"(\d{8,16})\.png", re.ASCII)
_MOST_BYTES = 1 << 27
_PNG = b"\x89PNG\r\n\x1a\n"
_followed = Followed()


class MinutesBody(Body):
    """How long a model is trained, over all runs."""

    minutes: float


class ModelBody(Body):
    """A model to add: of the people of the model ``like`` (an id), of another kind."""

    like: str
    name: str
    kind: str


def _step(studio: Studio, sent: Call) -> Step:
    steps = {step.name: step for step in project_steps(studio.project())}
    return steps[named("step", sent.path["model"], (name for name in steps if name.startswith("train ")))]


def show_training(studio: Studio, sent: Call) -> Any:
    """How far a model is, with its curves and the pictures there are."""
    step = _step(studio, sent)
    folder = studio.folder / step.output
    curves = Curves()
    card = checkpoint.read_card(folder) if checkpoint.exists(folder) else None
    if card is not None:
        curves.take(card)
    with studio.queue() as queue:
        jobs = [job for job in queue.all() if job.step == step.name]
    for job in jobs[-1:]:
        for metrics in _followed.metrics(job.file(studio.folder, "jsonl"), _start(job)):
            if card is None or job.state not in ENDED or metrics.step <= card.iteration:
                curves.add(metrics.step, metrics.values)
    reached = max((points[-1][0] for points in curves.points.values() if points), default=0)
    return {
        "id": identify("step", step.name),
        "name": step.label,
        "iteration": max(reached, card.iteration if card else 0),
        "saved_at": card.iteration if card else 0,
        "minutes": card.seconds / 60 if card else 0.0,
        "faces_seen": card.faces_seen if card else 0,
        "best": None if card is None or card.best is None else {"score": card.best, "at": card.best_at},
        "kind": card.kind if card else None,
        "resolution": card.resolution if card else None,
        "limits": step.limits,
        "curves": curves.points,
        "preview": _stamp(folder / _PREVIEW),
        "time_lapse": _time_lapse(folder),
        "job": jobs[-1].id if jobs else None,
    }


def _start(job: Job) -> int:
    found = job.record.get("events", 0)
    return found if isinstance(found, int) and found >= 0 else 0


def _stamp(path: Path) -> str | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return f"{found.st_mtime_ns:x}"


def _time_lapse(folder: Path) -> list[int]:
    try:
        names = [entry.name for entry in (folder / _TIME_LAPSE).iterdir()]
    except OSError:
        return []
    return sorted(int(match[1]) for match in map(_PICTURE.fullmatch, names) if match)


def show_preview(studio: Studio, sent: Call) -> Any:
    """The newest preview sheet."""
    return _picture(studio.folder / _step(studio, sent).output / _PREVIEW)


def show_past(studio: Studio, sent: Call) -> Any:
    """The preview sheet as it was at an iteration."""
    iteration = sent.path["iteration"]
    return _picture(studio.folder / _step(studio, sent).output / _TIME_LAPSE / f"{iteration:08d}.png")


def _picture(path: Path) -> Response:
    """A PNG that a training wrote; a link leads nowhere."""
    try:
        data = read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise InputError("there is no such picture (yet)") from error
    if not data.startswith(_PNG):
        raise InputError(f"{path.name} is no PNG")
    return Response(data, media_type="image/png")


def show_kinds(studio: Studio, _: Call) -> Any:
    """The kinds of models that there are."""
    return [{"kind": kind, "about": text} for kind, text in MODELS.summaries().items()]


def new_model(studio: Studio, sent: Call) -> Any:
    """Add a model of the same people, and say which it is."""
    body = sent.body(ModelBody)
    steps = {step.name: step for step in project_steps(studio.project())}
    MODELS.check(body.kind)
    like = named("step", body.like, (name for name in steps if name.startswith("train ")))
    add_model(studio.folder, like.removeprefix("train "), body.name, body.kind)
    return {"id": identify("step", f"train {body.name}")}


def train_longer(studio: Studio, sent: Call) -> Any:
    """Change how long a model is trained."""
    minutes = sent.body(MinutesBody).minutes
    if not 0 < minutes < 1e6:
        raise InputError("minutes must be more than 0")
    set_training_minutes(studio.folder, _step(studio, sent).label, minutes)
    return show_training(studio, sent)


ROUTES: list[Route] = [
    call("/api/kinds", show_kinds),
    call("/api/models", new_model, "POST"),
    call("/api/models/{model}", show_training),
    call("/api/models/{model}/preview/{stamp}", show_preview),
    call("/api/models/{model}/past/{iteration:int}", show_past),
    call("/api/models/{model}/minutes", train_longer, "POST"),
]
