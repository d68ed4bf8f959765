"""What an operation has to do to be worked on by several machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from facedouble.distributed.plan_folder import PlanFolder
from facedouble.run.run import Run
from facedouble.settings.base import Settings


class DistributedOperation(Protocol):
    """An operation in stages, each of which is worked on in parts. To add one: a module with these functions,
    and a line in ``registry.py``."""

    STAGES: Sequence[str]
    """In their order. A stage's parts are known once the one before it is joined."""

    COMMAND: type[Settings]
    """The settings of its command."""

    def plan(self, command: Any, parts: int, folder: PlanFolder, run: Run) -> None:
        """Write the plan of ``command``, whose first stage has about ``parts`` parts."""

    def work(self, folder: PlanFolder, stage: str, part: int, run: Run) -> None:
        """Do one part: write its result into ``folder``, and nothing anywhere else."""

    def join(self, folder: PlanFolder, stage: str, run: Run) -> Any:
        """Put together what the parts of ``stage`` gave, all of which are done. The operation's own result
        after the last stage, before it ``None``: then the parts of the next stage are in the plan."""


def output_of(folder: PlanFolder) -> Path:
    """What a plan makes."""
    return Path(str(folder.read().settings["output"]))
