"""What else is made of a settings tree: JSON Schema for web forms, tables for the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from facedouble.settings.base import Settings
from facedouble.settings.registry import COMMANDS
from facedouble.settings.tree import Leaf, default_kind, entry_class, leaves, limits_in_words


def json_schema(command: str) -> dict[str, Any]:
    """The settings of a command as a JSON Schema (draft 2020-12).

    Choices are enums with a title and a description each, alternatives ``oneOf`` with their ``kind``. Every
    field has its ``description``, limits, and under ``x-facedouble`` its unit and what the command line calls
    it. Raises ``SettingsError`` for an unknown command.
    """
    settings = COMMANDS[command]
    schema = settings.model_json_schema()
    _tidy(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _tidy(node: Any) -> None:
    """A default of ``null`` where null is not allowed means that the program chooses."""
    if isinstance(node, list):
        for one in node:
            _tidy(one)
    elif isinstance(node, dict):
        if node.get("default", 0) is None and {"type": "null"} not in node.get("anyOf", []):
            del node["default"]
        for one in node.values():
            _tidy(one)


def option_of(leaf: Leaf) -> str:
    """A leaf's long option (``--batch-size``, ``-A``); the argument's name; or the ``--set`` for it."""
    if leaf.argument:
        return leaf.option
    if leaf.hidden:
        return f"--set {leaf.name}"
    return f"-{leaf.option}" if len(leaf.option) == 1 and leaf.option.isupper() else f"--{leaf.option}"


def option_names(settings: type[Settings], path: str, value: str | None = None) -> str | None:
    """What the command line calls the setting at ``path`` of a command, or its ``value``; ``None`` for a path
    that is not there. The end of a path is enough where no other has the same end."""
    every = [leaf for leaf in leaves(settings) if leaf.name == path]
    every = every or [leaf for leaf in leaves(settings) if leaf.name == f"{path}.kind"]
    if not every:
        every = [leaf for leaf in leaves(settings) if leaf.name.endswith((f".{path}", f".{path}.kind"))]
    if len({option_of(leaf) for leaf in every}) != 1:
        return None
    leaf = every[0]
    if value is not None:
        for flag, meant in leaf.flags:
            if str(meant) == value and flag.startswith("--"):
                return flag
        if leaf.hidden and leaf.path[-1] == "kind":
            return f"'{value}'"
        if leaf.type is bool:
            return f"--no-{leaf.option}" if value in ("False", "false") else option_of(leaf)
        joint = "=" if leaf.hidden else " "
        return f"{option_of(leaf)}{joint}{value}"
    if leaf.hidden and leaf.flags:
        return leaf.flags[-1][0]
    return option_of(leaf)


def options_table(command: str) -> str:
    """A markdown table of a command's settings: option, field, default, what it does."""
    settings = COMMANDS[command]
    rows = ["| option | in a file | default | |", "|---|---|---|---|"]
    for leaf in leaves(settings):
        if leaf.hidden and leaf.name.endswith(".kind") and not leaf.flags:
            continue
        rows.append(f"| {_names(leaf)} | `{leaf.name}` | {_default(settings, leaf)} | {_text(leaf)} |")
    for name, info in settings.model_fields.items():
        entry = entry_class(info.annotation)
        if entry is not None:
            fields = ", ".join(f"`{one}`" for one in entry.model_fields)
            rows.append(
                f"| `--set` | `{name}` | | {info.description}; a list of groups, each with {fields} |"
            )
    return "\n".join(rows) + "\n"


def _names(leaf: Leaf) -> str:
    names = [f"`{flag}`" for flag, _ in leaf.flags]
    if leaf.hidden:
        return ", ".join(names) or "`--set`"
    first = option_of(leaf)
    if leaf.type is bool and leaf.default:
        first = f"--no-{leaf.option}"
    return ", ".join([f"`{first}`", *([f"`{leaf.short}`"] if leaf.short else []), *names])


def _default(settings: type[Settings], leaf: Leaf) -> str:
    if leaf.required:
        return "required" if not leaf.when else ""
    value = leaf.default
    if value is None and leaf.path[-1] == "kind":
        value = default_kind(settings, leaf.path[:-1])
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"`{value}`" if value != "" else ""


def _text(leaf: Leaf) -> str:
    return "; ".join(_parts(leaf)).replace("|", "\\|")


def _parts(leaf: Leaf) -> Iterator[str]:
    yield leaf.help
    if leaf.choices and any(summary for _, summary in leaf.choices):
        yield ", ".join(f"`{name}` ({summary})" if summary else f"`{name}`" for name, summary in leaf.choices)
    elif leaf.choices:
        yield ", ".join(f"`{name}`" for name, _ in leaf.choices)
    limits = limits_in_words(leaf.info)
    if limits or leaf.unit:
        yield " ".join(part for part in (limits, leaf.unit) if part)
    for path, names in leaf.when:
        yield f"for `{'.'.join(path)}` {' or '.join(names)}"
