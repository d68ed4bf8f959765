"""The models' presets: how each is built and trained. ``models/registry.py`` names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from facedouble.models import double, gan, highres, iae, lowmem, original
from facedouble.models.base import SwapModel
from facedouble.models.recipe import Recipe, Warp
from facedouble.models.registry import MODELS


@dataclass(frozen=True, slots=True)
class Preset:
    """How a model is made, with which arguments, and how it is trained."""

    make: Callable[..., SwapModel]
    recipe: Recipe
    arguments: Mapping[str, Any] = field(default_factory=dict)


# Plain mean absolute error, as the classic models were always trained.
_CLASSIC = Recipe(batch_size=64, learning_rate=5e-5, betas=(0.5, 0.999), ema_decay=0.99, warm_up=0)

_ADVERSARIAL = replace(
    _CLASSIC,
    learning_rate=1e-4,
    mask=0.1,
    adversarial=0.02,
    adversarial_kind="hinge",
    adversarial_from=0.2,
)

_HIGH = replace(_CLASSIC, learning_rate=1e-4, dssim=0.3, mask=0.1, ema_decay=0.999)

# How the flagship is trained in all its sizes; docs/notes/double.md has the measurements behind it.
_DOUBLE = Recipe(
    batch_size=8,
    learning_rate=2e-3,
    dssim=0.3,
    detail=1.0,
    mask=0.1,
    adversarial_of="swapped",  # --recipe adversarial=0.05
    adversarial_from=0.9,
    discriminator_learning_rate=4e-4,
    warp=Warp(rotation=2, zoom=0.02, shift=0.01, flip=0, displacement=0.03, rgb_gain=0.08, occlusion=0.1),
    full_augmentation_until=0.1,
    final_augmentation=0.1,
    shared_decoder_until=0.3,
    anneal=True,
)

DOUBLE = Preset(
    make=double.Double,
    recipe=replace(_DOUBLE, learning_rate=1e-3),
    arguments={"resolution": 256, "topology": "df"},
)
QUICK = Preset(
    make=double.Double,
    recipe=replace(_DOUBLE, discriminator_filters=16, warp=replace(_DOUBLE.warp, occlusion=0)),
    arguments={
        "resolution": 96,
        "filters": 32,
        "bottleneck": 64,
        "inner": 192,
        "channels": (96, 48, 24),
        "residuals": 0,
    },
)
ORIGINAL = Preset(
    make=original.Original,
    recipe=_CLASSIC,
)
LOWMEM = Preset(
    make=lowmem.LowMem,
    recipe=_CLASSIC,
)
IAE = Preset(
    make=iae.IAE,
    recipe=_CLASSIC,
)
GAN = Preset(
    make=gan.Gan,
    recipe=replace(_ADVERSARIAL, batch_size=32),
    arguments={"resolution": 64},
)
GAN128 = Preset(
    make=gan.Gan,
    recipe=replace(_ADVERSARIAL, batch_size=16),
    arguments={"resolution": 128},
)
HIGHRES = Preset(
    make=highres.HighRes,
    recipe=replace(_HIGH, batch_size=16),
    arguments={"resolution": 128},
)
HIGHRES256 = Preset(
    make=highres.HighRes,
    recipe=replace(_HIGH, batch_size=8),
    arguments={"resolution": 256, "filters": 64},
)


def build(name: str, arguments: Mapping[str, Any] | None = None) -> SwapModel:
    """A new model ``name``, with its registered arguments or with ``arguments`` in their place."""
    preset = MODELS[name]
    return preset.make(**(preset.arguments if arguments is None else arguments))
