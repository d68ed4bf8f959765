"""What training chooses from."""

from __future__ import annotations

from typing import Any

from facedouble.registry import Entry, Registry

WARPS: Registry[Any] = Registry(
    "warp",
    {
        "grid": Entry("facedouble.training.warp.kinds:grid", "a coarse grid whose points move at random"),
        "landmark": Entry("facedouble.training.warp.kinds:landmark", "towards a neighbour's landmarks"),
        "tps": Entry(
            "facedouble.training.warp.kinds:tps", "a thin plate spline through points that move at random"
        ),
        "elastic": Entry("facedouble.training.warp.kinds:elastic", "a smooth field of several scales"),
        "none": Entry("facedouble.training.warp.kinds:none", "inputs are not bent"),
    },
)
"""Functions from a ``WarpContext`` to displacements (N, G, G, 2)."""

RECIPES: Registry[Any] = Registry(
    "recipe",
    {
        "double": Entry("facedouble.training.recipes:DOUBLE", "adversary at hand, shared decoder at first"),
        "quick": Entry("facedouble.training.recipes:QUICK", "the same, sized for minutes"),
        "original": Entry("facedouble.training.recipes:ORIGINAL", "mean absolute error alone"),
        "lowmem": Entry("facedouble.training.recipes:LOWMEM", "mean absolute error alone"),
        "iae": Entry("facedouble.training.recipes:IAE", "mean absolute error alone"),
        "gan": Entry("facedouble.training.recipes:GAN", "two discriminators"),
        "gan128": Entry("facedouble.training.recipes:GAN128", "two discriminators, smaller batches"),
        "highres": Entry("facedouble.training.recipes:HIGHRES", "structural similarity and a mask"),
        "highres256": Entry("facedouble.training.recipes:HIGHRES256", "the same, smaller batches"),
    },
)
"""Each model's preset, a ``Recipe``, by the model's name."""
