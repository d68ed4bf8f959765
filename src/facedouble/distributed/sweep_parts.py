"""Variants of one training on several machines: each trains and converts on its own, and all are compared.

A variant that was interrupted continues where its model was saved, so its folder is worked on in place.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from facedouble.conversion.pipeline import convert
from facedouble.distributed.operation import DistributedOperation
from facedouble.distributed.plan_folder import Plan, PlanFolder, planned
from facedouble.errors import OutputError
from facedouble.evaluation.evaluate import evaluate
from facedouble.evaluation.report.page import write_json, write_report
from facedouble.evaluation.result import Evaluation
from facedouble.run.run import Run
from facedouble.settings.sweep import SweepCommand
from facedouble.training.loop import train

REPORT = "report.html"
_MODEL = "model"
_SWAP = "swap.mp4"


def plan(command: SweepCommand, parts: int, folder: PlanFolder, run: Run) -> None:
    """A part for each variant, however many are asked for."""
    if command.output.exists() and (not command.output.is_dir() or any(command.output.iterdir())):
        raise OutputError(f"{command.output} exists; choose another output")
    count = len(list(command.variants()))
    folder.write(Plan("sweep", planned(command), {"variants": [(n, n + 1) for n in range(count)]}))


def work(folder: PlanFolder, stage: str, part: int, cpus: int, run: Run) -> None:
    """Train one variant and convert the clip with it."""
    command = SweepCommand.read(folder.read().settings)
    name, training, conversion = list(command.variants())[part]
    own = folder.files(stage, part)
    own.mkdir(parents=True, exist_ok=True)
    trained = train(command.a, command.b, own / _MODEL, training, run=run)
    run.check()  # a training that is stopped is no finished one
    conversion = conversion.replace(overwrite=True)
    convert(command.source, own / _MODEL, own / _SWAP, conversion, faceset=command.faceset, run=run)
    said = {"name": name, "iterations": trained.iteration, "seconds": trained.seconds}
    folder.write_result(stage, part, json.dumps(said))


def join(folder: PlanFolder, stage: str, run: Run) -> Evaluation:
    """Compare the results in one report, and put it, the models and the results into the output's folder."""
    command = SweepCommand.read(folder.read().settings)
    names = [name for name, *_ in command.variants()]
    results, models = [], command.output / "models"
    try:
        models.mkdir(parents=True, exist_ok=True)
        for part, name in enumerate(names):
            label = file_name(part, name)
            results.append(command.output / f"{label}.mp4")
            _copy(folder.files(stage, part) / _SWAP, results[-1])
            if not (models / label).exists():
                shutil.copytree(folder.files(stage, part) / _MODEL, models / label)
    except OSError as error:
        raise OutputError(f"{command.output}: cannot be written ({error.strerror})") from error
    evaluation = evaluate(results, command.source, command.b, faceset=command.faceset, run=run)
    write_report(evaluation, command.output / REPORT)
    write_json(evaluation, command.output / "report.json")
    return evaluation


def file_name(number: int, name: str) -> str:
    """What the files of a variant are called: its number, and as much of ``name`` as a file may have."""
    return f"{number:02d} " + re.sub(r"[^\w.=, +-]", "_", name)[:80].strip(" .")


def _copy(file: Path, target: Path) -> None:
    if not target.exists():
        draft = target.with_name(f".{target.name}.new")
        shutil.copyfile(file, draft)
        draft.replace(target)


OPERATION = DistributedOperation(SweepCommand, ("variants",), plan, work, join, repeatable=False)
