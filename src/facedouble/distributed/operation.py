"""What an operation has to offer to be worked on by several machines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from facedouble.distributed.plan_folder import PlanFolder
from facedouble.run.run import Run
from facedouble.settings.base import Settings


@dataclass(frozen=True, slots=True)
class DistributedOperation:
    """An operation in ``stages``, each of which is worked on in parts. ``command`` has its settings.

    - ``plan(command, parts, folder, run)`` writes the plan of ``command``, whose first stage has about
      ``parts`` parts;
    - ``work(folder, stage, part, cpus, run)`` does one part on ``cpus`` processors (0: as the settings say):
      it writes its result into ``folder``, and nothing anywhere else;
    - ``join(folder, stage, run)`` puts together what the parts of ``stage`` gave, all of which are done. It
      returns the operation's own result after the last stage; before it ``None``, and the parts of the next
      stage are in the plan.

    To add one: a module with these functions, and a line in ``registry.py``.
    """

    command: type[Settings]
    stages: tuple[str, ...]
    plan: Callable[[Any, int, PlanFolder, Run], None]
    work: Callable[[PlanFolder, str, int, int, Run], None]
    join: Callable[[PlanFolder, str, Run], Any]
    repeatable: bool = True
    """Whether a part may be worked on twice at the same time."""
