"""Settings that would have no effect beside others are rejected: whoever gives one expects it to do
something."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from facedouble.config import ConvertSettings
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


@dataclass(frozen=True, slots=True)
class _Requirement:
    """The condition under which a setting has an effect, and its description for the user."""

    holds: Callable[[ConvertSettings], bool]
    description: str


_MASKED = _Requirement(lambda settings: settings.converter == "masked", "with -c masked")
_ADJUST = _Requirement(lambda settings: settings.converter == "adjust", "with -c adjust")
_COLOURS_MATCHED = _Requirement(
    lambda settings: (
        settings.avg_color_adjust
        if settings.converter == "adjust"
        else settings.colour != "none" or settings.match_histogram
    ),
    "when colours are matched",
)
_SHARPENED = _Requirement(lambda settings: settings.sharpen != "none", "with a --sharpen other than none")
_REFERENCES = _Requirement(lambda settings: bool(settings.filter or settings.nfilter), "with -f or -n")

REQUIREMENTS: Mapping[str, _Requirement] = {
    "mask_type": _MASKED,
    "erosion": _MASKED,
    "blur_size": _MASKED,
    "colour": _MASKED,
    "match_histogram": _MASKED,
    "smooth_mask": _ADJUST,
    "avg_color_adjust": _ADJUST,
    "colour_space": _COLOURS_MATCHED,
    "sharpen_amount": _SHARPENED,
    "ref_threshold": _REFERENCES,
}
"""What each setting that does not always have an effect requires."""


def check_names(settings: ConvertSettings) -> None:
    """Raise ``SettingsError`` for an unknown name, or settings that exclude each other."""
    if settings.converter not in ("masked", "adjust"):
        raise SettingsError(f"no converter {settings.converter!r}; choose one of: masked, adjust")
    MASKS.check(settings.mask_type)
    COLOUR_TRANSFERS.check(settings.colour)
    COLOUR_SPACES.check(settings.colour_space)
    SHARPENERS.check(settings.sharpen)
    BLENDS.check(settings.blend)
    OUTPUT_MODES.check(settings.output_mode)
    OCCLUSIONS.check(settings.occlusion)
    if settings.seamless and settings.blend not in ("alpha", "seamless"):
        raise SettingsError(f"--seamless and --blend {settings.blend} exclude each other")


def reject_ineffective(settings: ConvertSettings, *, clip: bool) -> None:
    """Raise ``SettingsError`` for a setting that differs from its default and has no effect. ``clip``: the
    output is a clip, not a folder of images."""
    for name in _changed(settings):
        requirement = REQUIREMENTS.get(name)
        if requirement is not None and not requirement.holds(settings):
            raise SettingsError(f"{_option(name)} only has an effect {requirement.description}; omit it")
    if settings.mask_type == settings.occlusion == "learned":
        raise SettingsError(
            "-M learned already excludes what is in front of the face; omit --occlusion learned"
        )
    if clip and settings.image_format != ConvertSettings().image_format:
        raise SettingsError("--image-format applies to a folder of images, but -o names a clip; omit it")
    if not clip and _changed(settings.video):
        option = _option(_changed(settings.video)[0])
        raise SettingsError(
            f"{option} applies to clips, but -o names a folder; add a suffix such as .mp4 to it"
        )


def _changed(settings: Any) -> list[str]:
    """Names of the fields that differ from their default."""
    default = type(settings)()
    return [
        field.name
        for field in fields(settings)
        if getattr(settings, field.name) != getattr(default, field.name)
    ]


def _option(name: str) -> str:
    """The option that sets a field to something other than its default."""
    flag = name.replace("_", "-")
    return f"--no-{flag}" if getattr(ConvertSettings(), name, None) is True else f"--{flag}"
