"""Paths among the settings of a conversion: mattes, pictures of people, consent records, certificates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from facedouble.settings.convert import ConvertSettings
from facedouble.settings.tree import leaves


def paths_in(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The name and text of each path in plain values of ``ConvertSettings``."""
    for names in _path_fields():
        node: Any = values
        for name in names:
            node = node.get(name) if isinstance(node, Mapping) else None
        for text in node if isinstance(node, list) else [node]:
            if isinstance(text, str):
                yield ".".join(names), text


def placed_paths(settings: ConvertSettings, folder: Path) -> ConvertSettings:
    """``settings`` with paths that are relative to the project made whole."""
    values = settings.dump()
    for names in _path_fields():
        node: Any = values
        for name in names[:-1]:
            node = node.get(name) if isinstance(node, dict) else None
        if not isinstance(node, dict) or not node.get(names[-1]):
            continue
        found = node[names[-1]]
        node[names[-1]] = (
            [str(folder / text) for text in found] if isinstance(found, list) else str(folder / found)
        )
    return ConvertSettings.read(values)


def _path_fields() -> list[tuple[str, ...]]:
    return list(dict.fromkeys(leaf.path for leaf in leaves(ConvertSettings) if leaf.type is Path))
