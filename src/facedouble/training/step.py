"""One iteration's learning: forward, losses, backward, and the optimizer's step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from facedouble.errors import TrainingError
from facedouble.events import Listener, Noted
from facedouble.models.base import Decoded, SwapModel
from facedouble.training.adversary import Adversary
from facedouble.training.memory import is_out_of_memory
from facedouble.training.objective import Objective
from facedouble.training.parallel import World, average_gradients, spread
from facedouble.training.schedule import Phase
from facedouble.training.warp import Pairs
from facedouble.types import OTHER, Side


class Both(nn.Module):
    """Both sides through ``network`` in one call, which is what can be compiled and spread."""

    def __init__(self, network: SwapModel) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, inputs: dict[Side, Tensor], encoder_rests: bool, swaps: bool
    ) -> tuple[dict[Side, Decoded], dict[Side, Decoded]]:
        """Each side's faces (N, 3, R, R) restored by its own decoder; and, with ``swaps``, as each
        decoder draws the other's codes, from which the encoder is not to learn."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not encoder_rests):
            codes = self.network.encode_sides(inputs)
        restored = {side: self.network.decode(code, side) for side, code in codes.items()}
        if not swaps:
            return restored, {}
        return restored, {
            side: self.network.decode(codes[other].detach(), side) for side, other in OTHER.items()
        }


class Step:
    """Takes pairs, and makes the network better by one step.

    ``at_once`` is how many faces go through the network at a time; what is more is done in parts,
    whose gradients are added, so that the step is the same. It gets smaller when memory runs out.
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
        at_once: int,
        world: World,
        compiled: bool,
        listener: Listener,
    ) -> None:
        self.network, self.objective, self.adversary = network, objective, adversary
        self.optimizer = optimizer
        self.device, self.precision, self.at_once = device, precision, at_once
        self.world, self.listener = world, listener
        self.plain, module = Both(network), Both(network)
        if compiled:
            module.compile()
        self.forward: nn.Module = spread(module, device) if world.size > 1 else module
        if adversary is not None and world.size > 1:
            average_gradients(adversary.critics, world)

    def __call__(self, pairs: Mapping[Side, Pairs], phase: Phase) -> Tensor:
        """The loss of each side, before the step. Raises ``TrainingError`` when not even one
        face at a time fits into memory."""
        for group in self.optimizer.param_groups:
            group["lr"] = phase.rate
        self.network.hardness = phase.hardness
        while True:
            try:
                return self._learn(pairs, phase)
            except (RuntimeError, MemoryError) as error:
                self._use_less_memory(error)

    def _learn(self, pairs: Mapping[Side, Pairs], phase: Phase) -> Tensor:
        adversary = self._adversary(phase)
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros(len(pairs), device=self.device)
        drawn: list[dict[Side, Decoded]] = []
        for part, share, last in _parts(pairs, self.at_once):
            with nullcontext() if last or self.world.size == 1 else self.forward.no_sync():  # type: ignore[operator]
                restored, swapped = self.draw(part, phase)
                losses = self.losses(restored, part)
                loss = losses.sum()
                if adversary is not None:
                    judged = swapped if adversary.of_swaps else restored
                    loss = loss + sum(adversary.judge(judged, part, phase.progress).values())
                    drawn.append({side: _detached(decoded) for side, decoded in judged.items()})
                (loss * share).backward()
            total += losses.detach() * share
        self.optimizer.step()
        if adversary is not None:
            adversary.learn(_joined(drawn), pairs)
        return total

    def draw(
        self, pairs: Mapping[Side, Pairs], phase: Phase, *, plainly: bool = False
    ) -> tuple[dict[Side, Decoded], dict[Side, Decoded]]:
        """What the decoders make of the inputs of some pairs: restored, and swapped where the adversary
        judges that. ``plainly`` is neither compiled nor spread."""
        adversary = self._adversary(phase)
        swaps = adversary is not None and adversary.of_swaps
        forward = self.plain if plainly else self.forward
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16):
            inputs = {side: pair.inputs for side, pair in pairs.items()}
            restored, swapped = forward(inputs, phase.encoder_rests, swaps)
        return restored, swapped

    def _adversary(self, phase: Phase) -> Adversary | None:
        """The adversary, while it takes part."""
        taking_part = self.adversary is not None and self.adversary.active(phase.progress)
        return self.adversary if taking_part else None

    def losses(self, outputs: Mapping[Side, Decoded], pairs: Mapping[Side, Pairs]) -> Tensor:
        """The loss of each side, (sides,), with what the backward pass needs."""
        return torch.stack(list(self.objective(outputs, pairs).values()))

    def _use_less_memory(self, error: BaseException) -> None:
        if not is_out_of_memory(error) or self.world.size > 1:
            raise error
        self.optimizer.zero_grad(set_to_none=True)
        if self.at_once <= 1:
            raise TrainingError(
                "out of memory even with one face at a time; take a smaller model, or another --device"
            ) from error
        self.at_once = (self.at_once + 1) // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        text = f"out of memory: from now on {self.at_once} faces at a time, gradients added up"
        self.listener(Noted(f"{text}; the batch stays as large as it was", warning=True))


def _joined(drawn: Sequence[Mapping[Side, Decoded]]) -> dict[Side, Decoded]:
    """What was drawn in parts, as one batch."""
    if len(drawn) == 1:
        return dict(drawn[0])
    joined = {}
    for side in drawn[0]:
        masks = [mask for part in drawn if (mask := part[side].mask) is not None]
        picture = torch.cat([part[side].picture for part in drawn])
        joined[side] = Decoded(picture, torch.cat(masks) if masks else None)
    return joined


def _detached(decoded: Decoded) -> Decoded:
    return Decoded(decoded.picture.detach(), None if decoded.mask is None else decoded.mask.detach())


def _parts(pairs: Mapping[Side, Pairs], at_once: int) -> Iterator[tuple[dict[Side, Pairs], float, bool]]:
    """``pairs`` in parts of about ``at_once`` faces, each with its share of all, and if it is the last."""
    count = len(next(iter(pairs.values())).inputs)
    size = max(1, at_once // len(pairs))
    for start in range(0, count, size):
        part = {side: _some(pair, slice(start, start + size)) for side, pair in pairs.items()}
        yield part, min(size, count - start) / count, start + size >= count


def _some(pairs: Pairs, part: slice) -> Pairs:
    tensors: dict[str, Any] = {entry.name: getattr(pairs, entry.name)[part] for entry in fields(pairs)}
    return Pairs(**tensors)
