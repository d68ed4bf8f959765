"""The models, in an explicit registry, each with the training recipe it does best with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from facedouble.errors import SettingsError
from facedouble.models.base import SwapModel
from facedouble.models.double import Double
from facedouble.models.gan import Gan
from facedouble.models.highres import HighRes
from facedouble.models.iae import IAE
from facedouble.models.lowmem import LowMem
from facedouble.models.original import Original
from facedouble.models.recipe import Recipe, Warp


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered model: how to make it, with what arguments, and how to train it."""

    make: Callable[..., SwapModel]
    summary: str
    recipe: Recipe
    arguments: Mapping[str, Any] = field(default_factory=dict)


# Plain mean absolute error, as the classic models were always trained.
_CLASSIC = Recipe(batch_size=64, learning_rate=5e-5, betas=(0.5, 0.999), average=0.99, warm_up=0)

_ADVERSARIAL = replace(
    _CLASSIC,
    learning_rate=1e-4,
    mask=0.1,
    adversarial=0.02,
    adversarial_kind="hinge",
    adversarial_from=0.2,
)

_HIGH = replace(_CLASSIC, learning_rate=1e-4, dssim=0.3, mask=0.1, average=0.999)

# How the flagship is trained in all its sizes; docs/double.md has the measurements behind it.
_DOUBLE = Recipe(
    batch_size=8,
    learning_rate=2e-3,
    dssim=0.3,
    detail=1.0,
    mask=0.1,
    adversarial_of="swapped",  # --recipe adversarial=0.05
    adversarial_from=0.9,
    critic_rate=4e-4,
    warp=Warp(rotation=2, zoom=0.02, shift=0.01, flip=0, bend=0.03, light=0.08, patches=0.1),
    hard_until=0.1,
    hardness_at_end=0.1,
    shared_until=0.3,
    anneal=True,
)

MODELS: dict[str, Entry] = {
    "double": Entry(
        make=Double,
        summary="the flagship, for a GPU: 256 pixels with a learned mask; --set resolution=192 and so on",
        recipe=replace(_DOUBLE, learning_rate=1e-3),
        arguments={"resolution": 256, "topology": "df"},
    ),
    "quick": Entry(
        make=Double,
        summary="its size for minutes on a processor without a GPU: 96 pixels",
        recipe=replace(_DOUBLE, critic_filters=16, warp=replace(_DOUBLE.warp, patches=0)),
        arguments={
            "resolution": 96,
            "filters": 32,
            "bottleneck": 64,
            "inner": 192,
            "channels": (96, 48, 24),
            "residuals": 0,
        },
    ),
    "original": Entry(
        make=Original,
        summary="the classic 64 pixel autoencoder",
        recipe=_CLASSIC,
    ),
    "lowmem": Entry(
        make=LowMem,
        summary="the classic with a convolution and half the bottleneck less",
        recipe=_CLASSIC,
    ),
    "iae": Entry(
        make=IAE,
        summary="64 pixels, one decoder for both people, who differ in their bottleneck",
        recipe=_CLASSIC,
    ),
    "gan": Entry(
        make=Gan,
        summary="64 pixels with a learned mask, trained against two discriminators",
        recipe=replace(_ADVERSARIAL, batch_size=32),
        arguments={"resolution": 64},
    ),
    "gan128": Entry(
        make=Gan,
        summary="the same at 128 pixels",
        recipe=replace(_ADVERSARIAL, batch_size=16),
        arguments={"resolution": 128},
    ),
    "highres": Entry(
        make=HighRes,
        summary="128 pixels, residual upscales and a learned mask",
        recipe=replace(_HIGH, batch_size=16),
        arguments={"resolution": 128},
    ),
    "highres256": Entry(
        make=HighRes,
        summary="the same at 256 pixels",
        recipe=replace(_HIGH, batch_size=8),
        arguments={"resolution": 256, "filters": 64},
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
