"""Exceptions that a user can act on. The command line prints their text as its one line."""

from __future__ import annotations


class FacedoubleError(Exception):
    """Base of every error the program raises on purpose. The text says what to do."""


class InputError(FacedoubleError):
    """What was given cannot be read or used: a missing file, a damaged clip, a wrong folder."""


class OutputError(FacedoubleError):
    """The result cannot be written: no rights, no room, a name that is taken."""


class SettingsError(FacedoubleError):
    """Settings that contradict each other or are out of range."""


class ModelError(FacedoubleError):
    """A model folder that is damaged, of another kind, or missing."""


class AssetError(FacedoubleError):
    """A file the program needs (weights, demonstration clips) is not there or is not the right one."""


class ProcessError(FacedoubleError):
    """A process that was started to help has ended before its work was done."""


class ConversionError(FacedoubleError):
    """A frame cannot be converted."""


class TrainingError(FacedoubleError):
    """Training cannot start or go on: too few faces, losses that are no longer finite."""
