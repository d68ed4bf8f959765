"""What changes while training goes on, as functions of how far it is, and when it is to end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from facedouble.config import TrainSettings
from facedouble.models.checkpoint import ModelCard
from facedouble.models.recipe import Recipe
from facedouble.types import SIDES, Side

MEMORY = 0.98
"""Share of the smoothed loss that each new loss leaves as it is."""

_EXPLODED = 10.0
FEWER = 0.3
"""What a mishap multiplies the learning rate by."""

MISHAPS = 5
"""After so many the training gives up."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What one iteration does: how far training is (``progress``, 0..1); the learning ``rate``; the
    ``hardness`` of bending and noise, 0..1; whether the encoder rests."""

    progress: float
    rate: float
    hardness: float
    encoder_rests: bool


def phase(recipe: Recipe, settings: TrainSettings, card: ModelCard, progress: float) -> Phase:
    """What the next iteration does when ``progress`` (0..1) of the training is done."""
    return Phase(
        progress=progress,
        rate=learning_rate(recipe, card.iteration, progress) * card.rate,
        hardness=hardness(recipe, progress),
        encoder_rests=settings.freeze_encoder,
    )


def after(recipe: Recipe, settings: TrainSettings, card: ModelCard) -> Phase:
    """What the iteration after the next is expected to do: with a limit of minutes this is a step early."""
    ahead = replace(card, iteration=card.iteration + 1)
    return phase(recipe, settings, ahead, progress(settings, ahead))


def progress(settings: TrainSettings, card: ModelCard) -> float:
    """Share of the training that is done, 0..1, by whichever limit comes first; 0 without a limit."""
    shares = [0.0]
    if settings.minutes:
        shares.append(card.seconds / (settings.minutes * 60))
    if settings.iterations:
        shares.append(card.iteration / settings.iterations)
    return min(1.0, max(shares))


def learning_rate(recipe: Recipe, iteration: int, progress: float) -> float:
    """Linear warm-up, then half a cosine down to nothing at the end (Loshchilov and Hutter 2017)."""
    rate = recipe.learning_rate
    if recipe.warm_up:
        rate *= min(1.0, (iteration + 1) / recipe.warm_up)
    if recipe.anneal:
        rate *= 0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0))
    return rate


def hardness(recipe: Recipe, progress: float) -> float:
    """1 until ``hard_until``, then in a straight line to ``hardness_at_end``."""
    if progress <= recipe.hard_until or recipe.hard_until >= 1:
        return 1.0
    past = (progress - recipe.hard_until) / (1 - recipe.hard_until)
    return 1 + (recipe.hardness_at_end - 1) * past


def average_decay(recipe: Recipe, iteration: int) -> float:
    """Decay of the averaged weights at this iteration (from 1): a short memory at the beginning."""
    return min(recipe.average, iteration / (iteration + 10))


def smoothed(before: Mapping[Side, float], now: Mapping[Side, float]) -> dict[Side, float]:
    """Losses smoothed over some fifty iterations; the first is taken as it is."""
    new = {side: before.get(side, value) * MEMORY + value * (1 - MEMORY) for side, value in now.items()}
    return {**before, **new}


def exploded(before: Mapping[Side, float], now: Mapping[Side, float]) -> bool:
    """Whether a loss is no number any more, or ten times what it was."""
    return any(
        not math.isfinite(value) or (side in before and value > _EXPLODED * before[side])
        for side, value in now.items()
    )


class Stop(IntEnum):
    """Why a training ends; nought while it does not."""

    NOT_YET = 0
    FINISHED = 1
    BY_HAND = 2
    TARGET = 3
    PLATEAU = 4

    @property
    def words(self) -> str:
        """For a person."""
        return _REASONS[self]


_REASONS = {
    Stop.NOT_YET: "",
    Stop.FINISHED: "finished",
    Stop.BY_HAND: "stopped by hand",
    Stop.TARGET: "target loss reached",
    Stop.PLATEAU: "no longer getting better",
}


def reason_to_stop(
    settings: TrainSettings, card: ModelCard, losses: Mapping[Side, float], asked: bool
) -> Stop:
    """Why training is to end now."""
    if progress(settings, card) >= 1:
        return Stop.FINISHED
    if asked:
        return Stop.BY_HAND
    if settings.target_loss and len(losses) == len(SIDES) and max(losses.values()) < settings.target_loss:
        return Stop.TARGET
    measured = card.measures[-1]["iteration"] if card.measures else 0
    if settings.patience and measured - card.best_at >= settings.patience:
        return Stop.PLATEAU
    return Stop.NOT_YET


def save_due(settings: TrainSettings, iterations: int, seconds: float) -> bool:
    """Whether to save, so many ``iterations`` and ``seconds`` after the last time."""
    every, minutes = settings.save_interval, settings.save_minutes
    return bool((every and iterations >= every) or (minutes and seconds >= minutes * 60))
