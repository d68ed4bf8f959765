"""What there is in a tree of settings: the walk that command line, documentation and errors share."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from facedouble.settings.base import Choice, FromRegistry, OneOf, Settings


def alternatives(annotation: Any) -> tuple[type[Settings], ...]:
    """The settings classes that a field's type allows: none for a plain value, several for a union."""
    if typing.get_origin(annotation) is typing.Annotated:
        return alternatives(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(one for member in typing.get_args(annotation) for one in alternatives(member))
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return (annotation,)
    return ()


def entry_class(annotation: Any) -> type[Settings] | None:
    """The settings class of the entries of a field that holds a list of groups; ``None`` for others."""
    if typing.get_origin(annotation) is typing.Annotated:
        return entry_class(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) is not tuple:
        return None
    found = alternatives(typing.get_args(annotation)[0])
    return found[0] if found else None


def kinds(settings: type[Settings]) -> tuple[str, ...]:
    """The values that the ``kind`` of a settings class can have; none if it has no kind."""
    if "kind" not in settings.model_fields:
        return ()
    return tuple(choices(settings.model_fields["kind"]))


def choices(info: FieldInfo) -> dict[str, str]:
    """The values to choose from with what each does, where a field is a choice; else nothing."""
    parts = (info.annotation, *typing.get_args(info.annotation))
    for extra in (*info.metadata, *(one for part in parts for one in getattr(part, "__metadata__", ()))):
        if isinstance(extra, Choice):
            summaries = extra.registry.summaries()
            return {name: summaries[name] for name in extra.names}
    for part in parts:
        if typing.get_origin(part) is Literal:
            return dict.fromkeys(typing.get_args(part), "")
    return {}


@dataclass(frozen=True)
class Leaf:
    """A plain value in a tree.

    ``path`` leads to it; ``info`` is its field; ``type`` is bool, int, float, str or Path, of its elements if
    there are ``many``. ``default`` is ``None`` if there is none, ``required`` if there must be a value.
    ``help``, ``option``, ``short``, ``unit``, ``argument``, ``flags`` are those of :func:`.base.field`;
    ``hidden`` if there is no option, or none that takes a value.
    ``when`` lists the alternatives that it is part of: the path of the union and the kinds that have it.
    """

    path: tuple[str, ...]
    info: FieldInfo
    type: type[Any]
    many: bool
    default: Any
    required: bool
    help: str
    option: str
    short: str = ""
    unit: str = ""
    argument: bool = False
    flags: tuple[tuple[str, Any], ...] = ()
    hidden: bool = False
    when: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def limits(self) -> tuple[float | None, float | None, float | None]:
        """The least value, the greatest, and the one that it must be above."""
        return _limits(self.info)


def _limits(info: FieldInfo) -> tuple[float | None, float | None, float | None]:
    least = greatest = above = None
    for extra in info.metadata:
        if isinstance(extra, Ge):
            least = typing.cast(float, extra.ge)
        elif isinstance(extra, Le):
            greatest = typing.cast(float, extra.le)
        elif isinstance(extra, Gt):
            above = typing.cast(float, extra.gt)
    return least, greatest, above


def limits_in_words(info: FieldInfo) -> str:
    """``0 or more``, ``from 0 to 5``, ``more than 0``; empty where there is no limit."""
    least, greatest, above = _limits(info)
    if above is not None:
        return f"more than {above:g}" + (f" and at most {greatest:g}" if greatest is not None else "")
    if least is not None and greatest is not None:
        return f"from {least:g} to {greatest:g}"
    if least is not None:
        return f"{least:g} or more"
    return "" if greatest is None else f"at most {greatest:g}"


@lru_cache(maxsize=64)
def leaves(settings: type[Settings]) -> tuple[Leaf, ...]:
    """All plain values of a settings class, nested ones included, in their order; not those in lists of
    groups, which have no options."""
    return tuple(_walk(settings, (), None, hidden=False))


def _walk(
    settings: type[Settings], path: tuple[str, ...], parent: FieldInfo | None, *, hidden: bool
) -> Iterator[Leaf]:
    for name, info in settings.model_fields.items():
        if entry_class(info.annotation) is not None:
            continue
        inner = alternatives(info.annotation)
        if not inner:
            yield _leaf((*path, name), info, parent if name == "kind" else None, hidden=hidden)
            continue
        below = hidden or _extra(info).get("hidden", False)
        for number, member in enumerate(inner):
            when = (((*path, name), kinds(member)),) if len(inner) > 1 else ()
            for leaf in _walk(member, (*path, name), info, hidden=below):
                if leaf.path == (*path, name, "kind") and len(inner) > 1:
                    if number == 0:  # the kind of a union is chosen once, among those of all its members
                        yield _kind_of(leaf, info, inner)
                    continue
                yield replace(leaf, when=when + leaf.when)


def _leaf(path: tuple[str, ...], info: FieldInfo, parent: FieldInfo | None, *, hidden: bool) -> Leaf:
    """``parent`` is the field whose kind this is: how it is chosen is said there."""
    told = parent if parent is not None else info
    extra = _extra(told)
    option = extra.get("option", "")
    kind, many = _plain(info.annotation)
    default = info.get_default(call_default_factory=True)
    options = choices(info)
    if parent is not None:
        if isinstance(parent.default, Settings):
            default = getattr(parent.default, "kind", default)
        for lazy in parent.metadata:
            if isinstance(lazy, FromRegistry):
                default, options = lazy.default, lazy.registry.summaries()
    name = path[-2] if parent is not None else path[-1]
    return Leaf(
        path=path,
        info=info,
        type=kind,
        many=many,
        default=None if default is PydanticUndefined else default,
        required=default is PydanticUndefined,
        help=told.description or "",
        option="" if option == "-" else option or name.replace("_", "-"),
        short=extra.get("short", ""),
        unit=extra.get("unit", ""),
        argument=extra.get("argument", False),
        flags=tuple(extra.get("flags", {}).items()),
        hidden=option == "-" or (not option and (hidden or extra.get("hidden", False))),
        choices=tuple(options.items()),
    )


def _kind_of(leaf: Leaf, info: FieldInfo, members: tuple[type[Settings], ...]) -> Leaf:
    known = {k: v for member in members for k, v in choices(member.model_fields["kind"]).items()}
    summaries = {kind: known[kind] or _first_line(member) for member in members for kind in kinds(member)}
    default = getattr(info.default, "kind", None)
    return replace(leaf, default=default, required=False, choices=tuple(summaries.items()))


def _first_line(settings: type[Settings]) -> str:
    text = (settings.__doc__ or "").strip().splitlines()[0].rstrip(".")
    return text[:1].lower() + text[1:]


def _extra(info: FieldInfo) -> dict[str, Any]:
    extra = info.json_schema_extra
    found = extra.get("x-facedouble", {}) if isinstance(extra, dict) else {}
    return found if isinstance(found, dict) else {}


def _plain(annotation: Any) -> tuple[type[Any], bool]:
    """The type of a plain value or of its elements, and whether there are several."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _plain(arguments[0])
    if origin is tuple:
        return _plain(arguments[0])[0], True
    if origin is Literal:
        return str, False
    if origin in (typing.Union, types.UnionType):
        return _plain(next(one for one in arguments if one is not types.NoneType))
    if annotation in (bool, int, float, str, Path):
        return annotation, False
    raise TypeError(f"settings cannot hold {annotation}")


def default_kind(settings: type[Settings], path: tuple[str, ...]) -> str | None:
    """The kind that the union at ``path`` has when none is named."""
    owners: tuple[type[Settings], ...] = (settings,)
    info: FieldInfo | None = None
    for name in path:
        info = next(owner.model_fields[name] for owner in owners if name in owner.model_fields)
        owners = alternatives(info.annotation)
    if info is None:
        return None
    named = next((extra.default for extra in info.metadata if isinstance(extra, OneOf | FromRegistry)), "")
    return named or getattr(info.default, "kind", None)


def overlay(settings: type[Settings], below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values ``below`` of a settings class with those ``above`` over them, field by field.

    Where ``above`` chooses another kind of a union, only what that kind has too is kept of what is below.
    """
    result = dict(below)
    for name, value in above.items():
        old, info = result.get(name), settings.model_fields.get(name)
        members = () if info is None else alternatives(info.annotation)
        if not (isinstance(old, Mapping) and isinstance(value, Mapping) and members):
            result[name] = value
            continue
        member = members[0]
        if "kind" in value and value["kind"] != old.get("kind"):
            if len(members) > 1:
                fitting = [one for one in members if value["kind"] in kinds(one)]
                member = fitting[0] if fitting else member
                old = {key: kept for key, kept in old.items() if key in member.model_fields}
            elif info is not None and any(isinstance(extra, FromRegistry) for extra in info.metadata):
                old = {}
        elif len(members) > 1:
            fitting = [one for one in members if old.get("kind") in kinds(one)]
            member = fitting[0] if fitting else member
        result[name] = overlay(member, old, value)
    return result
