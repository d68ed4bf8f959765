"""Exceptions that a user can act on. The command line prints their text as its one line.

Below the front ends no text names a command line option. Where a message has to refer to a setting it does so
through :func:`setting`, which writes the field's path between backticks; a front end turns that into its own
name for it with :func:`render` (the command line into ``--batch-size``).
"""

from __future__ import annotations

import re
from collections.abc import Callable

UNSET = object()
"""Stands for "no value in particular"."""

_REFERENCE = re.compile(r"`([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)(?:=([^`]*))?`")


def setting(path: str, value: object = UNSET) -> str:
    """How a message refers to the setting at ``path`` (``compute.device``), or to a ``value`` of it."""
    return f"`{path}`" if value is UNSET else f"`{path}={value}`"


def render(text: str, name: Callable[[str, str | None], str | None]) -> str:
    """``text`` with its references to settings as a front end calls them.

    ``name`` gets the field's path and the value, or ``None`` without one, and returns what to show; ``None``
    leaves the reference as it is.
    """

    def shown(match: re.Match[str]) -> str:
        found = name(match[1], match[2])
        return match[0] if found is None else found

    return _REFERENCE.sub(shown, text)


class FacedoubleError(Exception):
    """Base of every error the program raises on purpose. The text says what to do."""


class InputError(FacedoubleError):
    """What was given cannot be read or used: a missing file, a damaged clip, a wrong folder."""


class OutputError(FacedoubleError):
    """The result cannot be written: no permission, no space, a name that is taken."""


class FullError(OutputError):
    """There is no room for the result: the disk is full, a quota used up, or a file may not grow further."""


class BusyError(OutputError):
    """Another run is writing the same output."""


class SettingsError(FacedoubleError):
    """A setting that is unknown, of the wrong type, out of range, or in contradiction to another.

    ``field`` is its path in the settings tree (``mask.kind``), ``value`` what it was given (:data:`UNSET` if
    that does not matter), ``problem`` what is wrong with it.
    """

    def __init__(self, field: str, value: object = UNSET, problem: str = "") -> None:
        if not problem:  # a message of its own
            field, problem = "", field
        self.field, self.value, self.problem = field, value, problem
        super().__init__(f"{setting(field, value)}: {problem}" if field else problem)


class ModelError(FacedoubleError):
    """A model folder that is damaged, of another kind, or missing."""


class AssetError(FacedoubleError):
    """A file the program needs (weights, demonstration clips) is missing or is not the right one."""


class ProcessError(FacedoubleError):
    """A helper process ended before its work was done."""


class ConversionError(FacedoubleError):
    """A frame cannot be converted."""


class TrainingError(FacedoubleError):
    """Training cannot start or continue: too few faces, losses that are no longer finite."""
