"""The models, in an explicit registry, each with the training recipe it does best with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from facedouble.errors import SettingsError
from facedouble.models.base import SwapModel
from facedouble.models.original import Original
from facedouble.models.quick import Quick


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is best trained. Shares are of the whole training time.

    ``coverage`` is the central part of the stored crop the model sees. ``l1``, ``dssim`` and
    ``detail`` weigh the losses of ``train/losses.py``. The input is bent at full strength until
    ``bend_until``, then less and less, down to ``bend_end`` at the end. Both sides share their
    decoder until ``shared_until``. From ``finish_from`` on the encoder rests and only the decoder of
    B, the face wanted, goes on learning, with batches of twice the size. ``average`` is the decay of the averaged weights for one step.
    """

    batch_size: int
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    coverage: float = 0.7
    l1: float = 1.0
    dssim: float = 0.0
    detail: float = 0.0
    bend_until: float = 1.0
    bend_end: float = 1.0
    shared_until: float = 0.0
    finish_from: float = 1.0
    anneal: bool = False
    average: float = 0.999
    warm_up: int = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered model: how to make it, with what arguments, and how to train it."""

    make: Callable[..., SwapModel]
    summary: str
    recipe: Recipe
    arguments: Mapping[str, Any] = field(default_factory=dict)


MODELS: dict[str, Entry] = {
    "quick": Entry(
        make=Quick,
        summary="compact, made for minutes on a processor without a GPU",
        recipe=Recipe(batch_size=12, learning_rate=1e-3),
    ),
    "original": Entry(
        make=Original,
        summary="the classic 64 pixel autoencoder",
        recipe=Recipe(batch_size=64, learning_rate=5e-5, betas=(0.5, 0.999), average=0.99, warm_up=0),
    ),
}


def entry(name: str) -> Entry:
    """The registered model ``name``. Raises ``SettingsError`` for an unknown name."""
    if name not in MODELS:
        raise SettingsError(f"no model {name!r}; there are: {', '.join(MODELS)}")
    return MODELS[name]


def build(name: str, arguments: Mapping[str, Any] | None = None) -> SwapModel:
    """A new model ``name``, with its registered arguments or with ``arguments`` in their place."""
    known = entry(name)
    return known.make(**(known.arguments if arguments is None else arguments))
