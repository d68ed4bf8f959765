"""Settings that would do nothing beside others: whoever gives one expects something of it, so it is
refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from facedouble.config import ConvertSettings
from facedouble.errors import SettingsError

Test = Callable[[ConvertSettings], bool]


@dataclass(frozen=True, slots=True)
class _Needs:
    """When settings do something, and that in words."""

    test: Test
    words: str


_MASKED = _Needs(lambda how: how.converter == "masked", "with -c masked")
_ADJUST = _Needs(lambda how: how.converter == "adjust", "with -c adjust")
_MATCHING = _Needs(
    lambda how: (
        how.avg_color_adjust if how.converter == "adjust" else how.colour != "none" or how.match_histogram
    ),
    "where colours are matched",
)
_SHARPENED = _Needs(lambda how: how.sharpen != "none", "with a --sharpen other than none")
_PICTURES = _Needs(lambda how: bool(how.filter or how.nfilter), "with -f or -n")

NEEDS: Mapping[str, _Needs] = {
    "mask_type": _MASKED,
    "erosion": _MASKED,
    "blur_size": _MASKED,
    "colour": _MASKED,
    "match_histogram": _MASKED,
    "smooth_mask": _ADJUST,
    "avg_color_adjust": _ADJUST,
    "colour_space": _MATCHING,
    "sharpen_amount": _SHARPENED,
    "ref_threshold": _PICTURES,
}
"""Of each setting that is not always of use: what it needs."""


def refuse_unused(settings: ConvertSettings, *, clip: bool) -> None:
    """Raise ``SettingsError`` for a setting that is not at its default and does nothing. ``clip``: a clip is
    written, and not a folder of images."""
    for name in _changed(settings):
        needs = NEEDS.get(name)
        if needs is not None and not needs.test(settings):
            raise SettingsError(f"{_option(name)} does something only {needs.words}; leave it away")
    if settings.mask_type == settings.occlusion == "learned":
        raise SettingsError(
            "-M learned leaves out what is before the face already; leave --occlusion learned away"
        )
    if clip and settings.image_format != ConvertSettings().image_format:
        raise SettingsError("--image-format is for a folder of images, and -o names a clip; leave it away")
    if not clip and _changed(settings.video):
        option = _option(_changed(settings.video)[0])
        raise SettingsError(f"{option} is for clips, and -o names a folder; add a suffix such as .mp4 to it")


def _changed(settings: Any) -> list[str]:
    """Names of fields that are not at their default."""
    default = type(settings)()
    return [
        field.name
        for field in fields(settings)
        if getattr(settings, field.name) != getattr(default, field.name)
    ]


def _option(name: str) -> str:
    """What a field that is not at its default was given by."""
    flag = name.replace("_", "-")
    return f"--no-{flag}" if getattr(ConvertSettings(), name, None) is True else f"--{flag}"
