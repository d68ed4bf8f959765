"""Colour spaces of a show, by OpenColorIO (the extra ``plates``): from the space of the footage to linear
light with the primaries of Rec. 709, and back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from facedouble.errors import InputError, SettingsError
from facedouble.printable import printable
from facedouble.settings.reading import Reading
from facedouble.types import FloatArray
from facedouble.video.display_coding import Coding

BUILT_IN = "ocio://"
_DEFAULT = "ocio://default"
_LIGHT = "Linear Rec.709 (sRGB)"
_NAMED = 12
_MAX_CONFIG = 64 << 20  # bytes
_GREYS = (0.02, 0.1, 0.18, 0.5, 0.9)
_EXACT = 0.01


@dataclass(frozen=True, slots=True)
class OcioCoding:
    """Values in the colour space ``space`` of a configuration: a file, or the name of a built-in one."""

    config: str
    space: str

    def to_light(self, coded: FloatArray) -> FloatArray:
        return _applied(_processors(self.config, self.space)[0], coded)

    def from_light(self, light: FloatArray) -> FloatArray:
        return _applied(_processors(self.config, self.space)[1], light)


def managed_coding(reading: Reading | None) -> Coding | None:
    """The coding of the colour space that ``reading`` names; ``None`` if it names none.

    The configuration is that of ``reading``, else that of the variable OCIO, as in other programs, else
    OpenColorIO's own. Raises ``SettingsError`` for a space that it does not have or that cannot be undone,
    ``InputError`` for a configuration that cannot be read.
    """
    if reading is None or reading.input_colourspace is None:
        return None
    if find_spec("PyOpenColorIO") is None:
        raise SettingsError(
            "reading.input_colourspace",
            reading.input_colourspace,
            "needs OpenColorIO: pip install 'facedouble[plates]'",
        )
    coding = OcioCoding(config_name(reading), reading.input_colourspace)
    greys = np.array([[grey] * 3 for grey in _GREYS], dtype=np.float32)
    again = coding.from_light(coding.to_light(greys))
    if not (np.abs(again - greys) <= _EXACT).all():
        raise SettingsError(
            "reading.input_colourspace", coding.space, "colours cannot be brought back to this space exactly"
        )
    return coding


def config_name(reading: Reading) -> str:
    """The configuration that counts: its file, or the name of a built-in one."""
    named = reading.ocio_config or os.environ.get("OCIO") or _DEFAULT
    return named if named.startswith(BUILT_IN) else os.fspath(Path(named).absolute())


def colour_fingerprint(reading: Reading) -> str | None:
    """What of colour management determines a result: the space and all of its configuration, look-up tables
    included."""
    if reading.input_colourspace is None:
        return None
    return f"{reading.input_colourspace} {_config(config_name(reading)).getCacheID()}"


@lru_cache(maxsize=8)
def _config(name: str) -> Any:
    import PyOpenColorIO as ocio  # noqa: N813  (as all its programs name it)

    if not name.startswith(BUILT_IN):
        try:
            if Path(name).stat().st_size > _MAX_CONFIG:
                raise InputError(f"{name}: too large for an OpenColorIO configuration")
        except OSError as error:
            raise InputError(f"{name}: cannot be read ({error.strerror})") from error
    try:
        config = ocio.Config.CreateFromFile(name)
        config.validate()
    except (ocio.Exception, UnicodeDecodeError) as error:
        raise InputError(f"{name}: not a usable OpenColorIO configuration ({_reason(error)})") from error
    return config


@lru_cache(maxsize=8)
def _processors(name: str, space: str) -> tuple[Any, Any]:
    """To light, and back."""
    import PyOpenColorIO as ocio  # noqa: N813

    config = _config(name)
    found = config.getColorSpace(space)
    if found is None or found.isData():
        known = [own.getName() for own in config.getColorSpaces() if not own.isData()]
        listed = ", ".join(printable(own) for own in known[:_NAMED])
        more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
        raise SettingsError(
            "reading.input_colourspace", space, f"is no colour space of {name}; it has {listed}{more}"
        )
    light = _config(_DEFAULT)
    try:
        return (
            ocio.Config.GetProcessorFromConfigs(config, space, light, _LIGHT).getDefaultCPUProcessor(),
            ocio.Config.GetProcessorFromConfigs(light, _LIGHT, config, space).getDefaultCPUProcessor(),
        )
    except ocio.Exception as error:
        raise InputError(
            f"{name}: its space {printable(space)} cannot be related to others ({_reason(error)})"
        ) from error


def _applied(processor: Any, colours: FloatArray) -> FloatArray:
    copy = np.ascontiguousarray(colours, dtype=np.float32).reshape(-1, 3).copy()
    if len(copy):
        processor.applyRGB(copy)
    return copy.reshape(colours.shape)


def _reason(error: Exception) -> str:
    return printable(" ".join(str(error).split()))[:200]
