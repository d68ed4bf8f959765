"""The conversion steps: each takes a patch and returns it changed. The converters are their pipelines.

To add a step, write a function that returns a ``Step``, and put it into the converter where it belongs.
A step must not look at anything but its patch and its settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from facedouble.config import ConvertSettings
from facedouble.conversion.blends import BLENDS
from facedouble.conversion.colours import COLOURS, SPACES, Map, Samples, fit_histogram, fit_mean
from facedouble.conversion.masks import MASKS, OCCLUSIONS, eroded, softened, square
from facedouble.conversion.outputs import OUTPUTS
from facedouble.conversion.patch import Patch
from facedouble.conversion.sharpen import SHARPENERS
from facedouble.errors import SettingsError
from facedouble.faces.align import scale_of

Step = Callable[[Patch], Patch]
Fit = Callable[[Samples, Samples], Map]
Entry = TypeVar("Entry")

# The landmarks of the jaw lie on the face's edge, and sometimes beside it.
_INSET = 0.02  # of the square
_FADE = 0.2  # of the square: the edge of a whole crop, with --smooth-mask


@dataclass(frozen=True, slots=True)
class Converter:
    """How a face is laid in: the steps in their order, and which colour matchings they rest on."""

    steps: Callable[[ConvertSettings], list[Step]]
    fits: Callable[[ConvertSettings], list[Fit]]


def masked(settings: ConvertSettings) -> list[Step]:
    """The face alone, by a mask."""
    return [
        colours(),
        sharpened(settings.sharpen, settings.sharpen_amount),
        masked_by(settings.mask_type),
        shrunk(settings.erosion, settings.blur_size),
        soft(settings.blur_size),
        uncovered(settings.occlusion),
    ]


def adjusted(settings: ConvertSettings) -> list[Step]:
    """All that the model draws."""
    return [
        colours(),
        sharpened(settings.sharpen, settings.sharpen_amount),
        whole(),
        *([shrunk(0, _FADE)] if settings.smooth_mask else []),
        soft(edge_width(settings)),
        uncovered(settings.occlusion),
    ]


def edge_width(settings: ConvertSettings) -> float:
    """Width of the mask's soft edge as a share of the square."""
    if settings.converter == "masked":
        return settings.blur_size
    return _FADE if settings.smooth_mask else 0.0


def _masked_fits(settings: ConvertSettings) -> list[Fit]:
    matching = [] if settings.colour == "none" else [chosen(COLOURS, settings.colour, "colour matching")]
    return [*matching, *([fit_histogram] if settings.match_histogram else [])]


def _adjusted_fits(settings: ConvertSettings) -> list[Fit]:
    return [fit_mean] if settings.avg_color_adjust else []


CONVERTERS: dict[str, Converter] = {
    "masked": Converter(masked, _masked_fits),
    "adjust": Converter(adjusted, _adjusted_fits),
}
"""Converters by name. ``masked``: the face by a mask, its colours matched; ``adjust``: the whole crop, its
mean colour adjusted at most, as the first converters of the field did it."""


def make_steps(settings: ConvertSettings) -> list[Step]:
    """The steps from a drawn face to one that can be laid over the frame, in order.

    Raises ``SettingsError`` for a name that is not known.
    """
    check(settings)
    return CONVERTERS[settings.converter].steps(settings)


def make_fits(settings: ConvertSettings) -> list[Fit]:
    """The colour matchings that are fitted to each track, in order."""
    check(settings)
    return CONVERTERS[settings.converter].fits(settings)


def check(settings: ConvertSettings) -> None:
    """Raise ``SettingsError`` for a name that is not known, or settings that exclude each other."""
    chosen(CONVERTERS, settings.converter, "converter")
    chosen(MASKS, settings.mask_type, "mask")
    chosen(COLOURS, settings.colour, "colour matching")
    chosen(SPACES, settings.colour_space, "colour space")
    chosen(SHARPENERS, settings.sharpen, "sharpening")
    chosen(BLENDS, settings.blend, "blend")
    chosen(OUTPUTS, settings.output_mode, "output mode")
    chosen(OCCLUSIONS, settings.occlusion, "occlusion")
    if settings.seamless and settings.blend not in ("alpha", "seamless"):
        raise SettingsError(f"--seamless and --blend {settings.blend} exclude each other")


def chosen(registry: Mapping[str, Entry], name: str, kind: str) -> Entry:
    """An entry of a registry. Raises ``SettingsError`` that names what there is."""
    if name not in registry:
        raise SettingsError(f"no {kind} {name!r}; there are: {', '.join(registry)}")
    return registry[name]


# -- steps ---------------------------------------------------------------------------------------


def colours() -> Step:
    """From the standard colouring to the frame's, as the track's matching has it."""
    return lambda patch: patch.with_(picture=patch.item.tones(patch.picture, patch.item.colour))


def sharpened(name: str, amount: float) -> Step:
    """Bring back the fine detail that a model softens."""
    sharpener = SHARPENERS[name]
    return lambda patch: patch.with_(
        picture=np.asarray(sharpener(patch.picture, amount), dtype=np.float32) if amount else patch.picture
    )


def masked_by(name: str) -> Step:
    """Choose what of the face is replaced."""
    return lambda patch: patch.with_(mask=MASKS[name](patch))


def whole() -> Step:
    """Replace all that the model draws."""
    return lambda patch: patch.with_(mask=square(patch))


def shrunk(erosion: float, blur_size: float) -> Step:
    """Erode by pixels of the frame, by what landmarks may be beside the face, and by a quarter of the soft
    edge, half of which would otherwise reach over the face's outline."""

    def step(patch: Patch) -> Patch:
        radius = erosion * scale_of(patch.alignment) + (_INSET + blur_size / 4) * patch.size
        return patch.with_(mask=eroded(patch.mask, radius))

    return step


def soft(width: float) -> Step:
    """``width`` of the edge as a share of the square."""
    return lambda patch: patch.with_(mask=softened(patch.mask, width * patch.size))


def uncovered(name: str) -> Step:
    """Leave out what is before the face."""
    visible = OCCLUSIONS[name]
    return lambda patch: patch.with_(mask=patch.mask * visible(patch))
