"""Paths on the command line."""

from __future__ import annotations

from pathlib import Path

import typer

from facedouble.stores import is_address, some_source


def some_path(text: str) -> Path:
    """The path that an argument names, for ``parser`` of Typer.

    An empty one, as a shell's unset variable gives it, would stand for the folder that the program runs in.
    """
    if is_address(text):
        raise typer.BadParameter("only the clip that is worked on can be in an object store")
    return path_or_address(text)


def path_or_address(text: str) -> Path:
    """The same for a setting, which itself says whether it may be in an object store."""
    if not text:
        raise typer.BadParameter("the path is empty")
    try:
        return some_source(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
