"""A part that is held in the middle until a test has done to its worker what it wants to do.

Whatever is killed or stopped must not be able to end before, at any speed of the machine. So the first worker
at the part that is held says who it is, and then waits for ever; whoever else is given that part waits until
the others may pass.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedouble.distributed import ray_tasks
from facedouble.distributed.dispatch import distribute, open_executor
from facedouble.distributed.plan_folder import PlanFolder

_POLL = 0.02
_HELD, _HOLDER, _PASS = "gate.json", "gate.holder", "gate.pass"
_work_here = ray_tasks.work_here


@dataclass(frozen=True, slots=True)
class Holder:
    """The worker that is held: its process, and its node of the Ray cluster."""

    pid: int
    node: str


def hold(plan: Path, stage: str, part: int) -> None:
    """Hold the first worker at a part of the plan, just before it stores the part's result."""
    (plan / _HELD).write_text(json.dumps([stage, part]), encoding="utf-8")


def let_others_pass(plan: Path) -> None:
    """From now on only the worker that is held stays so."""
    (plan / _PASS).touch()


def wait_for(condition: Callable[[], Any]) -> None:
    """Wait until it is true, however long that takes."""
    while not condition():
        time.sleep(_POLL)


@contextmanager
def acting(plan: Path, act: Callable[[Holder], None]) -> Iterator[None]:
    """While parts are handed out inside the ``with``, ``act`` is called in a thread, with the worker that is
    held."""

    def once() -> None:
        wait_for((plan / _HOLDER).exists)
        act(Holder(*json.loads((plan / _HOLDER).read_text(encoding="utf-8"))))

    thread = threading.Thread(target=once, daemon=True)
    thread.start()
    yield
    thread.join()


def is_held(plan: Path) -> bool:
    """Whether a worker is held."""
    return (plan / _HOLDER).exists()


def held_work(plan: str, stage: str, part: int, cpus: int, needs_token: bool) -> tuple[str, str]:
    """What workers run in place of :func:`~facedouble.distributed.ray_tasks.work_here`."""
    store = PlanFolder.write_result

    def held(folder: PlanFolder, name: str, number: int, text: str) -> None:
        if [name, number] == json.loads((folder.path / _HELD).read_text(encoding="utf-8")):
            _wait(folder.path)
        store(folder, name, number, text)

    PlanFolder.write_result = held  # type: ignore[assignment, method-assign]
    try:
        return _work_here(plan, stage, part, cpus, needs_token)
    finally:
        PlanFolder.write_result = store  # type: ignore[method-assign]


def _wait(plan: Path) -> None:
    import ray

    own = plan / f"{_HOLDER}.{os.getpid()}"
    own.write_text(json.dumps([os.getpid(), ray.get_runtime_context().get_node_id()]), encoding="utf-8")
    try:
        (plan / _HOLDER).hardlink_to(own)  # whole from the start, and only one worker can
    except FileExistsError:
        wait_for((plan / _PASS).exists)
        return
    threading.Event().wait()


def distribute_held(plan: str, executor: str) -> None:
    """What a coordinator does that hands out parts to such workers."""
    ray_tasks.work_here = held_work
    with open_executor(executor) as opened:
        distribute(Path(plan), opened)
