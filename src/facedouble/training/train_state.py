"""The state of a training: everything that changes, and how it is saved and restored."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facedouble.device import random_state, set_random_state, works_beside
from facedouble.errors import ModelError, setting
from facedouble.models import checkpoint
from facedouble.models.base import SwapModel
from facedouble.models.card import ModelCard
from facedouble.run.run import Run
from facedouble.settings.recipe import Recipe
from facedouble.training import schedule
from facedouble.training.adversary import Adversary
from facedouble.training.dataset import SideDataset
from facedouble.training.optimizer import make_adam, moments, restore_moments
from facedouble.training.parallel import World
from facedouble.types import SIDES, FloatArray, Side

_HISTORY_ROWS = 1000
_READ_EVERY = 10  # iterations, where a device works beside the processor
_CALIBRATION_FACES = 2000
_SAME_COLOURS = 1e-3  # largest difference of the mean colours of one faceset; of two people's it is larger


class TrainState:
    """The network, the EMA of its weights, the optimizer, the adversary if there is one, the random states,
    and the model card, which says how far training is and how it went.

    ``ema`` is a network of its own whose weights are the exponential moving average of those being trained
    (Polyak and Juditsky 1992); it is what is saved for use. ``smoothed`` are the moving averages of the
    losses.
    """

    def __init__(
        self,
        network: SwapModel,
        recipe: Recipe,
        card: ModelCard,
        seed: int,
        adversary: Adversary | None,
        device: torch.device,
        world: World,
    ) -> None:
        self.network, self.recipe, self.card = network, recipe, card
        self.adversary, self.device, self.world = adversary, device, world
        self.ema = copy.deepcopy(network).eval().requires_grad_(False)
        self.optimizer = make_adam(network, recipe.learning_rate, recipe.betas, device)
        self.random = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)  # the same in every process: each takes its shard of the batch's noise
        self.smoothed: dict[Side, float] = {}
        self.pending: list[tuple[int, Tensor]] = []
        if recipe.shared_decoder_until <= 0:
            self.split_decoders()

    # -- what a step changes -----------------------------------------------------------------------

    def split_decoders(self) -> None:
        """Give each side a decoder of its own, with the optimizer's moments copied for the new weights."""
        self.card.decoders_split = True
        self.ema.split_decoders()
        for old, new in self.network.split_decoders():
            if old in self.optimizer.state:
                self.optimizer.state[new] = {k: v.clone() for k, v in self.optimizer.state[old].items()}

    @torch.no_grad()
    def update_ema(self) -> None:
        """Update the EMA with the weights of the last step."""
        decay = schedule.ema_decay(self.recipe, self.card.iteration)
        live = [p.detach() for p in self.network.parameters()]
        torch._foreach_lerp_(list(self.ema.parameters()), live, 1 - decay)

    def record_losses(self, losses: Tensor) -> None:
        """Record the ``losses`` (one per side) of this iteration without reading them: reading a number
        waits for the device."""
        self.pending.append((self.card.iteration, losses))

    @property
    def losses_due(self) -> bool:
        """Whether it is time to read the recorded losses."""
        return len(self.pending) >= (_READ_EVERY if works_beside(self.device) else 1)

    def flush_losses(self) -> bool:
        """Read the recorded losses into ``smoothed`` and the history. False if they have diverged."""
        pending, self.pending = self.pending, []
        for iteration, losses in pending:
            values = dict(zip(SIDES, self.world.mean(losses).tolist(), strict=True))
            if schedule.diverged(self.smoothed, values):
                return False
            self.smoothed = schedule.smoothed(self.smoothed, values)
            a, b = (self.smoothed.get(side, math.nan) for side in SIDES)
            self.card.history.append([iteration, a, b])
        if len(self.card.history) > 2 * _HISTORY_ROWS:
            # Drop every other row: the file stays small, and the curve keeps its whole length.
            self.card.history = self.card.history[::-2][::-1]
        return True

    # -- saving and restoring ----------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Add a save to the model ``folder``; see ``models/checkpoint.py``."""
        checkpoint.save(folder, self.card, self.ema.state_dict(), self._tensors())

    @property
    def is_finite(self) -> bool:
        """Whether all weights are numbers. A step whose losses were can leave some that are none."""
        tensors = (*self.network.state_dict().values(), *self.ema.state_dict().values())
        return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)

    def calibrate(self, data: Mapping[Side, SideDataset]) -> None:
        """Calibrate the EMA network on the faces it was trained on."""
        for side, faces in data.items():
            self.ema.calibrate(faces.batches(_CALIBRATION_FACES), side)

    def resume(self, folder: Path, run: Run) -> None:
        """Restore the newest intact save in ``folder``. Raises ``ModelError`` for a model of another
        architecture; the folder is not changed."""
        card, weights, state = checkpoint.resume(folder, run=run)
        _refuse_another(folder, card, self.card)
        if _exchanged(card, self.card):
            run.warn(
                "train.sides_exchanged",
                f"{folder}: the faces given as A are those that it knows as B, and the other way round; each "
                "decoder will learn the other person. If that is not meant, stop it and exchange them",
                model=folder,
            )
        for name in ("facesets", "extraction", "colour", "settings", "program"):
            setattr(card, name, getattr(self.card, name))
        self.card, self.pending = card, []
        try:
            self._restore(weights, state, run)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelError(f"{folder}: its saves do not fit this model ({reason})") from error
        row = card.history[-1] if card.history else [0, math.nan, math.nan]
        losses: dict[Side, float] = {"a": row[1], "b": row[2]}
        self.smoothed = {side: value for side, value in losses.items() if math.isfinite(value)}

    def start_from(
        self, folder: Path, mean_faces: dict[Side, Tensor], described: Mapping[Side, FloatArray], run: Run
    ) -> None:
        """Start with the weights of another pair's model. Raises ``ModelError`` for another architecture."""
        other, card = checkpoint.load(folder, run=run)
        _refuse_another(folder, card, self.card)
        for network in (self.network, self.ema):
            network.load_state_dict(other.state_dict())
            network.prepare(mean_faces)
            network.fit_geometry(described)
        self.card.decoders_split = card.decoders_split
        run.notice(
            "train.from_model",
            f"starting from {folder} ({card.iteration} iterations on {card.facesets})",
            model=folder,
            iteration=card.iteration,
        )

    def _tensors(self) -> dict[str, Tensor]:
        state = {"random": self.random.get_state(), "random_noise": torch.get_rng_state()}
        of_device = random_state(self.device)
        if of_device is not None:
            state[f"random_{self.device.type}"] = of_device
        for name, parameter in self.network.named_parameters():
            state[f"weight/{name}"] = parameter
        kept = self.network.state_dict().keys()  # not what is made with the network
        for name, buffer in self.network.named_buffers():
            if name in kept:
                state[f"buffer/{name}"] = buffer
        state |= moments(self.optimizer, self.network)
        if self.adversary is not None:
            state |= self.adversary.tensors()
        return state

    def _restore(self, weights: Mapping[str, Tensor], state: Mapping[str, Tensor], run: Run) -> None:
        self.ema.load_state_dict(dict(weights))
        kinds = ("weight/", "buffer/")
        self.network.load_state_dict(
            {name.partition("/")[2]: value for name, value in state.items() if name.startswith(kinds)}
        )
        restore_moments(self.optimizer, self.network, state)
        if self.adversary is not None:
            if self.adversary.is_in(state):
                self.adversary.restore(state)
            else:
                run.notice("train.new_discriminators", "no discriminators are saved: new ones begin")
        self.random.set_state(state["random"])
        torch.set_rng_state(state["random_noise"])
        of_device = state.get(f"random_{self.device.type}")
        if of_device is not None:
            set_random_state(self.device, of_device)


def _exchanged(there: ModelCard, wanted: ModelCard) -> bool:
    """Whether the sides of a model in ``there`` are the other way round in ``wanted``: by the paths of their
    facesets, or, wherever these lie now, by the colours of their faces."""
    old, new = (
        {side: {Path(path).resolve() for path in card.facesets.get(side, [])} for side in SIDES}
        for card in (there, wanted)
    )
    if old["a"] != old["b"] and (old["a"], old["b"]) == (new["b"], new["a"]):
        return True

    def apart(a: Side, b: Side) -> float:
        return float(np.abs(there.statistics(a) - wanted.statistics(b)).max())

    same, crossed = max(apart("a", "a"), apart("b", "b")), max(apart("a", "b"), apart("b", "a"))
    return crossed < _SAME_COLOURS < same


def _refuse_another(folder: Path, there: ModelCard, wanted: ModelCard) -> None:
    """Raise ``ModelError`` unless the model in ``folder`` is of the kind that is wanted."""
    if there.kind != wanted.kind:
        how = setting("architecture.kind", there.kind)
        raise ModelError(
            f"{folder} is a model of {there.kind!r}, not {wanted.kind!r}; give {how}, or another folder"
        )
    if there.resolution != wanted.resolution:
        raise ModelError(
            f"{folder} draws {there.resolution} pixels, not {wanted.resolution}; choose another folder"
        )
    for name, value in there.architecture.items():
        if wanted.architecture.get(name) != value:
            how = setting(f"architecture.{name}", value)
            raise ModelError(f"{folder} was made with {how}; give the same, or choose another folder")
    if there.coverage != wanted.coverage:
        raise ModelError(
            f"{folder} sees {there.coverage:.2f} of the crop, not {wanted.coverage:.2f}; choose another"
        )
