"""The steps of a project, each of them one command: which there are, what each needs, and how it is called.

    clip ── extract ──► faceset ──┬── train ──► model ── convert ──► result ── evaluate ──► report

Pure functions of the project; nothing is read from the disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from facedouble.errors import SettingsError
from facedouble.project.model import Project, Result
from facedouble.settings.registry import COMMANDS
from facedouble.settings.tree import overlay

Kind = Literal["extract", "train", "convert", "evaluate"]
InputKind = Literal["clip", "faceset", "model"]
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Input:
    """Something that a step reads, relative to the project; ``step`` is the name of the one that makes it."""

    kind: InputKind
    path: str
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the project. ``values`` are what it is given, as its ``--config`` file would have them:
    its settings, and the paths of its inputs and output in the project."""

    name: str
    kind: Kind
    inputs: tuple[Input, ...]
    output: str
    values: Values

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the steps that must be done before."""
        return tuple(dict.fromkeys(source.step for source in self.inputs if source.step is not None))

    @property
    def label(self) -> str:
        """The name without the kind."""
        return self.name.partition(" ")[2]

    @property
    def limits(self) -> dict[str, float]:
        """What ends a training."""
        return {name: value for name, value in self.values.get("limits", {}).items() if value}


def project_steps(project: Project) -> tuple[Step, ...]:
    """Every step, in an order in which they can be done.

    Raises ``SettingsError`` for settings that a step cannot have, for a model that has nothing to learn from,
    and for a training without an end.
    """
    steps = (*_extractions(project), *_trainings(project), *_results(project))
    for step in steps:
        try:
            COMMANDS[step.kind].read(step.values)
        except SettingsError as error:
            raise SettingsError(error.field, error.value, f"{error.problem} (for {step.name})") from error
    return steps


def _extractions(project: Project) -> Iterator[Step]:
    for person, entry in project.people.items():
        for clip in entry.clips:
            output = project.faceset(person, clip)
            # Resumes what is there, and starts what is not.
            paths = {"source": clip.path, "output": output, "skip_existing": True}
            values = {**paths, **_values("extract", project.settings.extract, clip.settings, paths)}
            yield Step(_extraction(output), "extract", (Input("clip", clip.path),), output, values)


def _extraction(output: str) -> str:
    return f"extract {output.removeprefix('faces/')}"


def _values(kind: Kind, *layers: Values) -> Values:
    """Settings one over the other; where they come from does not matter to the command."""
    values: Values = {}
    for layer in layers:
        values = overlay(COMMANDS[kind], values, layer)
    return values


def _facesets(project: Project, person: str, *, training: bool = False) -> tuple[Input, ...]:
    """Facesets of a person: those of their clips, and those from elsewhere."""
    entry = project.people[person]
    own = (project.faceset(person, clip) for clip in entry.clips if clip.train or not training)
    return (
        *(Input("faceset", path, _extraction(path)) for path in own),
        *(Input("faceset", path) for path in entry.facesets),
    )


def _trainings(project: Project) -> Iterator[Step]:
    for name, model in project.models.items():
        a, b = (_facesets(project, person, training=True) for person in (model.a, model.b))
        for person, found in ((model.a, a), (model.b, b)):
            if not found:
                raise SettingsError(f"people.{person}: there is no clip to train the model {name!r} on")
        folder = project.model_folder(name)
        paths = {"a": _paths(a), "b": _paths(b), "model": folder}
        values = {**paths, **_values("train", project.settings.train, model.settings, paths)}
        step = Step(f"train {name}", "train", (*a, *b), folder, values)
        if not step.limits:
            problem = f"training of {name!r} needs an end, such as minutes: 60"
            raise SettingsError("settings.train.limits", problem=problem)
        yield step


def _results(project: Project) -> Iterator[Step]:
    evaluations = []
    for name, result in project.results.items():
        clip = Input("clip", result.clip)
        model = Input("model", project.model_folder(result.model), f"train {result.model}")
        path = project.faceset(result.a, project.clip_of(result))
        faces = Input("faceset", path, _extraction(path))
        output = project.output(name)
        convert = Step(
            f"convert {name}",
            "convert",
            (clip, model, faces),
            output,
            _conversion(project, result, clip.path, model.path, faces.path, output),
        )
        yield convert
        if not result.evaluate:
            continue
        made = Input("clip", output, convert.name)
        wanted = _facesets(project, result.b)
        known = tuple(source for source in _facesets(project, result.a) if source.path != faces.path)
        report = project.report(name)
        paths = {
            "results": [output],
            "source": clip.path,
            "target": _paths(wanted),
            "faceset": faces.path,
            "a": _paths(known),
            "model": model.path,
            "output": report,
        }
        inputs = (made, clip, faces, *wanted, *known, model)
        values = {**paths, **_values("evaluate", project.settings.evaluate, paths)}
        evaluations.append(Step(f"evaluate {name}", "evaluate", inputs, report, values))
    yield from evaluations


def _conversion(project: Project, result: Result, clip: str, model: str, faces: str, output: str) -> Values:
    values = _values("convert", project.settings.convert, result.settings)
    if project.models[result.model].a == result.b:
        values = {**values, "swap_model": True}
    consent = project.people[result.b].consent
    marked = values.get("marking", {})
    if consent is not None and isinstance(marked, Mapping) and marked.get("kind", "c2pa") == "c2pa":
        values = {**values, "marking": {"consent": consent.file, **marked}}
    paths = {"source": clip, "model": model, "faceset": faces, "output": output}
    return {**paths, **values, **paths}


def _paths(inputs: tuple[Input, ...]) -> list[str]:
    return [source.path for source in inputs]
