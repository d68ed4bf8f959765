"""The face pipeline: the steps that turn a drawn face into one that can be composited.

To add a step, write a function that returns a ``Step`` and put it into the converter where it belongs. A
step depends on nothing but its layer and its settings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facedouble.config import ConvertSettings
from facedouble.conversion.colour_transfer import ColourMap, Samples, fit_histogram, fit_mean
from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.masks import erode, feather, whole_square
from facedouble.conversion.registry import (
    BLENDS,
    COLOUR_SPACES,
    COLOUR_TRANSFERS,
    MASKS,
    OCCLUSIONS,
    OUTPUT_MODES,
    SHARPENERS,
)
from facedouble.errors import SettingsError
from facedouble.faces.align import scale_of

Step = Callable[[FaceLayer], FaceLayer]
Fit = Callable[[Samples, Samples], ColourMap]

# The landmarks of the jaw lie on the edge of the face, and sometimes beside it.
_INSET = 0.02  # of the square
_SQUARE_FEATHER = 0.2  # of the square: soft edge of the whole square, with smooth_mask


@dataclass(frozen=True, slots=True)
class Converter:
    """The steps of a way to insert a face, in order, and the colour transfers it fits per track."""

    steps: Callable[[ConvertSettings], list[Step]]
    fits: Callable[[ConvertSettings], list[Fit]]


def _masked_steps(settings: ConvertSettings) -> list[Step]:
    return [
        transfer_colours(),
        sharpen(settings.sharpen, settings.sharpen_amount),
        draw_mask(settings.mask_type),
        erode_mask(settings.erosion, settings.blur_size),
        feather_mask(settings.blur_size),
        exclude_occlusions(settings.occlusion),
    ]


def _adjust_steps(settings: ConvertSettings) -> list[Step]:
    return [
        transfer_colours(),
        sharpen(settings.sharpen, settings.sharpen_amount),
        mask_whole_square(),
        *([erode_mask(0, _SQUARE_FEATHER)] if settings.smooth_mask else []),
        feather_mask(feather_width(settings)),
        exclude_occlusions(settings.occlusion),
    ]


def feather_width(settings: ConvertSettings) -> float:
    """Width of the mask's soft edge as a fraction of the square."""
    if settings.converter == "masked":
        return settings.blur_size
    return _SQUARE_FEATHER if settings.smooth_mask else 0.0


def _masked_fits(settings: ConvertSettings) -> list[Fit]:
    transfers = [] if settings.colour == "none" else [COLOUR_TRANSFERS[settings.colour]]
    return [*transfers, *([fit_histogram] if settings.match_histogram else [])]


def _adjust_fits(settings: ConvertSettings) -> list[Fit]:
    return [fit_mean] if settings.avg_color_adjust else []


CONVERTERS: dict[str, Converter] = {
    "masked": Converter(_masked_steps, _masked_fits),
    "adjust": Converter(_adjust_steps, _adjust_fits),
}
"""Converters by name. ``masked``: the face inside a mask, with its colours matched; ``adjust``: the whole
square, with at most its mean colour matched, as in the field's first converters."""


def make_steps(settings: ConvertSettings) -> list[Step]:
    """The steps from a drawn face to one that can be composited, in order.

    Raises ``SettingsError`` for an unknown name.
    """
    check(settings)
    return CONVERTERS[settings.converter].steps(settings)


def make_fits(settings: ConvertSettings) -> list[Fit]:
    """The colour transfers to fit to each track, in order."""
    check(settings)
    return CONVERTERS[settings.converter].fits(settings)


def check(settings: ConvertSettings) -> None:
    """Raise ``SettingsError`` for an unknown name, or settings that exclude each other."""
    if settings.converter not in CONVERTERS:
        raise SettingsError(f"no converter {settings.converter!r}; choose one of: {', '.join(CONVERTERS)}")
    MASKS.check(settings.mask_type)
    COLOUR_TRANSFERS.check(settings.colour)
    COLOUR_SPACES.check(settings.colour_space)
    SHARPENERS.check(settings.sharpen)
    BLENDS.check(settings.blend)
    OUTPUT_MODES.check(settings.output_mode)
    OCCLUSIONS.check(settings.occlusion)
    if settings.seamless and settings.blend not in ("alpha", "seamless"):
        raise SettingsError(f"--seamless and --blend {settings.blend} exclude each other")


# -- steps ---------------------------------------------------------------------------------------


def transfer_colours() -> Step:
    """From the standard colouring to the frame's, by the tone fit of the track."""

    def step(layer: FaceLayer) -> FaceLayer:
        planned = layer.planned
        return layer.with_(picture=planned.tone_fit(layer.picture, planned.statistics))

    return step


def sharpen(name: str, amount: float) -> Step:
    """Restore fine detail that the model softens."""
    sharpener = SHARPENERS[name]

    def step(layer: FaceLayer) -> FaceLayer:
        if not amount:
            return layer
        return layer.with_(picture=np.asarray(sharpener(layer.picture, amount), dtype=np.float32))

    return step


def draw_mask(name: str) -> Step:
    """Choose which part of the face is replaced."""
    draw = MASKS[name]
    return lambda layer: layer.with_(mask=draw(layer))


def mask_whole_square() -> Step:
    """Replace everything that the model draws."""
    return lambda layer: layer.with_(mask=whole_square(layer))


def erode_mask(erosion: float, feather: float) -> Step:
    """Erode by ``erosion`` pixels of the frame, by the error of the landmarks, and by a quarter of the
    ``feather`` width, half of which would otherwise reach over the outline of the face."""

    def step(layer: FaceLayer) -> FaceLayer:
        radius = erosion * scale_of(layer.alignment) + (_INSET + feather / 4) * layer.mask_size
        return layer.with_(mask=erode(layer.mask, radius))

    return step


def feather_mask(width: float) -> Step:
    """Soften the edge; ``width`` is a fraction of the square."""
    return lambda layer: layer.with_(mask=feather(layer.mask, width * layer.mask_size))


def exclude_occlusions(name: str) -> Step:
    """Leave what is in front of the face to the source."""
    visible = OCCLUSIONS[name]
    return lambda layer: layer.with_(mask=layer.mask * visible(layer))
