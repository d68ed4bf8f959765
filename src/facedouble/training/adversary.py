"""Adversarial training: one discriminator per person, and the loss that decoders get from it.

(Goodfellow et al. 2014, "Generative adversarial nets".)
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facedouble.models.base import Decoded
from facedouble.models.discriminator import Discriminator
from facedouble.settings.recipe import Adversary as AdversarySettings
from facedouble.training.optimizer import make_adam, moments, restore_moments
from facedouble.training.warp.pairs import Pairs
from facedouble.types import OTHER_SIDE, SIDES, Side

_RAMP = 0.05  # of the training, in which it comes to its full weight
_PREFIX = "discriminator/"  # begins the names of the discriminators' weights among those of a save
_MIXUP = 0.2  # of the Beta distribution of Zhang et al. 2018: most mixtures are nearly one or the other


class Adversary:
    """Two discriminators and their optimizer.

    ``how.judges`` is what is judged. ``restored``: what each decoder makes of its own person's
    codes, shown beside the bent input it was restored from, so that it is not enough to draw some face.
    ``swapped``: what it makes of the other person's codes. Of those there is no true picture to be near
    to, so nothing else in training looks at them, and they come out softer than what was restored; the
    discriminator asks that they look like pictures of the person, as between unpaired pictures in Zhu et
    al. 2017. It is shown the picture alone: the input would give away which one was drawn.

    ``how.loss`` is how they are taught. ``hinge`` (Lim and Ye 2017): real scores are
    pushed over 1, drawn ones under -1, and the decoder raises its scores. ``mixup`` (after Zhang et al.
    2018, as the first adversarial face swappers used it): a discriminator sees mixtures of a real and a
    drawn picture and tells the share of the real one; the decoder wants to be told 1.

    Only the face learns from it (``Pairs.face``).
    """

    def __init__(self, how: AdversarySettings, device: torch.device, precision: torch.dtype) -> None:
        self.how, self.precision = how, precision
        self.of_swaps = how.judges == "swapped"
        shown = 1 if self.of_swaps else 2
        self.discriminators = nn.ModuleDict({side: Discriminator(shown, how.filters) for side in SIDES}).to(
            device
        )
        self.discriminators.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = make_adam(self.discriminators, how.learning_rate, (0.5, 0.999), device)

    def active(self, progress: float) -> bool:
        """Whether adversarial training is on at this progress of the training, 0..1."""
        return self.how.weight > 0 and progress >= self.how.start

    def _weight(self, progress: float) -> float:
        """Weight of the generator loss. It ramps up from 0, as untrained discriminators would only spoil
        what the decoders have learned."""
        return self.how.weight * min(1.0, (progress - self.how.start) / _RAMP)

    def generator_loss(
        self, drawn: Mapping[Side, Decoded], pairs: Mapping[Side, Pairs], progress: float
    ) -> dict[Side, Tensor]:
        """The adversarial loss of each side's decoder, a scalar: 0 while not :meth:`active`. Gradients reach
        the generated pictures, not the discriminators."""
        if not self.active(progress):
            return {side: faces.picture.new_zeros((), dtype=torch.float32) for side, faces in drawn.items()}
        self.discriminators.requires_grad_(False)
        hinge = self.how.loss == "hinge"
        losses = {}
        for side, faces in drawn.items():
            scores = self._scores(side, self._shown(side, faces, pairs), pairs[side].inputs)
            wrong = [-score.mean() if hinge else (score - 1).square().mean() for score in scores]
            losses[side] = self._weight(progress) * torch.stack(wrong).mean()
        self.discriminators.requires_grad_(True)
        return losses

    def accumulate(
        self, drawn: Mapping[Side, Decoded], pairs: Mapping[Side, Pairs], share: float = 1.0
    ) -> dict[Side, Tensor]:
        """Accumulate the discriminators' gradients for a micro-batch of generated and real pictures, which is
        ``share`` of the batch. Returns each discriminator's loss, a scalar."""
        losses = {}
        for side, faces in drawn.items():
            with torch.no_grad():
                fake = self._shown(side, faces, pairs)
            loss = self._discriminator_loss(side, fake, pairs[side])
            (loss * share).backward()
            losses[side] = loss.detach()
        return losses

    def step(self) -> None:
        """Update the discriminators with the accumulated gradients."""
        self.optimizer.step()
        self.zero_grad()

    def zero_grad(self) -> None:
        """Drop the accumulated gradients."""
        self.optimizer.zero_grad(set_to_none=True)

    def _shown(self, side: Side, drawn: Decoded, pairs: Mapping[Side, Pairs]) -> Tensor:
        """What the discriminators see of a drawn picture. Around the face the other losses hardly count,
        and what pleases a discriminator would grow unchecked: so a restored face is shown with the real
        picture around it, and a swapped one, which has none, learns inside the outline of the face."""
        picture = drawn.picture.float()
        if self.of_swaps:
            still, face = picture.detach(), pairs[OTHER_SIDE[side]].face
        else:
            still, face = pairs[side].targets, pairs[side].face
        return still + (picture - still) * face

    def _discriminator_loss(self, side: Side, fake: Tensor, pairs: Pairs) -> Tensor:
        real = pairs.targets
        if self.how.loss == "hinge":
            # Both in one call: the same layers, a batch of twice the size.
            scores = self._scores(side, torch.cat([real, fake]), torch.cat([pairs.inputs, pairs.inputs]))
            halves = [score.chunk(2) for score in scores]
            return torch.stack([F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in halves]).mean()
        share = torch.distributions.Beta(_MIXUP, _MIXUP).sample((len(real), 1, 1, 1)).to(real)
        scores = self._scores(side, share * real + (1 - share) * fake, pairs.inputs)
        return torch.stack([(score - share).square().mean() for score in scores]).mean()

    def _scores(self, side: Side, pictures: Tensor, inputs: Tensor) -> list[Tensor]:
        shown = (pictures,) if self.of_swaps else (pictures, inputs)
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16):
            scores = self.discriminators[side](*shown)
        return [score.float() for score in scores]

    # -- saving and restoring --------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """All that resuming needs, by name: the discriminators' weights and their optimizer's moments."""
        state = {f"{_PREFIX}{name}": value for name, value in self.discriminators.state_dict().items()}
        return state | moments(self.optimizer, self.discriminators, "discriminator_")

    def is_in(self, tensors: Mapping[str, Tensor]) -> bool:
        """Whether ``tensors`` of a save include discriminators."""
        return any(name.startswith(_PREFIX) for name in tensors)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`tensors` returned; other names are ignored. Raises ``KeyError``,
        ``RuntimeError`` or ``ValueError`` if tensors are missing or have other shapes."""
        wanted = self.discriminators.state_dict()
        self.discriminators.load_state_dict({name: tensors[f"{_PREFIX}{name}"] for name in wanted})
        restore_moments(self.optimizer, self.discriminators, tensors, "discriminator_")
