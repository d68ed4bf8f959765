"""One training step: forward, losses, backward, optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from facedouble.errors import TrainingError, setting
from facedouble.models.base import Decoded, SwapModel
from facedouble.run.run import Run
from facedouble.training.adversary import Adversary
from facedouble.training.memory import is_out_of_memory
from facedouble.training.objective import Objective
from facedouble.training.parallel import World, average_gradients, distributed
from facedouble.training.schedule import StepConfig
from facedouble.training.warp.pairs import Pairs
from facedouble.types import OTHER_SIDE, SIDES, Side


class PairedForward(nn.Module):
    """Both sides through ``network`` in one call, so that it can be compiled and distributed."""

    def __init__(self, network: SwapModel) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, inputs: dict[Side, Tensor], freeze_encoder: bool, swaps: bool
    ) -> tuple[dict[Side, Decoded], dict[Side, Decoded]]:
        """Each side's faces (N, 3, R, R) restored by its own decoder; and, with ``swaps``, decoded from the
        other side's codes, without gradients to the encoder."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not freeze_encoder):
            codes = self.network.encode_sides(inputs)
        restored = {side: self.network.decode(code, side) for side, code in codes.items()}
        if not swaps:
            return restored, {}
        return restored, {
            side: self.network.decode(codes[other].detach(), side) for side, other in OTHER_SIDE.items()
        }


class Step:
    """Updates the network by one step on training pairs.

    ``micro_batch`` is how many faces go through the network at a time; what is more is done in parts, whose
    gradients are added, the discriminators' as well, so that the step is the same. It gets smaller when
    memory runs out, down to ``fewest``: ``least`` of each side.
    """

    def __init__(
        self,
        network: SwapModel,
        objective: Objective,
        adversary: Adversary | None,
        optimizer: torch.optim.Optimizer,
        *,
        device: torch.device,
        precision: torch.dtype,
        micro_batch: int,
        world: World,
        compiled: bool,
        run: Run,
    ) -> None:
        self.network, self.objective, self.adversary = network, objective, adversary
        self.optimizer = optimizer
        self.device, self.precision, self.micro_batch = device, precision, micro_batch
        self.world, self.run = world, run
        # Several processes normalise over what all of them have.
        self.min_faces = network.min_faces_per_side if world.size == 1 else 1
        self.min_micro_batch = len(SIDES) * self.min_faces
        self.plain, module = PairedForward(network), PairedForward(network)
        if compiled:
            module.compile()
        self.forward: nn.Module = distributed(module, device) if world.size > 1 else module

    def __call__(self, pairs: Mapping[Side, Pairs], config: StepConfig) -> Tensor:
        """The loss of each side, before the step. Raises ``TrainingError`` when not even the
        fewest faces at a time fit into memory."""
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate
        self.network.augmentation_strength = config.augmentation
        while True:
            try:
                return self._learn(pairs, config)
            except (RuntimeError, MemoryError) as error:
                self._use_less_memory(error)

    def _learn(self, pairs: Mapping[Side, Pairs], config: StepConfig) -> Tensor:
        adversary = self._adversary(config)
        self._forget()
        total = torch.zeros(len(pairs), device=self.device)
        for part, share, last in _parts(pairs, self.micro_batch, self.min_faces):
            with nullcontext() if last or self.world.size == 1 else self.forward.no_sync():  # type: ignore[operator]
                loss, sides, judged = self.losses(part, config)
                (loss * share).backward()
            if adversary is not None:
                adversary.accumulate(judged, part, share)
            total += sides * share
        if adversary is not None:
            average_gradients(adversary.discriminators, self.world)
            adversary.step()
        self.optimizer.step()
        return total

    def losses(
        self, pairs: Mapping[Side, Pairs], config: StepConfig, *, eager: bool = False
    ) -> tuple[Tensor, Tensor, Mapping[Side, Decoded]]:
        """What is to get smaller, a scalar, with what the backward pass needs; of it the loss of each side
        without what the adversary adds, (sides,); and the drawn faces that the adversary judges, if it takes
        part. ``eager`` is neither compiled nor spread."""
        adversary = self._adversary(config)
        forward = self.plain if eager else self.forward
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16):
            inputs = {side: pair.inputs for side, pair in pairs.items()}
            swaps = adversary is not None and adversary.of_swaps
            restored, swapped = forward(inputs, config.freeze_encoder, swaps)
        sides = torch.stack(list(self.objective(restored, pairs).values()))
        if adversary is None:
            return sides.sum(), sides.detach(), {}
        judged = swapped if adversary.of_swaps else restored
        wrong = adversary.generator_loss(judged, pairs, config.progress)
        return sides.sum() + sum(wrong.values()), sides.detach(), judged

    def _adversary(self, config: StepConfig) -> Adversary | None:
        """The adversary, while it is active."""
        taking_part = self.adversary is not None and self.adversary.active(config.progress)
        return self.adversary if taking_part else None

    def _forget(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        if self.adversary is not None:
            self.adversary.zero_grad()

    def _use_less_memory(self, error: BaseException) -> None:
        if not is_out_of_memory(error) or self.world.size > 1:
            raise error
        self._forget()
        if self.micro_batch <= self.min_micro_batch:
            few = "one face" if self.min_faces == 1 else f"{self.min_faces} faces"
            raise TrainingError(
                f"out of memory even with {few} of each side at a time; take a smaller model, or another "
                f"device ({setting('compute.device')})"
            ) from error
        self.micro_batch = (self.micro_batch + 1) // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.run.warn(
            "train.out_of_memory",
            f"out of memory: from now on {self.micro_batch} faces at a time, gradients accumulated; the "
            "batch size stays the same",
            micro_batch=self.micro_batch,
        )


def _parts(
    pairs: Mapping[Side, Pairs], micro_batch: int, least: int
) -> Iterator[tuple[dict[Side, Pairs], float, bool]]:
    """``pairs`` in even parts of about ``micro_batch`` faces, ``least`` or more of each side, each with its
    share of all, and if it is the last."""
    count = len(next(iter(pairs.values())).inputs)
    size = max(1, micro_batch // len(pairs))
    number = max(1, min(math.ceil(count / size), count // least))
    for i in range(number):
        run = slice(i * count // number, (i + 1) * count // number)
        part = {side: _some(pair, run) for side, pair in pairs.items()}
        yield part, (run.stop - run.start) / count, i == number - 1


def _some(pairs: Pairs, part: slice) -> Pairs:
    tensors: dict[str, Any] = {entry.name: getattr(pairs, entry.name)[part] for entry in fields(pairs)}
    return Pairs(**tensors)
