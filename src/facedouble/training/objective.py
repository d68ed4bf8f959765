"""What training makes small: the loss of each side, as the model's recipe weighs its terms."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from facedouble.models.base import Decoded, SwapModel
from facedouble.settings.recipe import Recipe
from facedouble.training.losses import detail_l1, dssim, luma, mask_l1, ms_dssim, weighted_l1
from facedouble.training.perceptual import make_perceptual
from facedouble.training.warp.pairs import Pairs
from facedouble.types import Side


class Objective:
    """The loss of what decoders draw, against the targets.

    The sum of the terms that ``recipe`` gives a weight: mean absolute error, structural dissimilarity
    (at one or several scales), fine detail, the learned mask, and a perceptual loss. All but the mask
    are counted more where ``Pairs.weights`` is larger, on eyes and mouth most, but for the perceptual
    loss, which sees the whole picture. The mask is to be the part of the target that is the face.
    """

    def __init__(
        self,
        recipe: Recipe,
        network: SwapModel,
        device: torch.device,
        precision: torch.dtype = torch.float32,
    ) -> None:
        """``precision`` is that of the perceptual network, if there is one; losses are float32.

        Raises ``SettingsError`` or ``AssetError`` when that network is not known or its file not there.
        """
        self.recipe = recipe
        self.perceptual = make_perceptual(recipe, network.resolution, device, precision)

    def __call__(self, outputs: Mapping[Side, Decoded], pairs: Mapping[Side, Pairs]) -> dict[Side, Tensor]:
        """The loss (a scalar, with its gradient) of each side in ``outputs``."""
        return {side: self._loss(drawn, pairs[side]) for side, drawn in outputs.items()}

    def _loss(self, drawn: Decoded, pairs: Pairs) -> Tensor:
        terms, weights = self.recipe.losses, pairs.weights
        picture = drawn.picture.float()
        loss = terms.l1 * weighted_l1(picture, pairs.targets, weights)
        if terms.dssim or terms.ms_ssim or terms.detail:
            shown, wanted = luma(picture), luma(pairs.targets)
            if terms.dssim:
                loss = loss + terms.dssim * dssim(shown, wanted, weights)
            if terms.ms_ssim:
                loss = loss + terms.ms_ssim * ms_dssim(shown, wanted, weights)
            if terms.detail:
                loss = loss + terms.detail * detail_l1(shown, wanted, weights)
        if terms.mask and drawn.mask is not None:
            loss = loss + terms.mask * mask_l1(drawn.mask.float(), pairs.face)
        if self.perceptual is not None:
            loss = loss + self.perceptual(picture, pairs.targets)
        return loss
