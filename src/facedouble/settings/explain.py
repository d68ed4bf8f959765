"""From what pydantic says of a value that does not fit to one line about a field."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError as PydanticError
from pydantic.fields import FieldInfo

from facedouble.errors import UNSET, SettingsError, setting
from facedouble.settings.base import Settings
from facedouble.settings.tree import alternatives, choices, entry_class, kinds, limits_in_words

_TYPES = {
    "bool": "must be true or false",
    "int": "must be a whole number",
    "float": "must be a number",
    "finite": "must be a finite number",
    "string": "must be text",
    "path": "must be a path",
    "tuple": "must be a list",
    "model": "must be a group of settings",
    "dict": "must be a group of settings",
}


def explained(settings: type[Settings], error: PydanticError) -> SettingsError:
    """The first problem of ``error`` as a ``SettingsError`` with the field's whole path."""
    return _explained(settings, error.errors(include_url=False)[0], ())


def _explained(settings: type[Settings], found: Mapping[str, Any], before: tuple[str, ...]) -> SettingsError:
    path, info, belongs = _follow(settings, found["loc"])
    kind, context, value = found["type"], found.get("ctx", {}), found.get("input", UNSET)
    inner = context.get("error")
    if isinstance(inner, InnerError):
        return _explained(inner.settings, inner.found, (*before, *path))
    if kind == "problem":
        path = (*path, *(part for part in context["path"].split(".") if part))
        if context["path"] or context["value"] is not UNSET:
            value = context["value"]
        text = context["text"]
    elif kind == "missing":
        value, text = UNSET, "is missing"
    elif kind == "extra_forbidden":
        value, text = UNSET, _unknown(settings, path, belongs)
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        path, value = (*path, "kind"), context.get("tag", UNSET)
        known = [] if info is None else [k for m in alternatives(info.annotation) for k in kinds(m)]
        text = f"no such kind; choose one of: {', '.join(known)}"
    elif kind == "literal_error" and info is not None:
        text = f"must be one of: {', '.join(choices(info))}"
    elif kind.startswith(("greater_than", "less_than")) and info is not None:
        text = f"must be {limits_in_words(info)}"
    else:
        text = _TYPES.get(kind.split("_")[0], found["msg"][:1].lower() + found["msg"][1:])
    return SettingsError(".".join((*before, *path)), _short(value), text)


class InnerError(ValueError):
    """Raised by a validator that validated by another class: what was ``found`` wrong, within it."""

    def __init__(self, settings: type[Settings], error: PydanticError) -> None:
        self.settings, self.found = settings, error.errors(include_url=False)[0]
        super().__init__("inner")


def _follow(
    settings: type[Settings], location: tuple[int | str, ...]
) -> tuple[tuple[str, ...], FieldInfo | None, str]:
    """The path to a location, without the kinds that pydantic puts into it; the field there; and for one that
    is unknown, which other kind it belongs to."""
    path: list[str] = []
    owners: tuple[type[Settings], ...] = (settings,)
    siblings: tuple[type[Settings], ...] = ()
    info: FieldInfo | None = None
    for part in location:
        if len(owners) > 1:
            siblings, owners = owners, tuple(one for one in owners if part in kinds(one))
            continue
        owner = owners[0] if owners else None
        entry = None if info is None or not isinstance(part, int) else entry_class(info.annotation)
        if entry is not None:
            path, owners, info = [*path, str(part)], (entry,), None
            continue
        if owner is not None and part in owner.model_fields:
            info, siblings = owner.model_fields[str(part)], ()
            owners = alternatives(info.annotation)
            path.append(str(part))
            continue
        others = [kinds(one)[0] for one in siblings if part in one.model_fields]
        belongs = ""
        if others and owner is not None:
            where = ".".join([*path, "kind"])
            belongs = f"{setting(where, others[0])}, not to {setting(where, kinds(owner)[0])}"
        return (*path, str(part)), info, belongs
    return tuple(path), info, ""


def _unknown(settings: type[Settings], path: tuple[str, ...], belongs: str) -> str:
    if belongs:
        return f"belongs to {belongs}"
    owners: tuple[type[Settings], ...] = (settings,)
    for part in path[:-1]:
        if part.isdigit():  # a place in a list of groups
            continue
        found = [one.model_fields[part] for one in owners if part in one.model_fields]
        entry = entry_class(found[0].annotation) if found else None
        owners = (entry,) if entry is not None else alternatives(found[0].annotation) if found else ()
    near = difflib.get_close_matches(path[-1], [name for one in owners for name in one.model_fields], 1)
    return "there is no such setting" + (f"; is {near[0]} meant?" if near else "")


def _short(value: Any) -> Any:
    """A value as a message can hold it."""
    if value is UNSET or isinstance(value, (bool, int, float)) or value is None:
        return value
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
