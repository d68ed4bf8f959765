"""What is on disk of a project: each step's output, how far it is, and a fingerprint of it."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from facedouble.errors import FacedoubleError, InputError
from facedouble.faceset.layout import CROPS, DATABASE, iter_crops, parse_crop_name
from facedouble.faceset.store import Faceset
from facedouble.files import hidden_beside, read_regular
from facedouble.json_data import parse_json
from facedouble.project.file import check_inside
from facedouble.project.records import Fingerprints, Record, read_records
from facedouble.project.steps import Input, Step
from facedouble.run.locks import Writer, writer_of

_MOST_BYTES = 1 << 26


class There(StrEnum):
    """How much of an output there is."""

    MISSING = "missing"
    PARTIAL = "partial"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Output:
    """What there is of a step's output.

    ``detail`` is for a person. ``fingerprint`` changes when a step that reads it would come to another
    result. ``source`` is the fingerprint of the clip that a faceset says it was made of. ``progress`` of a
    model: its iterations and minutes of training. ``problem``: why it cannot be used. ``writer``: who is at
    work on it.
    """

    there: There = There.MISSING
    detail: str = ""
    fingerprint: str | None = None
    source: str | None = None
    progress: Mapping[str, float] | None = None
    problem: str = ""
    writer: Writer | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """What is on disk: outputs by name of their step, fingerprints of inputs that no step makes (``None``:
    not there) by path, and what finished steps were made of."""

    outputs: Mapping[str, Output]
    inputs: Mapping[str, str | None]
    records: Mapping[str, Record]

    def fingerprint(self, source: Input) -> str | None:
        """Of an input of a step, as it is now; ``None`` where it is not there."""
        if source.step is None:
            return self.inputs.get(source.path)
        return self.outputs[source.step].fingerprint


def examine(folder: Path, steps: Sequence[Step], database: sqlite3.Connection) -> Disk:
    """Look at the project in ``folder``. Raises ``InputError`` for an output that a link leads elsewhere."""
    fingerprints = Fingerprints(database, folder)
    records = read_records(database)
    outputs = {}
    inputs: dict[str, str | None] = {}
    for step in steps:
        path = check_inside(folder, step.output)
        found = _EXAMINERS[step.kind](path, step, fingerprints)
        outputs[step.name] = replace(found, writer=writer_of(path))
        for source in step.inputs:
            if source.step is None and source.path not in inputs:
                inputs[source.path] = _fingerprint(folder, source, fingerprints)
    return Disk(outputs, inputs, records)


def _fingerprint(folder: Path, source: Input, fingerprints: Fingerprints) -> str | None:
    if source.kind == "faceset":
        return _faceset(folder / source.path).fingerprint
    try:
        return fingerprints.of(source.path)
    except InputError:
        return None


def _extracted(path: Path, _step: Step, _fingerprints: Fingerprints) -> Output:
    return _faceset(path)


def _faceset(path: Path) -> Output:
    if not (path / DATABASE).is_file():
        return Output()
    try:
        with Faceset.open(path) as faceset:
            frames, complete, source = len(faceset.frame_indices()), faceset.complete, faceset.source.sha256
            layers = [f"{*layer.key, layer.kind, layer.created}" for layer in faceset.layers()]
    except (FacedoubleError, sqlite3.Error) as error:
        return Output(There.PARTIAL, problem=str(error))
    if not complete:
        return Output(There.PARTIAL, f"{frames:,} frames looked at", source=source)
    crops = sorted(_crops(path))
    used = sum(line.startswith(CROPS) for line in crops)
    digest = hashlib.sha256("\n".join([source, *crops, *sorted(layers)]).encode()).hexdigest()
    return Output(There.WHOLE, f"{used:,} faces", digest, source=source)


def _crops(path: Path) -> Iterator[str]:
    """The folder and file size of each crop, by its number: names may have changed in front of it."""
    for crop in iter_crops(path):
        folder, name = crop.split("/", 1)[0], crop.rsplit("/", 1)[-1]
        size = os.stat(f"{path}/{crop}").st_size  # noqa: PTH116  (three times as fast, and there are many)
        yield f"{folder} {parse_crop_name(name)} {size}"


def _trained(path: Path, _step: Step, _fingerprints: Fingerprints) -> Output:
    file = path / "model.json"
    if not file.exists():
        return Output()
    try:
        card = parse_json(read_regular(file, _MOST_BYTES))
        iteration, minutes = int(card["iteration"]), float(card["seconds"]) / 60
        weights = str(card["saves"][0]["weights_sha256"])
    except (OSError, ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
        return Output(There.PARTIAL, problem=f"{file}: damaged ({error})")
    detail = f"{iteration:,} iterations in {minutes:,.1f} minutes"
    progress = {"iterations": iteration, "minutes": minutes}
    return Output(There.WHOLE, detail, weights, progress=progress)


def _converted(path: Path, step: Step, fingerprints: Fingerprints) -> Output:
    unfinished = hidden_beside(path, ".work").is_dir()
    if not path.exists():
        return Output(There.PARTIAL if unfinished else There.MISSING)
    try:
        return Output(There.WHOLE, "", fingerprints.of(step.output))
    except FacedoubleError as error:
        return Output(There.PARTIAL, problem=str(error))


def _evaluated(path: Path, _step: Step, _fingerprints: Fingerprints) -> Output:
    return Output(There.WHOLE) if path.is_file() else Output()


_EXAMINERS: dict[str, Callable[[Path, Step, Fingerprints], Output]] = {
    "extract": _extracted,
    "train": _trained,
    "convert": _converted,
    "evaluate": _evaluated,
}
