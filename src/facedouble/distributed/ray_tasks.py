"""Parts as tasks of a Ray cluster.

Nothing but the plan's path, the stage and the part's number is sent to a worker, and nothing but text comes
back, so no object of a user's file is ever unpickled there.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Collection, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from facedouble.distributed.executor import Attempt, Outcome
from facedouble.errors import AssetError, FacedoubleError, ProcessError, SettingsError

if TYPE_CHECKING:
    from facedouble.run.run import Run

_FORM = "write ray, ray:HOST:PORT or ray:HOST:PORT,cpus=4,gpus=1,parts=8"
_OPEN = "without-token"
_GONE = "a machine that is gone"


def check_installed(run: Run | None = None) -> None:
    """Raises ``AssetError`` where Ray is not installed."""
    try:
        import_module("ray")
    except ImportError as error:
        raise AssetError("Ray is not installed; pip install 'facedouble[ray]' on every machine") from error


def _ray() -> Any:
    return import_module("ray")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Which cluster, and what of a machine each part gets. ``address`` as Ray has it; ``auto`` is the cluster
    that this machine belongs to. ``parts``: how many are handed out at a time, also while there is no room
    for them, so that a cluster that grows starts machines; 0: as many as there is room for.
    ``needs_token``: only a cluster with token authentication will do."""

    address: str = "auto"
    cpus: int = 1
    gpus: int = 0
    parts: int = 0
    needs_token: bool = True

    @classmethod
    def parse(cls, text: str) -> Cluster:
        """Raises ``SettingsError``."""
        address, *options = text.split(",") if text else [""]
        found: dict[str, Any] = {}
        for option in options:
            name, _, value = option.partition("=")
            if option == _OPEN:
                found["needs_token"] = False
            elif name in ("cpus", "gpus", "parts") and value.isdecimal():
                found[name] = int(value)
            else:
                raise SettingsError(f"{option!r:.40} says nothing about a cluster; {_FORM}")
        if found.get("cpus") == 0:
            raise SettingsError("a part needs one processor at least")
        return cls(address or "auto", **found)

    def check_token(self) -> None:
        """Raise ``ProcessError`` where this process would join a cluster without showing a token."""
        if self.needs_token and os.environ.get("RAY_AUTH_MODE") != "token":
            raise ProcessError(
                "whoever can reach a Ray cluster without tokens can run anything on it; start it with "
                "RAY_AUTH_MODE=token on every machine and set that here too (docs/machines.md), or trust "
                f"everybody on its network by adding ,{_OPEN} to its name"
            )

    def places(self) -> int:
        """How many parts have room at a time on the machines there are now, if nobody else is there."""
        has = _ray().cluster_resources()
        places = int(has.get("CPU", 0) // self.cpus)
        return min(places, int(has.get("GPU", 0) // self.gpus)) if self.gpus else places


@contextmanager
def joined(cluster: Cluster) -> Generator[None]:
    """Inside the ``with`` this process belongs to ``cluster``, or to the one that it has joined before.
    Raises ``ProcessError``."""
    ray = _ray()
    cluster.check_token()
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ProcessError(f"the Ray cluster {cluster.address} cannot be joined ({text})") from error
    try:
        yield
    finally:
        ray.shutdown()


class RayTasks:
    """``ray:HOST:PORT``: a task for each attempt, spread over the machines of a cluster."""

    def __init__(self, where: str) -> None:
        self._cluster = Cluster.parse(where)
        self._running: dict[Any, Attempt] = {}
        self._number = 0
        self._joined = ExitStack()

    def __enter__(self) -> Self:
        self._joined.enter_context(joined(self._cluster))
        self._task = _ray().remote(max_retries=0)(work_here)
        return self

    def __exit__(self, *_: object) -> None:
        for attempt in list(self._running.values()):
            self.cancel(attempt)
        self._joined.close()

    def room(self) -> int:
        return (self._cluster.parts or self._cluster.places()) - len(self._running)

    def start(self, plan: Path, stage: str, part: int, avoid: Collection[str]) -> Attempt:
        self._number += 1
        attempt = Attempt(self._number, stage, part)
        task = self._task.options(
            num_cpus=self._cluster.cpus, num_gpus=self._cluster.gpus, scheduling_strategy=_elsewhere(avoid)
        )
        cluster = self._cluster
        self._running[task.remote(str(plan), stage, part, cluster.cpus, cluster.needs_token)] = attempt
        return attempt

    def finished(self, seconds: float) -> Sequence[Outcome]:
        ray = _ray()

        if not self._running:  # the cluster has no room for any
            time.sleep(seconds)
            return ()
        ready, _ = ray.wait(list(self._running), num_returns=1, timeout=seconds)
        if ready:
            ready, _ = ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        return [outcome for task in ready if (outcome := self._outcome(task)) is not None]

    def cancel(self, attempt: Attempt) -> None:
        ray = _ray()

        for task in [task for task, running in self._running.items() if running == attempt]:
            del self._running[task]
            ray.cancel(task, force=True)

    def _outcome(self, task: Any) -> Outcome | None:
        ray = _ray()

        attempt = self._running.pop(task)
        try:
            node, error = ray.get(task)
        except ray.exceptions.TaskCancelledError:
            return None
        except ray.exceptions.RayTaskError as failed:
            return Outcome(attempt, _GONE, str(failed).strip().splitlines()[-1])
        except ray.exceptions.RayError as gone:
            return Outcome(attempt, _GONE, f"its worker is gone ({type(gone).__name__})", lost=True)
        return Outcome(attempt, node, error)


def work_here(plan: str, stage: str, part: int, cpus: int, needs_token: bool) -> tuple[str, str]:
    """Do a part; the machine's name, and an error or nothing. What a worker runs."""
    from facedouble.distributed.operations import work

    node = f"{socket.gethostname()} ({_ray().get_runtime_context().get_node_id()[:8]})"
    if needs_token and os.environ.get("RAY_AUTH_MODE") != "token":
        return node, "its Ray was started without tokens (RAY_AUTH_MODE=token), so anybody may use it"
    try:
        work(Path(plan), stage, part, cpus=cpus)
    except FacedoubleError as error:
        return node, str(error)
    return node, ""


def _elsewhere(avoid: Collection[str]) -> Any:
    """A strategy that prefers machines which are not in ``avoid``."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    if avoid:
        bad = {name.rpartition("(")[2].rstrip(")") for name in avoid}
        for node in _ray().nodes():
            if node["Alive"] and node["NodeID"][:8] not in bad and node["Resources"].get("CPU"):
                return NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)
    return "SPREAD"
