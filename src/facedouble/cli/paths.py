"""Paths on the command line."""

from __future__ import annotations

from pathlib import Path

import typer


def some_path(text: str) -> Path:
    """The path that an argument names, for ``parser`` of Typer.

    An empty one, as a shell's unset variable gives it, would stand for the folder that the program runs in.
    """
    if not text:
        raise typer.BadParameter("the path is empty")
    return Path(text)
