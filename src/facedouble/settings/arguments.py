"""From settings back to a command line, for people to read, copy and change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from facedouble.settings.base import Settings
from facedouble.settings.schema import option_of
from facedouble.settings.tree import Leaf, leaves


def arguments_of(settings: type[Settings], values: Mapping[str, Any]) -> list[str]:
    """The arguments by which the command of ``settings`` gets these plain ``values``, and no others.

    The short form of an option is used where that is what people type: of inputs and outputs. What has no
    option of its own is given by ``--set``.
    """
    known: dict[tuple[str, ...], Leaf] = {}
    for leaf in leaves(settings):
        known.setdefault(leaf.path, leaf)
    return [part for path, value in _flat(values) for part in _argument(path, value, known.get(path))]


def _flat(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, (*above, name))
        elif value is not None:
            yield (*above, name), value


def _argument(path: tuple[str, ...], value: Any, leaf: Leaf | None) -> Iterator[str]:
    if leaf is None or (leaf.hidden and not _flag(leaf, value)):
        yield from ("--set", f"{'.'.join(path)}={json.dumps(value, ensure_ascii=False)}")
    elif flag := _flag(leaf, value):
        yield flag
    elif leaf.argument:
        yield from map(str, value if leaf.many else (value,))
    elif leaf.type is bool:
        if value or leaf.default:
            yield option_of(leaf) if value else f"--no-{leaf.option}"
    else:
        option = leaf.short if leaf.type is Path and leaf.short else option_of(leaf)
        for one in value if isinstance(value, list | tuple) else (value,):
            yield from (option, str(one))


def _flag(leaf: Leaf, value: Any) -> str | None:
    """The flag that stands for ``value`` where no option does."""
    flags = [name for name, meant in leaf.flags if meant == value]
    return flags[-1] if leaf.hidden and flags else None
