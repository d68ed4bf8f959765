"""The swap models by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.registry import Entry, Registry

if TYPE_CHECKING:
    from facedouble.models.presets import Preset

MODELS: Registry[Preset] = Registry(
    "model",
    {
        "double": Entry(
            "facedouble.models.presets:DOUBLE",
            "the flagship, for a GPU: 256 pixels, a learned mask",
        ),
        "quick": Entry("facedouble.models.presets:QUICK", "a small double for minutes on a CPU: 96 pixels"),
        "original": Entry("facedouble.models.presets:ORIGINAL", "the classic 64-pixel autoencoder"),
        "lowmem": Entry(
            "facedouble.models.presets:LOWMEM", "the classic, one convolution and half the bottleneck less"
        ),
        "iae": Entry(
            "facedouble.models.presets:IAE",
            "64 pixels, one decoder, a bottleneck for each person",
        ),
        "gan": Entry(
            "facedouble.models.presets:GAN",
            "64 pixels, a learned mask, two discriminators",
        ),
        "gan128": Entry("facedouble.models.presets:GAN128", "the same at 128 pixels"),
        "highres": Entry(
            "facedouble.models.presets:HIGHRES", "128 pixels, residual upscales, a learned mask"
        ),
        "highres256": Entry("facedouble.models.presets:HIGHRES256", "the same at 256 pixels"),
    },
)
