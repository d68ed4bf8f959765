"""The conversion steps: each takes a patch and returns it changed. ``make_steps`` is the pipeline.

To add a step, write a function that returns a ``Step``, and put it into ``make_steps`` where it
belongs. A step must not look at anything but its patch and its settings.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from facedouble.config import ConvertSettings
from facedouble.conversion.patch import Patch
from facedouble.errors import SettingsError
from facedouble.faces.colour import colour_like
from facedouble.faces.hull import FOREHEAD, face_hull, shrunk
from facedouble.types import FloatArray

Step = Callable[[Patch], Patch]

_EDGE = 0.015


def make_steps(settings: ConvertSettings) -> list[Step]:
    """The steps from a decoded face to one that can be laid over the frame, in order.

    Raises ``SettingsError`` for an unknown colour matching.
    """
    if settings.colour not in COLOURS:
        raise SettingsError(f"no colour matching {settings.colour!r}; there are: {', '.join(COLOURS)}")
    return [
        colour_step(settings.colour),
        sharpen_step(settings.sharpen),
        mask_step(settings.erosion, settings.feather),
    ]


def _reinhard(patch: Patch) -> FloatArray:
    return patch.source_colour


def _mean(patch: Patch) -> FloatArray:
    return np.stack([patch.source_colour[0], patch.model_colour[1]])


def _none(patch: Patch) -> FloatArray:
    return patch.model_colour


COLOURS: dict[str, Callable[[Patch], FloatArray]] = {"reinhard": _reinhard, "mean": _mean, "none": _none}
"""Which statistics the new face takes on: mean and deviation of the frame's face (Reinhard et al.
2001), its mean only, or those of the model's own person."""


def colour_step(name: str) -> Step:
    """Bring the picture from the standard colouring to the frame's."""
    statistics = COLOURS[name]

    def step(patch: Patch) -> Patch:
        return patch.with_(picture=colour_like(patch.picture, statistics(patch)))

    return step


def sharpen_step(amount: float) -> Step:
    """Unsharp mask: add ``amount`` times what a Gaussian of 1/96 of the crop takes away."""

    def step(patch: Patch) -> Patch:
        if amount == 0:
            return patch
        soft = cv2.GaussianBlur(patch.picture, (0, 0), patch.size / 96)
        return patch.with_(picture=(patch.picture + amount * (patch.picture - soft)).astype(np.float32))

    return step


def mask_step(erosion: float, feather: float) -> Step:
    """Mask of the face: the landmarks' hull with some forehead, eroded, its edge made soft.

    ``erosion`` and ``feather`` are shares of the crop's side. The mask is 0 on the crop's border,
    so the crop's square never shows.
    """

    def step(patch: Patch) -> Patch:
        mask = face_hull(patch.landmarks, patch.size, forehead=FOREHEAD)
        # Half the soft edge must lie inside too, or it would reach over the face's outline.
        mask = shrunk(mask, erosion + feather / 4)
        border = max(1, round(_EDGE * patch.size))
        inner = np.zeros_like(mask)
        inner[border:-border, border:-border] = mask[border:-border, border:-border]
        if feather > 0:
            inner = np.asarray(cv2.GaussianBlur(inner, (0, 0), feather * patch.size / 4))
            inner[0], inner[-1], inner[:, 0], inner[:, -1] = 0, 0, 0, 0
        return patch.with_(mask=np.clip(inner, 0, 1).astype(np.float32))

    return step
