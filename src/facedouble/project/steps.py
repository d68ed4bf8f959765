"""The steps of a project, each of them one command: which there are, what each needs, and how it is called.

    clip ── extract ──► faceset ──┬── train ──► model ── convert ──► result ── evaluate ──► report

Pure functions of the project; nothing is read from the disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from facedouble.errors import SettingsError
from facedouble.project.model import Given, Project

Kind = Literal["extract", "train", "convert", "evaluate"]
InputKind = Literal["clip", "faceset", "model"]


@dataclass(frozen=True, slots=True)
class Input:
    """Something that a step reads, relative to the project; ``step`` is the name of the one that makes it."""

    kind: InputKind
    path: str
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the project. ``arguments`` name its inputs and output by paths in the project."""

    name: str
    kind: Kind
    inputs: tuple[Input, ...]
    output: str
    arguments: tuple[str, ...]
    settings: Given = field(default_factory=dict)

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the steps that must be done before."""
        return tuple(dict.fromkeys(source.step for source in self.inputs if source.step is not None))

    @property
    def label(self) -> str:
        """The name without the kind."""
        return self.name.partition(" ")[2]


def project_steps(project: Project) -> tuple[Step, ...]:
    """Every step, in an order in which they can be done.

    Raises ``SettingsError`` for a model that has nothing to learn from or no end to its training.
    """
    return (*_extractions(project), *_trainings(project), *_results(project))


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``below`` with the values of ``above`` on top, mapping by mapping."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _extractions(project: Project) -> Iterator[Step]:
    for person, entry in project.people.items():
        for clip in entry.clips:
            output = project.faceset(person, clip)
            yield Step(
                name=_extraction(project, person, output),
                kind="extract",
                inputs=(Input("clip", clip.path),),
                output=output,
                # Resumes what is there, and starts what is not.
                arguments=("-i", clip.path, "-o", output, "--skip-existing"),
                settings=merge(project.settings.extract, clip.settings),
            )


def _extraction(project: Project, person: str, output: str) -> str:
    return f"extract {output.removeprefix('faces/')}"


def _facesets(project: Project, person: str, *, training: bool) -> tuple[Input, ...]:
    """Facesets of a person: those of their clips, and those from elsewhere."""
    entry = project.people[person]
    own = (project.faceset(person, clip) for clip in entry.clips if clip.train or not training)
    return (
        *(Input("faceset", path, _extraction(project, person, path)) for path in own),
        *(Input("faceset", path) for path in entry.facesets),
    )


def _trainings(project: Project) -> Iterator[Step]:
    for name, model in project.models.items():
        a, b = (_facesets(project, person, training=True) for person in (model.a, model.b))
        for person, found in ((model.a, a), (model.b, b)):
            if not found:
                raise SettingsError(f"people.{person}: there is no clip to train models.{name} on")
        settings = merge(project.settings.train, model.settings)
        if not any(settings.get(limit) for limit in LIMITS):
            raise SettingsError(
                f"settings.train: training needs an end; set one of {', '.join(LIMITS)} for models.{name}"
            )
        folder = project.model_folder(name)
        yield Step(
            name=f"train {name}",
            kind="train",
            inputs=(*a, *b),
            output=folder,
            arguments=(*_each("-A", a), *_each("-B", b), "-m", folder),
            settings=settings,
        )


LIMITS = ("minutes", "iterations", "target_loss", "patience")
"""Settings that end a training."""


def _results(project: Project) -> Iterator[Step]:
    evaluations = []
    for name, result in project.results.items():
        clip = Input("clip", result.clip)
        model = Input("model", project.model_folder(result.model), f"train {result.model}")
        path = project.faceset(result.a, project.clip_of(result))
        faces = Input("faceset", path, _extraction(project, result.a, path))
        output = project.output(name)
        arguments = ["-i", clip.path, "-m", model.path, "-a", faces.path, "-o", output]
        settings = merge(project.settings.convert, result.settings)
        if project.models[result.model].a == result.b:
            arguments.append("--swap-model")
        consent = project.people[result.b].consent
        if consent is not None:
            arguments += ["--consent", consent.file]
        convert = Step(f"convert {name}", "convert", (clip, model, faces), output, tuple(arguments), settings)
        yield convert
        if not result.evaluate:
            continue
        wanted = _facesets(project, result.b, training=False)
        known = tuple(s for s in _facesets(project, result.a, training=False) if s.path != faces.path)
        made = Input("clip", output, convert.name)
        report = project.report(name)
        arguments = ["-r", output, "-i", clip.path, *_each("-B", wanted), "-a", faces.path]
        arguments += [*_each("-A", known), "-m", model.path, "-o", report]
        evaluations.append(
            Step(
                f"evaluate {name}",
                "evaluate",
                (made, clip, faces, *wanted, *known, model),
                report,
                tuple(arguments),
                project.settings.evaluate,
            )
        )
    yield from evaluations


def _each(option: str, inputs: tuple[Input, ...]) -> Iterator[str]:
    for source in inputs:
        yield option
        yield source.path
