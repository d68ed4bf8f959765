"""What training makes small: the losses of a recipe, for each side."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from facedouble.models.base import Decoded, SwapModel
from facedouble.models.recipe import Recipe
from facedouble.training.losses import detail_l1, dssim, weighted_l1
from facedouble.training.warp import Pairs
from facedouble.types import Side


class Objective:
    """The losses of ``recipe`` between what the decoders draw and what they should have drawn."""

    def __init__(self, recipe: Recipe, network: SwapModel, device: torch.device) -> None:
        self.recipe = recipe

    def __call__(self, outputs: Mapping[Side, Decoded], pairs: Mapping[Side, Pairs]) -> dict[Side, Tensor]:
        """One number for each side; each a mean over its pictures."""
        return {side: self._loss(output.picture.float(), pairs[side]) for side, output in outputs.items()}

    def _loss(self, picture: Tensor, pairs: Pairs) -> Tensor:
        recipe = self.recipe
        loss = recipe.l1 * weighted_l1(picture, pairs.targets, pairs.weights)
        if recipe.dssim:
            loss = loss + recipe.dssim * dssim(picture, pairs.targets, pairs.weights)
        if recipe.detail:
            loss = loss + recipe.detail * detail_l1(picture, pairs.targets, pairs.weights)
        return loss
