"""The swap models by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.registry import Entry, Registry

if TYPE_CHECKING:
    from facedouble.settings.train import Architecture

_HERE = "facedouble.models"

MODELS: Registry[type[Architecture]] = Registry(
    "model",
    {
        "double": Entry(
            f"{_HERE}.double:DoubleArchitecture",
            "the flagship, for a GPU: 256 pixels, a learned mask",
        ),
        "quick": Entry(f"{_HERE}.double:QuickArchitecture", "a small double for minutes on a CPU: 96 pixels"),
        "original": Entry(f"{_HERE}.original:OriginalArchitecture", "the classic 64-pixel autoencoder"),
        "lowmem": Entry(
            f"{_HERE}.lowmem:LowMemArchitecture", "the classic, one convolution and half the bottleneck less"
        ),
        "iae": Entry(
            f"{_HERE}.iae:IAEArchitecture",
            "64 pixels, one decoder, a bottleneck for each person",
        ),
        "gan": Entry(
            f"{_HERE}.gan:GanArchitecture",
            "64 pixels, a learned mask, two discriminators",
        ),
        "gan128": Entry(f"{_HERE}.gan:Gan128Architecture", "the same at 128 pixels"),
        "highres": Entry(
            f"{_HERE}.highres:HighResArchitecture", "128 pixels, residual upscales, a learned mask"
        ),
        "highres256": Entry(f"{_HERE}.highres:HighRes256Architecture", "the same at 256 pixels"),
    },
)
