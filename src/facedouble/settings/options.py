"""Settings by the names of their options: what the command line does with what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facedouble.errors import SettingsError
from facedouble.settings.base import AnySettings, Settings
from facedouble.settings.tree import Leaf, default_kind, leaves, overlay


def from_options(kind: type[AnySettings], **values: Any) -> AnySettings:
    """Settings by option names with underscores: ``from_options(ConvertSettings, mask_type="rect")``.
    Names that are no option are fields.

    Short to write where single settings are varied. Raises ``SettingsError``.
    """
    return kind.read(by_option(kind, values))


def by_option(kind: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by option name as plain nested values."""
    fields: dict[str, Any] = {}
    given: dict[str, Any] = {}
    found = {name: _found(kind, name) for name in values}
    for name in sorted(values, key=lambda name: not (found[name] and found[name][0].path[-1] == "kind")):
        value = values[name]
        flag = f"--{'' if value is True else 'no-'}{name.replace('_', '-')}"
        flagged = [(leaf, meant) for leaf in leaves(kind) for one, meant in leaf.flags if one == flag]
        if found[name]:
            place(given, fitting(kind, found[name], given), value)
        elif isinstance(value, bool) and flagged:
            place(given, *flagged[0])
        else:
            fields[name] = value
    return overlay(kind, fields, given)


def fitting(kind: type[Settings], found: Sequence[Leaf], values: Mapping[str, Any]) -> Leaf:
    """Of leaves that share an option the one whose alternatives are chosen in plain ``values``; where none
    is, the first, which the tree then refuses."""
    for leaf in found:
        if all((_kind_at(kind, path, values) or kinds[0]) in kinds for path, kinds in leaf.when):
            return leaf
    return found[0]


def place(values: dict[str, Any], leaf: Leaf, value: Any) -> None:
    """Put a value where it belongs in plain ``values``. Raises ``SettingsError`` if another one is there."""
    node = values
    for name in leaf.path[:-1]:
        node = node.setdefault(name, {})
    if node.setdefault(leaf.path[-1], value) != value:
        raise SettingsError(leaf.name, value, f"excludes {node[leaf.path[-1]]}")


def _found(kind: type[Settings], name: str) -> list[Leaf]:
    option = name.replace("_", "-")
    return [leaf for leaf in leaves(kind) if leaf.option == option and not leaf.hidden]


def _kind_at(kind: type[Settings], path: tuple[str, ...], values: Mapping[str, Any]) -> Any:
    node: Any = values
    for name in path:
        node = node.get(name) if isinstance(node, Mapping) else None
    chosen = node.get("kind") if isinstance(node, Mapping) else None
    return chosen or default_kind(kind, path)
