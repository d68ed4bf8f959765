"""Operations that several machines can work on, and where their parts can run, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.registry import Entry, Registry

if TYPE_CHECKING:
    from facedouble.distributed.executor import PartExecutor
    from facedouble.distributed.operation import DistributedOperation

OPERATIONS: Registry[DistributedOperation] = Registry(
    "operation",
    {
        "extract": Entry("facedouble.distributed.extract_parts:OPERATION", "find the faces of a clip"),
        "convert": Entry("facedouble.distributed.convert_parts:OPERATION", "put the new face into a clip"),
        "sweep": Entry("facedouble.distributed.sweep_parts:OPERATION", "train variants and compare them"),
    },
)
"""What can be planned; see :class:`facedouble.distributed.operation.DistributedOperation`."""

PART_EXECUTORS: Registry[type[PartExecutor]] = Registry(
    "executor",
    {
        "local": Entry(
            "facedouble.distributed.local_processes:LocalProcesses", "in processes on this machine (local:2)"
        ),
        "ray": Entry(
            "facedouble.distributed.ray_tasks:RayTasks",
            "on the machines of a Ray cluster (ray:HOST:PORT; ray:auto where one runs here)",
            prepare="facedouble.distributed.ray_tasks:check_installed",
        ),
    },
)
"""Where parts run; see :class:`facedouble.distributed.executor.PartExecutor`."""
