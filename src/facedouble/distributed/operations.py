"""Planning an operation, working on one of its parts, and joining them: all that a distributed run is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facedouble.distributed.operation import DistributedOperation
from facedouble.distributed.plan_folder import Plan, PlanFolder, planned
from facedouble.distributed.registry import OPERATIONS
from facedouble.errors import InputError, OutputError
from facedouble.run.run import Run, operation
from facedouble.settings.base import Settings


def plan(name: str, command: Settings, path: Path, parts: int, *, run: Run | None = None) -> Plan:
    """Plan operation ``name`` (``extract``, ``convert``) with the settings of its ``command`` into the folder
    ``path``, which every machine has to see.

    The same plan may be made again, and what was done for it counts. Raises ``OutputError`` for a folder that
    holds another plan or other things, and whatever the operation itself raises.
    """
    kind = OPERATIONS[name]
    folder = PlanFolder(path)
    with operation(f"plan.{name}", run) as run:
        if folder.exists():
            made = folder.read()
            same = made.operation == name and kind.command.read(made.settings) == kind.command.read(
                planned(command)
            )
            if not same:
                raise OutputError(f"{path} holds the plan of something else; choose another folder")
            return made
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise OutputError(f"{path} exists and is not a plan; choose another folder")
        kind.plan(command, parts, folder, run)
        return folder.read()


def work(path: Path, stage: str, part: int, *, cpus: int = 0, run: Run | None = None) -> None:
    """Do part ``part`` of ``stage`` of the plan in the folder ``path``, on ``cpus`` processors, or as many as
    the plan's settings say (0). Does nothing if it is done.

    Raises ``InputError`` for a stage or a part that the plan does not have (yet), and what the operation
    raises.
    """
    folder = PlanFolder(path)
    with operation(f"work.{stage}", run) as run:
        kind, count = _stage(folder, stage)
        if not 0 <= part < count:
            raise InputError(f"{path}: stage {stage} has parts 0 to {count - 1}, and no {part}")
        if not folder.is_done(stage, part):
            kind.work(folder, stage, part, cpus, run)


def join(path: Path, stage: str, *, run: Run | None = None) -> Any:
    """Put together what the parts of ``stage`` gave. The operation's result after its last stage, before it
    ``None``. Raises ``InputError`` while parts are missing, and what the operation raises."""
    folder = PlanFolder(path)
    with operation(f"join.{stage}", run) as run:
        kind, count = _stage(folder, stage)
        if missing := folder.missing(stage, count):
            raise InputError(
                f"{path}: {len(missing)} of {count} parts of stage {stage} are not done, the first of them "
                f"{missing[0]}"
            )
        return run.finish(kind.join(folder, stage, run))


def count_parts(path: Path, stage: str) -> int:
    """How many parts ``stage`` of the plan in the folder ``path`` has. Raises ``InputError`` as :func:`work`
    does."""
    return _stage(PlanFolder(path), stage)[1]


def _stage(folder: PlanFolder, stage: str) -> tuple[DistributedOperation, int]:
    plan = folder.read()
    kind = OPERATIONS[plan.operation]
    if stage not in kind.stages:
        raise InputError(f"{folder.path}: no stage {stage!r:.40}; there are {', '.join(kind.stages)}")
    if stage not in plan.parts:
        before = kind.stages[kind.stages.index(stage) - 1]
        raise InputError(f"{folder.path}: stage {stage} begins when stage {before} is joined")
    return kind, len(plan.parts[stage])
