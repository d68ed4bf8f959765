"""One training on several machines of a Ray cluster: an actor for each process of
:mod:`facedouble.training.parallel`.

The settings go to the workers as plain values, events and errors come back as such. A worker that is lost
ends them all; they begin again where the model was saved last, with as many as there is room for.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from dataclasses import asdict
from importlib import import_module
from typing import Any

from facedouble.distributed.plan_folder import planned
from facedouble.distributed.ray_tasks import Cluster, check_installed, joined
from facedouble.errors import FacedoubleError, ProcessError, TrainingError
from facedouble.run.events import from_json, to_json
from facedouble.run.run import Run, operation
from facedouble.settings.train import TrainCommand, TrainSettings
from facedouble.training.loop import TrainResult, train

_LOSSES = 10
"""Times that workers may be lost before the training ends."""
_WAIT = 0.5  # seconds


def train_on_cluster(command: TrainCommand, where: str, *, run: Run | None = None) -> TrainResult:
    """Train with ``command`` in ``command.compute.gpus`` processes, spread over the machines of the cluster
    ``where`` (``HOST:PORT,cpus=4,gpus=1``: what each process gets). All see model and facesets under the same
    paths.

    Raises ``ProcessError`` where the cluster cannot be joined or workers are lost again and again, and what
    training raises.
    """
    check_installed()
    cluster = Cluster.parse(where)
    with operation("train", run) as run, joined(cluster):
        for attempt in range(_LOSSES + 1):
            count = min(command.compute.gpus, cluster.places())
            if count < 1:
                raise ProcessError("no machine of the cluster has room for a worker")
            if count < command.compute.gpus:
                run.warn("train.fewer_workers", f"there is room for {count} workers", workers=count)
            team = _Team(command, cluster, count)
            try:
                return run.finish(team.train(run))
            except _WorkerLostError as lost:
                if attempt == _LOSSES:
                    raise ProcessError(f"workers were lost {_LOSSES + 1} times: {lost}") from lost
                run.warn("train.worker_lost", f"{lost}; training begins again where it was saved last")
            finally:
                team.end()
    raise AssertionError("unreachable")


class _WorkerLostError(Exception):
    """A worker is gone, or another one has noticed."""


class _Team:
    """The actors of one attempt. The first of them reports."""

    def __init__(self, command: TrainCommand, cluster: Cluster, count: int) -> None:
        ray = import_module("ray")
        actor = ray.remote(num_cpus=cluster.cpus, num_gpus=cluster.gpus, max_restarts=0, max_concurrency=3)(
            TrainingWorker
        )
        self._ray = ray
        self._settings = planned(command)
        self._workers = [
            actor.options(scheduling_strategy="SPREAD").remote(cluster.needs_token) for _ in range(count)
        ]

    def train(self, run: Run) -> TrainResult:
        ray, stopped = self._ray, False
        try:
            address, port = ray.get(self._workers[0].address.remote())
            running = [
                worker.train.remote(self._settings, rank, len(self._workers), address, port)
                for rank, worker in enumerate(self._workers)
            ]
            results: dict[int, tuple[str, Any]] = {}
            while len(results) < len(running):
                left = [task for rank, task in enumerate(running) if rank not in results]
                ready, _ = ray.wait(left, num_returns=1, timeout=_WAIT)
                for task in ready:
                    results[running.index(task)] = ray.get(task)
                for event in ray.get(self._workers[0].events.remote()):
                    run.emit(from_json(event))
                if run.cancelled and not stopped:
                    stopped = True
                    for worker in self._workers:
                        worker.stop.remote(run.token.reason)
                if any(kind in ("error", "lost") for kind, _ in results.values()):
                    break
        except ray.exceptions.RayError as error:
            raise _WorkerLostError(f"a worker is gone ({type(error).__name__})") from error
        for kind, value in results.values():
            if kind == "error":
                raise TrainingError(value)
        for kind, value in results.values():
            if kind == "lost":
                raise _WorkerLostError(value)
        values = results[0][1]
        return TrainResult(**{**values, "model": TrainCommand.read(self._settings).model})

    def end(self) -> None:
        for worker in self._workers:
            self._ray.kill(worker)


class TrainingWorker:
    """One process of a training. What a worker runs."""

    def __init__(self, needs_token: bool) -> None:
        if needs_token and os.environ.get("RAY_AUTH_MODE") != "token":
            raise ProcessError("its Ray was started without tokens (RAY_AUTH_MODE=token)")
        self._events: deque[Any] = deque()
        self._run = Run([lambda event: self._events.append(to_json(event))])

    def address(self) -> tuple[str, int]:
        """Where the others reach this process."""
        with socket.socket() as probe:
            probe.bind(("", 0))
            return import_module("ray").util.get_node_ip_address(), int(probe.getsockname()[1])

    def events(self) -> list[Any]:
        """What was reported since the last call, as JSON has it."""
        return [self._events.popleft() for _ in range(len(self._events))]

    def stop(self, reason: str) -> None:
        """Ask the training to stop after saving."""
        self._run.cancel(reason)

    def train(
        self, settings: dict[str, Any], rank: int, size: int, address: str, port: int
    ) -> tuple[str, Any]:
        """Train as process ``rank`` of ``size``: ``("result", its fields)``, ``("error", text)``, or
        ``("lost", text)`` if another process is gone."""
        os.environ.update(
            RANK=str(rank),
            LOCAL_RANK="0",  # Ray shows a process the GPUs that are its own
            WORLD_SIZE=str(size),
            MASTER_ADDR=address,
            MASTER_PORT=str(port),
        )
        command = TrainCommand.read(settings)
        run = self._run if rank == 0 else Run(token=self._run.token)
        try:
            result = train(command.a, command.b, command.model, command.only(TrainSettings), run=run)
        except ProcessError as error:
            return "lost", str(error)
        except FacedoubleError as error:
            return "error", str(error)
        return "result", {**asdict(result), "model": str(result.model)}
