"""What ``project.yaml`` says: people and their clips, models, and the results that are wanted.

    schema: 1
    people:
      anna: {clips: [clips/anna-1.mp4, clips/anna-2.mp4]}
      ben: {clips: [clips/ben.mp4], consent: {file: consent/ben.pdf, sha256: 5ab3...}}
    models:
      anna-ben: {a: anna, b: ben}
    results:
      anna-1: {clip: clips/anna-1.mp4, a: anna, b: ben, model: anna-ben}
    settings:
      train: {limits: {minutes: 60}}

Paths are relative to the folder of ``project.yaml`` and stay inside it. Only what is read (clips, facesets
from elsewhere, consent records) may lie outside; its path is then absolute. What is not said gets a place
of its own: ``faces/PERSON/CLIP``, ``models/NAME``, ``results/NAME.mp4``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

SCHEMA = 1
"""The version of ``project.yaml`` that this program writes."""

FILE = "project.yaml"
STATE = ".facedouble"
"""The project's folder for what the program keeps for itself."""

_NAME = re.compile(r"\w[\w .+-]{0,99}")
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


def check_name(name: str) -> str:
    """``name``, which becomes part of file names. Raises ``ValueError`` where it cannot."""
    if not _NAME.fullmatch(name) or name.endswith((".", " ")) or name.split(".")[0].lower() in _DEVICES:
        raise ValueError(
            f"{name!r:.80} cannot be a name; begin with a letter or digit, and use letters, digits, spaces, "
            "'-', '_', '+' and '.'"
        )
    return name


def check_path(path: str) -> str:
    """``path`` of what is read: absolute, or inside the project. Raises ``ValueError`` otherwise."""
    if not path or not path.isprintable():
        raise ValueError(f"{path!r:.80} is not a path")
    if not is_absolute(path):
        parts = PurePosixPath(path).parts
        if ".." in parts or "\\" in path:
            raise ValueError(f"{path!r:.200} leads out of the project; give an absolute path")
        if not parts or parts[0] in (STATE, FILE):
            raise ValueError(f"{path!r:.200} belongs to the project itself")
    return path


def check_output(path: str) -> str:
    """``path`` of what is written: inside the project. Raises ``ValueError`` otherwise."""
    if is_absolute(path):
        raise ValueError(f"{path!r:.200} must be relative to project.yaml, because it is written")
    return check_path(path)


def is_absolute(path: str) -> bool:
    """Whether ``path`` is absolute on any system."""
    return PurePosixPath(path).is_absolute() or bool(PureWindowsPath(path).drive)


Name = Annotated[str, AfterValidator(check_name)]
ReadPath = Annotated[str, AfterValidator(check_path)]
WrittenPath = Annotated[str, AfterValidator(check_output)]
Given = dict[str, JsonValue]
"""Settings that were given for a step, as its ``--config`` file has them."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Clip(_Part):
    """A clip (or folder of images) of a person; the path alone will do.

    ``faceset``: where its faces go. ``train``: whether a model may learn from it. ``settings``: of its
    extraction.
    """

    path: ReadPath
    faceset: WrittenPath | None = None
    train: bool = True
    settings: Given = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


class Consent(_Part):
    """A person's signed release, and its SHA-256 when it was recorded."""

    file: ReadPath
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Person(_Part):
    """Somebody whose face is seen or wanted. ``facesets`` are further ones, made elsewhere, to train on."""

    clips: tuple[Clip, ...] = ()
    facesets: tuple[ReadPath, ...] = ()
    consent: Consent | None = None


class Model(_Part):
    """A model of two people. ``folder`` is ``models/NAME`` unless it is given."""

    a: Name
    b: Name
    folder: WrittenPath | None = None
    settings: Given = Field(default_factory=dict)


class Result(_Part):
    """A clip of person ``a`` with the face of person ``b``, drawn by ``model``.

    ``model`` knows both, either way round. ``output`` is ``results/NAME.mp4`` unless it is given;
    ``evaluate``: whether a report is written beside it. ``settings``: of the conversion.
    """

    clip: ReadPath
    a: Name
    b: Name
    model: Name
    output: WrittenPath | None = None
    evaluate: bool = True
    settings: Given = Field(default_factory=dict)


class StepSettings(_Part):
    """Settings that hold for every step of a kind; those of a clip, a model or a result come on top."""

    extract: Given = Field(default_factory=dict)
    train: Given = Field(default_factory=dict)
    convert: Given = Field(default_factory=dict)
    evaluate: Given = Field(default_factory=dict)


class Project(_Part):
    """A whole ``project.yaml``. ``executor`` says where jobs run."""

    model_config = ConfigDict(title="facedouble project")

    schema_version: Annotated[int, Field(alias="schema", ge=1, le=SCHEMA)] = SCHEMA
    people: dict[Name, Person]
    models: dict[Name, Model] = Field(default_factory=dict)
    results: dict[Name, Result] = Field(default_factory=dict)
    settings: StepSettings = Field(default_factory=StepSettings)
    executor: Name = "local"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problem = next(_contradictions(self), None)
        if problem is not None:
            raise problem
        return self

    def faceset(self, person: str, clip: Clip) -> str:
        """Where the faces of a clip go: ``faces/PERSON/CLIP`` unless the clip says otherwise."""
        return clip.faceset or f"faces/{person}/{clip_name(clip)}"

    def model_folder(self, name: str) -> str:
        """Where a model lies."""
        return self.models[name].folder or f"models/{name}"

    def output(self, name: str) -> str:
        """Where a result goes."""
        return self.results[name].output or f"results/{name}.mp4"

    def report(self, name: str) -> str:
        """Where the report of a result goes: beside it."""
        return str(PurePosixPath(self.output(name)).with_suffix(".html"))

    def clip_of(self, result: Result) -> Clip:
        """The clip that a result is made of."""
        return next(clip for clip in self.people[result.a].clips if clip.path == result.clip)


def clip_name(clip: Clip) -> str:
    """What a clip is called: its file name without the suffix."""
    name = PureWindowsPath(clip.path).name if "\\" in clip.path else PurePosixPath(clip.path).name
    return PurePosixPath(name).stem


Location = tuple[str | int, ...]
"""Where a value stands in the file: names and list positions."""


class ContradictionError(ValueError):
    """Values that do not fit together; ``path`` says where in the file to look."""

    def __init__(self, path: Location, problem: str) -> None:
        super().__init__(problem)
        self.path = path


def outputs(project: Project) -> Iterator[tuple[Location, str]]:
    """Everything that is written: where it is said, and the path."""
    for person, entry in project.people.items():
        for number, clip in enumerate(entry.clips):
            yield ("people", person, "clips", number), project.faceset(person, clip)
    for name in project.models:
        yield ("models", name), project.model_folder(name)
    for name, result in project.results.items():
        yield ("results", name), project.output(name)
        if result.evaluate:
            yield ("results", name), project.report(name)


def _contradictions(project: Project) -> Iterator[ContradictionError]:
    if len(project.people) < 2:
        yield ContradictionError(("people",), "name at least two: who is seen, and whose face is wanted")
    for person, entry in project.people.items():
        seen: set[str] = set()
        for number, clip in enumerate(entry.clips):
            if clip.path in seen:
                yield ContradictionError(("people", person, "clips", number), f"{clip.path} is listed twice")
            seen.add(clip.path)
    for name, model in project.models.items():
        yield from _people_of(project, ("models", name), model)
    for name, result in project.results.items():
        yield from _people_of(project, ("results", name), result)
        if result.model not in project.models:
            yield ContradictionError(("results", name, "model"), f"there is no model {result.model!r}")
            return
        known = project.models[result.model]
        if {known.a, known.b} != {result.a, result.b}:
            problem = f"{result.model!r} is a model of {known.a!r} and {known.b!r}"
            yield ContradictionError(("results", name, "model"), problem)
        if all(clip.path != result.clip for clip in project.people[result.a].clips):
            problem = f"{result.clip!r:.200} is not among the clips of {result.a!r}"
            yield ContradictionError(("results", name, "clip"), problem)
    yield from _clashes(project)


def _people_of(project: Project, where: Location, pair: Model | Result) -> Iterator[ContradictionError]:
    for side, person in (("a", pair.a), ("b", pair.b)):
        if person not in project.people:
            yield ContradictionError((*where, side), f"there is no person {person!r}")
    if pair.a == pair.b:
        yield ContradictionError((*where, "b"), f"is {pair.a!r}, as a is; they must be two people")


def _clashes(project: Project) -> Iterator[ContradictionError]:
    """Outputs that are the same, or of which one lies inside the other."""
    found: list[tuple[tuple[str, ...], Location]] = []
    for where, path in outputs(project):
        try:
            found.append((PurePosixPath(check_output(path).casefold()).parts, where))
        except ValueError as error:
            yield ContradictionError(where, str(error))
            return
    for (first, owner), (second, where) in pairwise(sorted(found, key=lambda item: item[0])):
        if second[: len(first)] == first:
            places = f"{'/'.join(second)} is where {'.'.join(map(str, owner))} writes"
            yield ContradictionError(where, f"{places}; give one of them a place of its own")
