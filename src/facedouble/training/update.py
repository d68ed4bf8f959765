"""What a step does to the networks: gradients of all parts of a batch, then the optimizers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from facedouble.models.base import Decoded, SwapModel
from facedouble.training.adversary import Adversary
from facedouble.training.objective import Objective
from facedouble.training.optimizer import add_gradients
from facedouble.training.pair_batch import Noise, PairBatch
from facedouble.training.parallel import World, average_gradients, distributed
from facedouble.training.schedule import StepConfig
from facedouble.training.side_threads import SideThreads
from facedouble.types import OTHER_SIDE, SIDES, Side


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


class Update:
    """Updates the network, and the adversary's discriminators, by the gradients of one batch.

    On a processor with two cores or more each side has a thread of its own (``side_threads.py``), but while
    an adversary judges, which looks at both. ``threads`` is ``None`` elsewhere.
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
        world: World,
        compiled: bool,
    ) -> None:
        self.network, self.objective, self.adversary = network, objective, adversary
        self.optimizer, self.world = optimizer, world
        self.device, self.precision = device, precision
        self.plain, module = PairedForward(network), PairedForward(network)
        if compiled:
            module.compile()
        alone = world.size == 1
        self.forward: nn.Module = module if alone else distributed(module, device)
        # Several processes normalise over what all of them have.
        self.min_faces = network.min_faces_per_side if alone else 1
        apart = device.type == "cpu" and alone and torch.get_num_threads() >= len(SIDES)
        self.threads = SideThreads() if apart else None

    def __call__(
        self, batch: PairBatch, config: StepConfig, micro_batch: int, meanwhile: Callable[[], None]
    ) -> Tensor:
        """Take the step, ``micro_batch`` faces at a time. Returns the loss of each side, (sides,), before it.
        ``meanwhile`` is called once, when a thread of its own may work beside this without delaying it."""
        adversary = self.active_adversary(config)
        apart = self.threads if adversary is None else None
        if apart is None or apart.cores_left:
            meanwhile()
        self.forget()
        total = torch.zeros(len(batch.pairs), device=self.device)
        for part, share, last in batch.parts(micro_batch, self.min_faces):
            if apart is not None:
                total += self._accumulate_apart(apart, part, config, share)
            else:
                total += self._accumulate(part, config, share, last=last)
        if apart is not None and not apart.cores_left:
            meanwhile()
            apart.alone(self.optimizer.step)
            return total
        if adversary is not None:
            average_gradients(adversary.discriminators, self.world)
            adversary.step()
        self.optimizer.step()
        return total

    def losses(
        self, batch: PairBatch, config: StepConfig, *, eager: bool = False
    ) -> tuple[Tensor, Tensor, Mapping[Side, Decoded]]:
        """What is to get smaller, a scalar, with what the backward pass needs; of it the loss of each side
        without what the adversary adds, (sides,); and the drawn faces that the adversary judges, if it takes
        part. ``eager`` is neither compiled nor distributed."""
        adversary = self.active_adversary(config)
        swaps = adversary is not None and adversary.of_swaps
        restored, swapped = self._draw(self.plain if eager else self.forward, batch, config, swaps=swaps)
        sides = torch.stack(list(self.objective(restored, batch.pairs).values()))
        if adversary is None:
            return sides.sum(), sides.detach(), {}
        judged = swapped if adversary.of_swaps else restored
        wrong = adversary.generator_loss(judged, batch.pairs, config.progress)
        return sides.sum() + sum(wrong.values()), sides.detach(), judged

    def active_adversary(self, config: StepConfig) -> Adversary | None:
        """The adversary, while it is active."""
        active = self.adversary is not None and self.adversary.active(config.progress)
        return self.adversary if active else None

    def forget(self) -> None:
        """Drop all gradients."""
        self.optimizer.zero_grad(set_to_none=True)
        if self.adversary is not None:
            self.adversary.zero_grad()

    def _draw(
        self, forward: nn.Module, batch: PairBatch, config: StepConfig, *, swaps: bool
    ) -> tuple[dict[Side, Decoded], dict[Side, Decoded]]:
        inputs = {side: pair.inputs for side, pair in batch.pairs.items()}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16):
            drawn: tuple[dict[Side, Decoded], dict[Side, Decoded]] = forward(
                inputs, batch.noise or None, batch.geometry, config.freeze_encoder, swaps
            )
        return drawn

    def _accumulate(self, part: PairBatch, config: StepConfig, share: float, *, last: bool) -> Tensor:
        """Add the gradients of ``part``, which is ``share`` of the batch. Returns this share of each side's
        loss, (sides,)."""
        with self._averaged_later(last):
            loss, sides, judged = self.losses(part, config)
            (loss * share).backward()
        adversary = self.active_adversary(config)
        if adversary is not None:
            adversary.accumulate(judged, part.pairs, share)
        return sides * share

    def _averaged_later(self, last: bool) -> AbstractContextManager[None]:
        """Around all but the ``last`` part: processes average their gradients once, with the last."""
        if last or self.world.size == 1:
            return nullcontext()
        later: AbstractContextManager[None] = self.forward.no_sync()  # type: ignore[operator]
        return later

    def _accumulate_apart(
        self, threads: SideThreads, part: PairBatch, config: StepConfig, share: float
    ) -> Tensor:
        """The same with each side in its own thread."""
        parameters = list(self.network.parameters())

        def work(side: Side) -> tuple[Tensor, tuple[Tensor | None, ...]]:
            own = part.only(side)
            restored, _ = self._draw(self.plain, own, config, swaps=False)
            loss = self.objective(restored, own.pairs)[side] * share
            return loss.detach(), torch.autograd.grad(loss, parameters, allow_unused=True)

        done = threads.run(work)
        # Not by backward(): the order in which the sides come to an end would decide how sums are rounded.
        for _, gradients in done.values():
            add_gradients(parameters, gradients)
        return torch.stack([loss for loss, _ in done.values()])
