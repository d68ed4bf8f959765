"""``facedouble plan``, ``work``, ``join`` and ``distribute``: one operation on several machines."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facedouble.cli.options import UsageError, with_settings
from facedouble.cli.paths import some_path
from facedouble.cli.running import EventsOption, running
from facedouble.settings.base import Settings
from facedouble.settings.convert import ConvertCommand
from facedouble.settings.extract import ExtractCommand
from facedouble.settings.sweep import SweepCommand

if TYPE_CHECKING:
    from facedouble.distributed.plan_folder import PlanFolder
    from facedouble.evaluation.result import Evaluation

FolderOption = Annotated[
    Path,
    typer.Option(
        "--plan", metavar="FOLDER", help="folder for the plan, which every machine sees", parser=some_path
    ),
]
PartsOption = Annotated[
    int, typer.Option("--parts", metavar="NUMBER", help="parts of the first stage, at most", min=1)
]
FolderArgument = Annotated[Path, typer.Argument(metavar="PLAN", help="folder of the plan", parser=some_path)]
StageOption = Annotated[str, typer.Option("--stage", metavar="NAME", help="stage of the plan")]

_SUMMARIES = {"extract": "extract", "convert": "convert", "sweep": "plan"}

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.callback()
def plan() -> None:
    """Plan an extraction or a conversion in parts that several machines can work on.

    Then, for each of its stages, facedouble work does the parts, anywhere and in any order, and facedouble
    join puts them together. facedouble distribute does both on the machines there are. See docs/machines.md.
    """


@app.command()
@with_settings
def extract(
    command: ExtractCommand, folder: FolderOption, parts: PartsOption = 16, events: EventsOption = None
) -> None:
    """Plan an extraction; takes the options of facedouble extract."""
    _plan("extract", command, folder, parts, events)


@app.command()
@with_settings
def convert(
    command: ConvertCommand, folder: FolderOption, parts: PartsOption = 16, events: EventsOption = None
) -> None:
    """Plan a conversion; takes the options of facedouble convert. A part of its second stage has
    --checkpoint-frames frames."""
    _plan("convert", command, folder, parts, events)


@app.command()
@with_settings
def sweep(command: SweepCommand, folder: FolderOption, events: EventsOption = None) -> None:
    """Plan variants of a training, each of which converts a clip; joined, they are compared in one report."""
    _plan("sweep", command, folder, 1, events)


def work(
    folder: FolderArgument,
    stage: StageOption,
    part: Annotated[
        list[str] | None,
        typer.Option("--part", metavar="NUMBER", help="part to do, from 0, or 3-7; repeatable"),
    ] = None,
    share: Annotated[
        str,
        typer.Option(
            "--share",
            metavar="K/N",
            help="instead of --part: the K-th of N equal shares of all parts, K from 1, or 3-7/N",
        ),
    ] = "",
    cpus: Annotated[int, typer.Option("--cpus", metavar="NUMBER", help="processors; 0: as planned")] = 0,
    events: EventsOption = None,
) -> None:
    """Do parts of a plan: on any machine, in any order, twice if need be."""
    from facedouble.distributed.operations import count_parts
    from facedouble.distributed.operations import work as operate

    if bool(part) == bool(share):
        raise UsageError("say which parts to do: either --part or --share")
    wanted = _numbers(part or [])
    first, last, shares = _share(share) if share else (1, 0, 1)
    with running(events) as run:
        for number in range(first - 1, last):
            wanted += range(number, count_parts(folder, stage), shares)
        for number in wanted:
            operate(folder, stage, number, cpus=cpus, run=run)


def join(folder: FolderArgument, stage: StageOption, events: EventsOption = None) -> None:
    """Put together what the parts of a stage gave, once all are done; after the last stage, the result."""
    from facedouble.distributed.operations import join as operate

    with running(events) as run:
        result = operate(folder, stage, run=run)
    _report(folder, result)


def distribute(
    folder: FolderArgument,
    executor: Annotated[
        str,
        typer.Option("--executor", metavar="WHERE", help="local, local:2, ray, or ray:HOST:PORT,cpus=4"),
    ] = "local",
    events: EventsOption = None,
) -> None:
    """Do all that is left of a plan, in several processes or on several machines.

    Killed and called again it continues: what is done is in the plan's folder.
    """
    from facedouble.distributed.dispatch import distribute as operate
    from facedouble.distributed.dispatch import open_executor

    with running(events) as run, open_executor(executor) as opened:
        result = operate(folder, opened, run=run)
    _report(folder, result)


def _plan(name: str, command: Settings, folder: Path, parts: int, events: Path | None) -> None:
    from facedouble.distributed.operations import plan as operate
    from facedouble.distributed.plan_folder import PlanFolder

    with running(events) as run:
        operate(name, command, folder, parts, run=run)
    _say_next(PlanFolder(folder))


def _say_next(folder: PlanFolder) -> None:
    stage, spans = list(folder.read().parts.items())[-1]
    print(
        f"{folder.path}: stage {stage} has parts 0 to {len(spans) - 1}"
        if spans
        else f"{folder.path}: stage {stage} has nothing to do"
    )
    if spans:
        print(f"each of them, anywhere: facedouble work {folder.path} --stage {stage} --part NUMBER")
    print(f"then here: facedouble join {folder.path} --stage {stage}")
    print(f"or all of it at once: facedouble distribute {folder.path}")


def _report(folder: Path, result: Any) -> None:
    from facedouble.distributed.plan_folder import PlanFolder

    if result is None:
        _say_next(PlanFolder(folder))
        return
    operation = PlanFolder(folder).read().operation
    module: Any = import_module(f"facedouble.cli.{_SUMMARIES[operation]}")
    for line in module.summary(result):
        print(line)


def summary(compared: Evaluation) -> list[str]:
    """What a person wants to know of a sweep."""
    folder = compared.results[0].path.parent
    return [f"{len(compared.results)} variants compared", f"report: {folder / 'report.html'}"]


def _numbers(texts: list[str]) -> list[int]:
    found: list[int] = []
    for text in texts:
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise UsageError(f"--part {text!r:.40} is neither a number nor a range such as 3-7")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return found


def _share(text: str) -> tuple[int, int, int]:
    """First, last and number of shares of a text such as 3/16 or 3-7/16."""
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?/(\d{1,9})", text)
    if match is not None:
        first, last, count = int(match[1]), int(match[2] or match[1]), int(match[3])
        if 1 <= first <= last <= count:
            return first, last, count
    raise UsageError(f"--share {text!r:.40} is no share such as 3/16 (the third of sixteen) or 3-7/16")
