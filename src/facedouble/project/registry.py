"""Where jobs can run, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.registry import Entry, Registry

if TYPE_CHECKING:
    from facedouble.project.executor import Executor

EXECUTORS: Registry[type[Executor]] = Registry(
    "executor",
    {
        "local": Entry(
            "facedouble.project.local:LocalExecutor",
            "on this machine, one after the other, in the background",
        ),
    },
)
"""How jobs are run; see :class:`facedouble.project.executor.Executor`."""
