"""Training in several processes, one per GPU, with PyTorch's DistributedDataParallel.

Every process draws the same global batch from the same random state and takes its shard of it; gradients are
averaged, so the result is that of one process with the global batch. The main process (rank 0) alone decides
when to stop, writes files and reports.

Processes are started by ``torchrun`` or, with ``--gpus N``, by :func:`launch`.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from facedouble.device import device_count, is_numbered, numbered_device, processes_backend, works_beside
from facedouble.errors import FacedoubleError, ProcessError, SettingsError, TrainingError, setting
from facedouble.run.cancel import Cancelled, follow_parent, starting_helpers
from facedouble.run.events import Event
from facedouble.run.run import Run

_START = timedelta(minutes=10)
_PATIENCE = timedelta(days=7)  # with the main process, which may wait for room on its disk
_OF_THE_OTHERS = re.compile(r"gloo|nccl|connection (closed|reset)|socket", re.IGNORECASE)
_SECONDS_TO_CONNECT = 5.0
_SECONDS_TO_END = 3.0  # in which a process that is lost is seen to have ended
_POLL = 0.2  # seconds between looks at whether the run is cancelled


@dataclass(frozen=True, slots=True)
class World:
    """The processes that train together: the ``rank`` of this one, and their number (``size``)."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def broadcast(self, *values: float) -> list[float]:
        """The values of the main process, in every process."""
        if self.size == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64)
        dist.broadcast(shared, 0)
        return shared.tolist()

    def mean(self, values: Tensor) -> Tensor:
        """The mean over all processes, the same in each."""
        if self.size > 1:
            dist.all_reduce(values)
            values /= self.size
        return values


def is_distributed() -> bool:
    """Whether this process is one of several that ``torchrun`` or :func:`launch` started."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


@contextmanager
def process_group(device: torch.device) -> Iterator[World]:
    """The world of this process: itself alone, or with the others that were started with it. Each has a
    device like ``device`` of its own; one that has a number they have together."""
    if not is_distributed():
        yield World()
        return
    try:
        backend = processes_backend(device, shared=is_numbered(device))
        # All have to come within minutes; then they wait for each other as long as it takes.
        store, rank, size = next(rendezvous("env://", timeout=_START))
        store.set_timeout(_PATIENCE)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_PATIENCE)
        try:
            yield World(dist.get_rank(), dist.get_world_size())
        finally:
            dist.destroy_process_group()
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or _OF_THE_OTHERS.search(str(error)):
            raise ProcessError(
                "another process of this training was lost, or cannot be reached; the same command resumes it"
            ) from error
        raise


def local_device(device: torch.device, world: World) -> torch.device:
    """The device of this process: where there are GPUs, one of its own, or the one with the number given."""
    if not works_beside(device) or world.size == 1 or is_numbered(device):
        return device
    number = int(os.environ.get("LOCAL_RANK", world.rank))
    count = device_count(device)
    if number >= count:
        raise SettingsError("compute.gpus", world.size, f"there are {count} GPUs")
    return numbered_device(device, number)


def distributed(module: nn.Module, device: torch.device) -> DistributedDataParallel:
    """``module`` with its gradients averaged over all processes."""
    # A step may not use all parameters (B's decoder before the split, a frozen encoder), hence the search.
    return DistributedDataParallel(
        module,
        device_ids=[device] if works_beside(device) and is_numbered(device) else None,
        find_unused_parameters=True,
    )


def average_gradients(module: nn.Module, world: World) -> None:
    """Average every gradient of ``module`` over all processes, for modules that are not :func:`spread` (the
    discriminators)."""
    for parameter in module.parameters():
        if parameter.grad is not None:
            world.mean(parameter.grad)


class GlobalBatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation (N, C) over the batches of all processes together; Ioffe and Szegedy 2015.

    PyTorch's own (``SyncBatchNorm``) is for GPUs only.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        count = x.shape[0] * dist.get_world_size()
        mean = _sum_of_all(x.float().sum(dim=0)) / count
        variance = _sum_of_all((x.float() - mean).square().sum(dim=0)) / count
        with torch.no_grad():
            momentum = 0.1 if self.momentum is None else self.momentum
            if self.running_mean is not None and self.running_var is not None:
                self.running_mean.lerp_(mean, momentum)
                self.running_var.lerp_(variance * count / max(count - 1, 1), momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        y: Tensor = (x - mean) * torch.rsqrt(variance + self.eps)
        return y * self.weight + self.bias if self.affine else y


class _SumOfAll(torch.autograd.Function):
    """The sum of a tensor over all processes, with its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _SumOfAll.forward(ctx, gradient)


def _sum_of_all(x: Tensor) -> Tensor:
    total: Tensor = _SumOfAll.apply(x)  # type: ignore[no-untyped-call]
    return total


def synchronise_batch_norm(module: nn.Module) -> None:
    """Have every ``BatchNorm1d`` in ``module`` normalise over all processes' batches."""
    for child in module.modules():
        if type(child) is nn.BatchNorm1d:
            child.__class__ = GlobalBatchNorm1d


# -- starting the processes ----------------------------------------------------------------------


def launch(count: int, work: Callable[..., Any], arguments: tuple[Any, ...], run: Run) -> Any:
    """``work(*arguments, run=)`` in ``count`` new processes; what the first returns.

    Events of the first process are emitted here. An error of one ends all, and is raised here.
    """
    context = multiprocessing.get_context("spawn")
    messages = context.Queue()
    cancelled = context.Event()
    port = _free_port()
    processes = [
        context.Process(
            target=_process, args=(rank, count, port, work, arguments, messages, cancelled), daemon=True
        )
        for rank in range(count)
    ]
    with starting_helpers():
        for process in processes:
            process.start()
    try:
        result = _listen(processes, messages, cancelled, run)
    except BaseException:
        for process in processes:
            process.kill()  # each waits for the others, and would for ever
        raise
    for process in processes:
        process.join()
    return result


def _listen(processes: list[Any], messages: Any, cancelled: Any, run: Run) -> Any:
    while True:
        if run.cancelled:
            cancelled.set()
        try:
            kind, value = messages.get(timeout=_POLL)
        except queue.Empty:
            _raise_for_lost(processes, wait=0)
            if not any(process.is_alive() for process in processes):
                raise TrainingError(
                    "the training processes ended without a result (in a script of your own, calls belong "
                    'under if __name__ == "__main__":)'
                ) from None
            continue
        if kind == "event":
            run.emit(value)
        elif kind == "error":
            if isinstance(value, ProcessError):
                _raise_for_lost(processes)
            raise value
        elif kind == "cancelled":
            run.check()
        else:
            return value


def _raise_for_lost(processes: list[Any], wait: float = _SECONDS_TO_END) -> None:
    """Raise ``ProcessError`` if one of the processes was killed, or is seen to be within ``wait`` seconds."""
    until = time.monotonic() + wait
    while True:
        for rank, process in enumerate(processes):
            if process.exitcode is not None and process.exitcode < 0:
                raise ProcessError(
                    f"process {rank} of {len(processes)} was killed (signal {-process.exitcode}; by the "
                    "system where memory is exhausted); the same command resumes training from its last save"
                )
        if time.monotonic() >= until:
            return
        time.sleep(0.05)


def _process(
    rank: int,
    count: int,
    port: int,
    work: Callable[..., Any],
    arguments: tuple[Any, ...],
    messages: Any,
    cancelled: Any,
) -> None:
    follow_parent()
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(count),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    torch.set_num_threads(max(1, torch.get_num_threads() // count))

    def forward(event: Event) -> None:
        messages.put(("event", event))

    def follow() -> None:
        cancelled.wait()
        run.cancel()

    run = Run([forward] if rank == 0 else [])
    threading.Thread(target=follow, daemon=True).start()
    try:
        result = work(*arguments, run=run)
        if rank == 0:
            messages.put(("result", result))
    except Cancelled:
        messages.put(("cancelled", None))
    except FacedoubleError as error:
        messages.put(("error", error))
    except Exception as error:  # noqa: BLE001  (raised in the parent)
        messages.put(("error", TrainingError(f"process {rank}: {type(error).__name__}: {error}")))


def _free_port() -> int:
    """Raises ``ProcessError`` where there is no loopback interface, as in some containers."""
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            probe.listen(1)
            with socket.create_connection(probe.getsockname(), timeout=_SECONDS_TO_CONNECT):
                return int(probe.getsockname()[1])
    except OSError as error:
        raise ProcessError(
            f"several processes talk over the loopback interface, which this machine does not have "
            f"({error.strerror}); train in one ({setting('compute.gpus', 1)}), or bring it up"
        ) from error
