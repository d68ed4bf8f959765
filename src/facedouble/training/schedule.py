"""Schedules: what changes in the course of a training, as functions of its progress, and when it stops."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from facedouble.models.card import ModelCard
from facedouble.settings.recipe import Recipe
from facedouble.settings.train import TrainSettings
from facedouble.types import SIDES, Side

LOSS_SMOOTHING = 0.98
"""Decay of the exponential moving average of the losses, per iteration."""

_DIVERGED = 10.0  # times the smoothed loss

ROLLBACK_FACTOR = 0.3
"""Each rollback multiplies the learning rate by this."""

MAX_ROLLBACKS = 5
"""After so many, training gives up."""


@dataclass(frozen=True, slots=True)
class StepConfig:
    """One step: the ``progress`` of the training (0..1), the ``learning_rate``, the strength of
    ``augmentation`` (warps and noise, 0..1), and whether the encoder is frozen."""

    progress: float
    learning_rate: float
    augmentation: float
    freeze_encoder: bool


def step_config(recipe: Recipe, settings: TrainSettings, card: ModelCard, progress: float) -> StepConfig:
    """The next step, at this ``progress`` (0..1) of the training."""
    return StepConfig(
        progress=progress,
        learning_rate=learning_rate(recipe, card.iteration, progress) * card.learning_rate_scale,
        augmentation=augmentation(recipe, progress),
        freeze_encoder=settings.freeze_encoder,
    )


def next_step_config(recipe: Recipe, settings: TrainSettings, card: ModelCard) -> StepConfig:
    """The step expected after the next one; with a limit of minutes it is only approximate."""
    ahead = replace(card, iteration=card.iteration + 1)
    return step_config(recipe, settings, ahead, progress(settings, ahead))


def progress(settings: TrainSettings, card: ModelCard) -> float:
    """The share of the training that is done, 0..1, by whichever limit comes first; 0 without a limit."""
    shares = [0.0]
    if settings.limits.minutes:
        shares.append(card.seconds / (settings.limits.minutes * 60))
    if settings.limits.iterations:
        shares.append(card.iteration / settings.limits.iterations)
    return min(1.0, max(shares))


def learning_rate(recipe: Recipe, iteration: int, progress: float) -> float:
    """Linear warm-up, then cosine decay to 0 at the end (Loshchilov and Hutter 2017)."""
    rate = recipe.learning_rate
    if recipe.warm_up:
        rate *= min(1.0, (iteration + 1) / recipe.warm_up)
    if recipe.anneal:
        rate *= 0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0))
    return rate


def augmentation(recipe: Recipe, progress: float) -> float:
    """1 until ``full_augmentation_until``, then in a straight line to ``final_augmentation``."""
    if progress <= recipe.full_augmentation_until or recipe.full_augmentation_until >= 1:
        return 1.0
    past = (progress - recipe.full_augmentation_until) / (1 - recipe.full_augmentation_until)
    return 1 + (recipe.final_augmentation - 1) * past


def ema_decay(recipe: Recipe, iteration: int) -> float:
    """Decay of the EMA of the weights at this iteration (from 1); smaller at the beginning."""
    return min(recipe.ema_decay, iteration / (iteration + 10))


def smoothed(before: Mapping[Side, float], now: Mapping[Side, float]) -> dict[Side, float]:
    """The moving average of the losses, over some fifty iterations; starts with the first loss."""
    new = {
        side: before.get(side, value) * LOSS_SMOOTHING + value * (1 - LOSS_SMOOTHING)
        for side, value in now.items()
    }
    return {**before, **new}


def diverged(before: Mapping[Side, float], now: Mapping[Side, float]) -> bool:
    """Whether a loss is not finite, or ten times its moving average."""
    return any(
        not math.isfinite(value) or (side in before and value > _DIVERGED * before[side])
        for side, value in now.items()
    )


class StopReason(IntEnum):
    """Why a training stops; 0 while it does not."""

    NOT_YET = 0
    FINISHED = 1
    BY_HAND = 2
    TARGET = 3
    PLATEAU = 4

    @property
    def text(self) -> str:
        """One phrase for a person."""
        return _REASONS[self]


_REASONS = {
    StopReason.NOT_YET: "",
    StopReason.FINISHED: "finished",
    StopReason.BY_HAND: "stopped by hand",
    StopReason.TARGET: "target loss reached",
    StopReason.PLATEAU: "no longer getting better",
}


def stop_reason(
    settings: TrainSettings, card: ModelCard, losses: Mapping[Side, float], asked: bool
) -> StopReason:
    """Whether training stops now, and why."""
    if progress(settings, card) >= 1:
        return StopReason.FINISHED
    if asked:
        return StopReason.BY_HAND
    target = settings.limits.target_loss
    if target and len(losses) == len(SIDES) and max(losses.values()) < target:
        return StopReason.TARGET
    measured = card.measures[-1]["iteration"] if card.measures else 0
    if settings.limits.patience and measured - card.best_at >= settings.limits.patience:
        return StopReason.PLATEAU
    return StopReason.NOT_YET


def save_due(settings: TrainSettings, iterations: int, seconds: float) -> bool:
    """Whether to save, this many ``iterations`` and ``seconds`` after the last save."""
    every, minutes = settings.saving.interval, settings.saving.minutes
    return bool((every and iterations >= every) or (minutes and seconds >= minutes * 60))
