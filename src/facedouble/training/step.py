"""One training step: forward, losses, backward, optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from facedouble.errors import TrainingError, setting
from facedouble.models.base import Decoded, SwapModel
from facedouble.run.run import Run
from facedouble.training.adversary import Adversary
from facedouble.training.batch import Shard
from facedouble.training.memory import is_out_of_memory
from facedouble.training.objective import Objective
from facedouble.training.optimizer import places_in_memory, set_rate
from facedouble.training.parallel import World, average_gradients, distributed
from facedouble.training.recorded_step import recorded_on_cuda
from facedouble.training.schedule import StepConfig
from facedouble.training.side_threads import SideThreads
from facedouble.training.warp.pairs import Pairs
from facedouble.types import OTHER_SIDE, SIDES, Side

Noise = dict[str, Tensor]


class PairedForward(nn.Module):
    """Both sides through ``network`` in one call, so that it can be compiled and distributed."""

    def __init__(self, network: SwapModel) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        inputs: dict[Side, Tensor],
        noise: Mapping[Side, Noise] | None,
        geometry: dict[Side, Tensor] | None,
        freeze_encoder: bool,
        swaps: bool,
    ) -> tuple[dict[Side, Decoded], dict[Side, Decoded]]:
        """Each side's faces (N, 3, R, R), which do what ``geometry`` says, restored by its own decoder; and,
        with ``swaps``, decoded from the other side's codes, without gradients to the encoder. ``noise`` is
        what the network drew for them."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not freeze_encoder):
            codes = self.network.encode_sides(inputs, noise, geometry)
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
    memory runs out, down to ``min_micro_batch``: ``min_faces`` of each side.

    On a processor with two cores or more each side has a thread of its own (``side_threads.py``), but while
    an adversary judges, which looks at both. On CUDA the step is recorded and replayed
    (``recorded_step.py``), but while an adversary judges.
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
        alone = world.size == 1
        self.recorded = recorded_on_cuda(device) if device.type == "cuda" and alone and not compiled else None
        apart = device.type == "cpu" and alone and torch.get_num_threads() >= len(SIDES)
        self.threads = SideThreads() if apart else None

    def __call__(self, pairs: Mapping[Side, Pairs], config: StepConfig) -> Tensor:
        """The loss of each side, before the step. Raises ``TrainingError`` when not even the
        fewest faces at a time fit into memory."""
        set_rate(self.optimizer, config.learning_rate)
        noise = self._noise(pairs, config)
        while True:
            try:
                return self._learn(pairs, noise, config)
            except (RuntimeError, MemoryError) as error:
                self._use_less_memory(error)

    def _learn(self, pairs: Mapping[Side, Pairs], noise: Mapping[Side, Noise], config: StepConfig) -> Tensor:
        """The step, recorded where it can be."""
        if self.recorded is None or self._adversary(config) is not None:
            return self._update(pairs, noise, config)
        # Only these change from one replay to the next; the rest of the config is in the key.
        flat = flatten(pairs, noise)
        frozen = config.freeze_encoder
        key = (frozen, self.micro_batch, places_in_memory(self.optimizer), *(t.shape for t in flat))

        def work(tensors: Sequence[Tensor]) -> Tensor:
            return self._update(*unflatten(tensors, pairs, noise), config)

        try:
            return self.recorded(key, flat, work)
        except RuntimeError as error:
            if is_out_of_memory(error):
                self.recorded.drop()
                raise
            self.recorded = None
            reason = " ".join(str(error).split())[:200]
            self.run.warn(
                "train.not_recorded",
                f"the step could not be recorded as a CUDA graph ({reason}); it runs without, and slower",
            )
            return self._update(pairs, noise, config)

    def _update(self, pairs: Mapping[Side, Pairs], noise: Mapping[Side, Noise], config: StepConfig) -> Tensor:
        """The step itself. Returns the loss of each side, (sides,)."""
        adversary = self._adversary(config)
        self._forget()
        total = torch.zeros(len(pairs), device=self.device)
        for run, share, last in _parts(pairs, self.micro_batch, self.min_faces):
            part = {side: _some(pair, run) for side, pair in pairs.items()}
            drawn = {side: {name: value[run] for name, value in own.items()} for side, own in noise.items()}
            if self.threads is not None and adversary is None:
                total += self._accumulate_apart(self.threads, part, drawn, config, share)
                continue
            with nullcontext() if last or self.world.size == 1 else self.forward.no_sync():  # type: ignore[operator]
                loss, sides, judged = self.losses(part, config, drawn)
                (loss * share).backward()
            if adversary is not None:
                adversary.accumulate(judged, part, share)
            total += sides * share
        if adversary is not None:
            average_gradients(adversary.discriminators, self.world)
            adversary.step()
        self.optimizer.step()
        return total

    def _accumulate_apart(
        self,
        threads: SideThreads,
        pairs: Mapping[Side, Pairs],
        noise: Mapping[Side, Noise],
        config: StepConfig,
        share: float,
    ) -> Tensor:
        """Add the gradients of ``pairs``, which are ``share`` of the batch, each side in its own thread.
        Returns this share of each side's loss, (sides,)."""
        parameters = list(self.network.parameters())

        def work(side: Side) -> tuple[Tensor, tuple[Tensor | None, ...]]:
            with self._autocast():
                own = {side: pairs[side]}
                restored, _ = self.plain(
                    {side: pairs[side].inputs},
                    {side: noise[side]},
                    _geometry(own),
                    config.freeze_encoder,
                    False,
                )
            loss = self.objective(restored, pairs)[side] * share
            return loss.detach(), torch.autograd.grad(loss, parameters, allow_unused=True)

        done = threads.run(work)
        # Not by backward(): the order in which the sides come to an end would decide how sums are rounded.
        for _, gradients in done.values():
            add_gradients(parameters, gradients)
        return torch.stack([loss for loss, _ in done.values()])

    def losses(
        self,
        pairs: Mapping[Side, Pairs],
        config: StepConfig,
        noise: Mapping[Side, Noise] | None = None,
        *,
        eager: bool = False,
    ) -> tuple[Tensor, Tensor, Mapping[Side, Decoded]]:
        """What is to get smaller, a scalar, with what the backward pass needs; of it the loss of each side
        without what the adversary adds, (sides,); and the drawn faces that the adversary judges, if it takes
        part. ``eager`` is neither compiled nor spread."""
        adversary = self._adversary(config)
        forward = self.plain if eager else self.forward
        with self._autocast():
            inputs = {side: pair.inputs for side, pair in pairs.items()}
            swaps = adversary is not None and adversary.of_swaps
            restored, swapped = forward(inputs, noise, _geometry(pairs), config.freeze_encoder, swaps)
        sides = torch.stack(list(self.objective(restored, pairs).values()))
        if adversary is None:
            return sides.sum(), sides.detach(), {}
        judged = swapped if adversary.of_swaps else restored
        wrong = adversary.generator_loss(judged, pairs, config.progress)
        return sides.sum() + sum(wrong.values()), sides.detach(), judged

    def _noise(self, pairs: Mapping[Side, Pairs], config: StepConfig) -> dict[Side, Noise]:
        """What makes this step hard on purpose: drawn here, so that it depends neither on threads nor on
        parts, and comes new into a recorded step. As with the faces, every process draws the numbers of the
        global batch and keeps its own range of them."""
        share = Shard(self.world.rank, self.world.size)
        noise = {}
        for side, pair in pairs.items():
            total = len(pair.inputs) * self.world.size
            drawn = self.network.draw_noise(total, config.augmentation)
            noise[side] = {name: value[share.of(total)] for name, value in drawn.items()}
        return noise

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16)

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


def add_gradients(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    """Add ``gradients`` to those that the parameters have; ``None`` is none."""
    there, more = [], []
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is None:
            continue
        if parameter.grad is not None:
            there.append(parameter.grad)
            more.append(gradient)
        elif gradient.stride() == parameter.stride():
            parameter.grad = gradient
        else:  # the fused optimizer takes both to lie alike in memory
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
    if there:
        torch._foreach_add_(there, more)


def _geometry(pairs: Mapping[Side, Pairs]) -> dict[Side, Tensor] | None:
    """What the faces of ``pairs`` do, for models that are told."""
    known = {side: pair.geometry for side, pair in pairs.items() if pair.geometry is not None}
    return known or None


def _parts(pairs: Mapping[Side, Pairs], micro_batch: int, least: int) -> Iterator[tuple[slice, float, bool]]:
    """Which of each side's ``pairs`` make even parts of about ``micro_batch`` faces, ``least`` or more of
    each side, each with its share of all, and if it is the last."""
    count = len(next(iter(pairs.values())).inputs)
    size = max(1, micro_batch // len(pairs))
    number = max(1, min(math.ceil(count / size), count // least))
    for i in range(number):
        run = slice(i * count // number, (i + 1) * count // number)
        yield run, (run.stop - run.start) / count, i == number - 1


def flatten(pairs: Mapping[Side, Pairs], noise: Mapping[Side, Noise]) -> list[Tensor]:
    """All tensors of a batch, in a fixed order."""
    made = [getattr(pair, entry.name) for pair in pairs.values() for entry in fields(pair)]
    made += [value for own in noise.values() for value in own.values()]
    return [tensor for tensor in made if tensor is not None]


def unflatten(
    tensors: Sequence[Tensor], pairs: Mapping[Side, Pairs], noise: Mapping[Side, Noise]
) -> tuple[dict[Side, Pairs], dict[Side, Noise]]:
    """The inverse of :func:`flatten`, for a batch that is made like ``pairs`` and ``noise``."""
    rest = iter(tensors)
    made = {}
    for side, pair in pairs.items():
        there = [getattr(pair, entry.name) is not None for entry in fields(pair)]
        made[side] = Pairs(*(next(rest) if held else None for held in there))  # type: ignore[arg-type]
    return made, {side: {name: next(rest) for name in own} for side, own in noise.items()}


def _some(pairs: Pairs, part: slice) -> Pairs:
    whole = {entry.name: getattr(pairs, entry.name) for entry in fields(pairs)}
    tensors: dict[str, Any] = {name: None if own is None else own[part] for name, own in whole.items()}
    return Pairs(**tensors)
