"""The preset of each model: how it is trained unless told otherwise.

``training/registry.py`` names them by their models' names.
"""

from __future__ import annotations

from facedouble.settings.recipe import Adversary, Losses, Recipe, Warp

# Plain mean absolute error, as the classic models were always trained.
ORIGINAL = Recipe(batch_size=64, learning_rate=5e-5, betas=(0.5, 0.999), ema_decay=0.99, warm_up=0)
LOWMEM = ORIGINAL
IAE = ORIGINAL

GAN = ORIGINAL.replace(
    batch_size=32,
    learning_rate=1e-4,
    losses=Losses(mask=0.1),
    adversary=Adversary(weight=0.02, loss="hinge", start=0.2),
)
GAN128 = GAN.replace(batch_size=16)

HIGHRES = ORIGINAL.replace(
    batch_size=16, learning_rate=1e-4, losses=Losses(dssim=0.3, mask=0.1), ema_decay=0.999
)
HIGHRES256 = HIGHRES.replace(batch_size=8)

# docs/notes/double.md has the measurements behind it. The adversary is off; a weight of 0.05 turns it on.
DOUBLE = Recipe(
    batch_size=8,
    learning_rate=1e-3,
    losses=Losses(dssim=0.3, detail=1.0, mask=0.1),
    adversary=Adversary(judges="swapped", start=0.9, learning_rate=4e-4),
    warp=Warp(rotation=2, zoom=0.02, shift=0.01, flip=0, displacement=0.03, rgb_gain=0.08, occlusion=0.1),
    full_augmentation_until=0.1,
    final_augmentation=0.1,
    geometry=True,
    shared_decoder_until=0.3,
    anneal=True,
)
QUICK = DOUBLE.replace(learning_rate=2e-3, adversary={"filters": 16}, warp={"occlusion": 0})
