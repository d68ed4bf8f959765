"""Estimates the memory that training takes before it starts, and finds out how much is free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

import facedouble.device

_PROBE_FACES = 2
_MAX_SHARE = 0.9  # of the free memory that training may take
_OVERHEAD = 1.2
"""What one operation after the other takes besides what is kept for the backward pass; from comparing
forecasts with what PyTorch allocates (``tests/training/test_memory.py``)."""


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes. ``weights`` of all networks and the average of those of the model, ``gradients``, the
    optimizers' two moments (``optimizer``), the ``faces`` kept in memory, the ``pairs`` of the batches that
    are there at a time, what is taken while one is made (``making``), ``copies`` of weights as they are
    calculated with, and what one face keeps for the backward pass (``per_face``)."""

    weights: int
    gradients: int
    optimizer: int
    faces: int
    pairs: int
    per_face: int
    making: int = 0
    copies: int = 0

    def total(self, in_step: int) -> int:
        """Bytes in all, with a micro-batch of ``in_step`` faces."""
        fixed = self.weights + self.gradients + self.optimizer + self.faces + self.pairs
        return fixed + self._passing(in_step)

    def of_batch(self, factor: int) -> MemoryEstimate:
        """The same for a batch that is ``factor`` times as large."""
        return replace(self, pairs=factor * self.pairs, making=factor * self.making)

    def fitting_micro_batch(self, wanted: int, free: int) -> int:
        """The largest micro-batch that fits into ``free`` bytes: ``wanted``, halved until it fits."""
        while wanted > 1 and self.total(wanted) > _MAX_SHARE * free:
            wanted = (wanted + 1) // 2
        return wanted

    def describe(self, in_step: int, free: int | None) -> str:
        """One line for a person: total, its parts, and what is free."""
        parts = (
            f"weights {_size(self.weights)}, gradients {_size(self.gradients)}, optimizer "
            f"{_size(self.optimizer)}, faces {_size(self.faces)}, batches {_size(self.pairs)}, "
            f"{in_step} faces in the network {_size(self._passing(in_step))}"
        )
        there = "" if free is None else f"; {_size(free)} are free"
        return f"memory: about {_size(self.total(in_step))} ({parts}){there}"

    def _passing(self, in_step: int) -> int:
        # A batch is made before or after the network needs most.
        return max(self.making, self.copies + int(_OVERHEAD * self.per_face * in_step))


def estimate(
    network: nn.Module,
    discriminators: nn.Module | None,
    judge: nn.Module | None,
    *,
    faces: int,
    pairs: int,
    per_face: int,
    making: int = 0,
    copies: int = 0,
    gradient_copies: int = 1,
) -> MemoryEstimate:
    """What training ``network`` takes with Adam and averaged weights, beside it the ``discriminators``
    that learn as well, and a network that only looks (``judge``); see
    :class:`MemoryEstimate`. ``gradient_copies``: how often there are gradients of it at one time."""
    model, taught, fixed = (_bytes(part) for part in (network, discriminators, judge))
    learning = model + taught
    gradients = gradient_copies * model + taught
    return MemoryEstimate(
        learning + model + fixed, gradients, 2 * learning, faces, pairs, per_face, making, copies
    )


def _bytes(network: nn.Module | None) -> int:
    return 0 if network is None else sum(p.numel() * p.element_size() for p in network.parameters())


def kept_for_backward(network: nn.Module, run: Callable[[int], Tensor]) -> tuple[int, int]:
    """Bytes that one face keeps until the backward pass, and those that are kept however many faces there are
    (copies of weights, laid out or rounded for the calculation). Measured: ``run(n)`` takes ``n`` faces (an
    even number) through ``network`` to a loss. Neither networks nor random states are changed."""
    own = {p.untyped_storage().data_ptr() for p in network.parameters()}

    def kept(count: int) -> int:
        storages: dict[int, int] = {}

        def note(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        with saved_tensors_hooks(note, lambda tensor: tensor):
            loss = run(count)
        assert loss.requires_grad
        return sum(storages.values())

    was_training = network.training
    network.eval()  # so that statistics of batches stay as they are
    try:
        with torch.random.fork_rng():
            one, more = kept(_PROBE_FACES), kept(2 * _PROBE_FACES)
    finally:
        network.train(was_training)
    per_face = max(0, more - one) // _PROBE_FACES
    return per_face, max(0, one - _PROBE_FACES * per_face)


def free_memory(device: torch.device) -> int | None:
    """Bytes that this process can still allocate on ``device``; ``None`` where that is unknown."""
    known = [facedouble.device.free_memory(device)]
    if device.type == "cpu":
        known.append(_free_in_limit())
    return min((value for value in known if value is not None), default=None)


def peak_memory(device: torch.device) -> int | None:
    """Peak bytes that this process has allocated on ``device``; ``None`` where that is unknown."""
    return _status("VmHWM") if device.type == "cpu" else facedouble.device.peak_memory(device)


def _free_in_limit() -> int | None:
    """What a limit on the address space (``ulimit -v``) leaves."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = _status("VmSize")
    return None if limit == resource.RLIM_INFINITY or used is None else max(0, limit - used)


def _status(name: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # not Linux
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":")), None)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"
