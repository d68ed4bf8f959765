"""A trained model adapted to one clip: encoder and the decoder of the person seen learn its faces.

They learn to restore what the clip shows, as in training; no swapped picture is ever a target. The decoder of
the person drawn, and what leads to it, stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from facedouble.errors import SettingsError
from facedouble.models.base import SwapModel
from facedouble.run.run import Run
from facedouble.settings.recipe import Recipe
from facedouble.training.dataset import SideDataset
from facedouble.training.objective import Objective
from facedouble.training.optimizer import make_adam, moments, restore_moments
from facedouble.training.warp.pairs import make_pairs
from facedouble.types import Side

_RATE = 0.1  # of the recipe's peak learning rate
_SEED = 0


class ClipAdaptation:
    """The adaptation of ``network``, which it changes, to the ``faces`` of ``side`` in one clip.

    ``step`` does one iteration, of which there are ``total``. ``tensors`` is all that the next one depends
    on, from which :meth:`restore` resumes.
    """

    def __init__(
        self,
        network: SwapModel,
        recipe: Recipe,
        faces: SideDataset,
        side: Side,
        total: int,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        """Raises ``SettingsError`` for a model that cannot be adapted so."""
        learning = network.adaptable(side)
        if not learning:
            raise SettingsError("adaptation.iterations", total, "this model cannot be adapted to a clip")
        self.network, self.recipe, self.faces, self.side, self.total = network, recipe, faces, side, total
        self.device, self.precision = device, precision
        self.iteration = 0
        self.random = torch.Generator().manual_seed(_SEED)
        self.noise = torch.Generator().manual_seed(_SEED).get_state()
        network.requires_grad_(False)
        for parameter in learning:
            parameter.requires_grad_(True)
        self._learning = nn.ParameterList(learning)
        self.optimizer = make_adam(self._learning, recipe.learning_rate * _RATE, recipe.betas, device)
        self.objective = Objective(recipe, network, device, precision)

    def step(self) -> float:
        """One iteration; returns its loss."""
        network, side, recipe = self.network, self.side, self.recipe
        network.train()
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()  # statistics are the clip's, not a batch's
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * _RATE * (1 - self.iteration / self.total)
        batch = self.faces.draw(recipe.batch_size, self.random)
        pairs = make_pairs(
            batch, network.resolution, recipe.warp, recipe.final_augmentation, self.random, network.geometry
        )
        with torch.random.fork_rng(), torch.enable_grad():
            torch.set_rng_state(self.noise)
            noise = network.draw_noise(recipe.batch_size, recipe.final_augmentation)
            self.noise = torch.get_rng_state()
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16):
                known = None if pairs.geometry is None else {side: pairs.geometry}
                code = network.encode_sides({side: pairs.inputs}, {side: noise}, known)[side]
                drawn = network.decode(code, side)
            loss = self.objective({side: drawn}, {side: pairs})[side]
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
        self.optimizer.step()
        self.iteration += 1
        network.eval()
        return float(loss.detach())

    def steps(self, run: Run) -> Iterator[int]:
        """All iterations that are left, each with its number; reports them."""
        stage = run.stage("adapt", self.total, "iterations")
        while self.iteration < self.total:
            run.check()
            loss = self.step()
            stage.progress(self.iteration, loss=loss)
            yield self.iteration
        stage.finish(iterations=self.iteration)

    def tensors(self) -> dict[str, Tensor]:
        state = {
            "iteration": torch.tensor(self.iteration),
            "random": self.random.get_state(),
            "noise": self.noise,
        }
        state |= {f"weight/{name}": parameter for name, parameter in self._learning.named_parameters()}
        return state | moments(self.optimizer, self._learning)

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Resume from what :meth:`tensors` returned. Raises ``KeyError``, ``RuntimeError`` or ``ValueError``
        for anything else."""
        weights = {name: tensors[f"weight/{name}"] for name, _ in self._learning.named_parameters()}
        if not all(bool(torch.isfinite(weight).all()) for weight in weights.values()):
            raise ValueError("weights that are no numbers")
        self.random.set_state(tensors["random"])
        self._learning.load_state_dict(weights)
        restore_moments(self.optimizer, self._learning, tensors)
        self.noise, self.iteration = tensors["noise"], int(tensors["iteration"])
