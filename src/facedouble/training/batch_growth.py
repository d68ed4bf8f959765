"""A batch that fills the memory of a device, and how the recipe follows it.

With Adam the noise of gradients asks for a learning rate that grows with the square root of the batch
(Malladi et al. 2022, "On the SDEs and scaling rules for adaptive gradient algorithms"). An average of the
weights over as many faces as before has its decay raised to the power of the growth (Busbridge et al. 2023,
"How to scale your EMA").
"""

from __future__ import annotations

from facedouble.settings.recipe import FillingBatch, Recipe
from facedouble.training.memory import MemoryEstimate


def batch_scale(
    growth: FillingBatch, estimate: MemoryEstimate, batch_size: int, in_step: int, free: int
) -> int:
    """By how much to multiply a batch of ``batch_size`` faces of each side, of which ``in_step`` faces go
    through the network of this process: the largest power of two with which what ``estimate`` forecasts stays
    within the share of ``free`` bytes."""
    scale = 1
    while (
        2 * scale * batch_size <= growth.most
        and estimate.of_batch(2 * scale).total(2 * scale * in_step) <= growth.share * free
    ):
        scale *= 2
    return scale


def scaled_recipe(recipe: Recipe, growth: FillingBatch, scale: int) -> Recipe:
    """The recipe for a batch that is ``scale`` times as large."""
    return recipe.replace(
        batch_size=scale * recipe.batch_size,
        learning_rate=recipe.learning_rate * scale**growth.rate_exponent,
        ema_decay=recipe.ema_decay**scale,
    )
