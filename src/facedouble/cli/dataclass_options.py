"""Command line options made from the settings dataclasses, so that those stay the only schema.

A command function has a parameter annotated with a settings dataclass. The decorator
:func:`with_settings` shows Typer one option per field in its place, and hands the command the
settings built from them.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """``command``, its settings parameters replaced by options; for use under ``app.command()``.

    A field that is true by default becomes ``--name/--no-name``, one that is false ``--name``.
    Raises ``TypeError`` at import when two options would have one name.
    """
    signature = inspect.signature(command, eval_str=True)
    kinds: dict[str, type[Any]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if is_settings(parameter.annotation):
            kinds[parameter.name] = parameter.annotation
            parameters.extend(options(parameter.annotation))
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    _refuse_twins(parameters)

    @functools.wraps(command)
    def run(**values: Any) -> None:
        built = {name: settings_from(kind, values) for name, kind in kinds.items()}
        others = {name: value for name, value in values.items() if name in signature.parameters}
        command(**others, **built)

    # What Typer reads; the function itself takes any keyword.
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def options(kind: type[Any]) -> list[inspect.Parameter]:
    """One keyword parameter per field of the settings dataclass ``kind``, nested ones included.

    Raises ``TypeError`` for a type of field that has no counterpart on the command line.
    """
    hints = typing.get_type_hints(kind)
    parameters = []
    for entry in fields(kind):
        hint = hints[entry.name]
        if is_settings(hint):
            parameters.extend(options(hint))
        else:
            parameters.append(_parameter(entry, hint))
    return parameters


def settings_from(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """The settings of dataclass ``kind`` with the option values that belong to it."""
    hints = typing.get_type_hints(kind)
    arguments: dict[str, Any] = {}
    for entry in fields(kind):
        hint = hints[entry.name]
        if is_settings(hint):
            arguments[entry.name] = settings_from(hint, values)
        elif typing.get_origin(hint) is tuple:
            arguments[entry.name] = tuple(values[entry.name] or ())
        else:
            arguments[entry.name] = values[entry.name]
    return kind(**arguments)


def is_settings(hint: Any) -> bool:
    """Whether ``hint`` is a dataclass (and not an instance of one)."""
    return isinstance(hint, type) and is_dataclass(hint)


def _parameter(entry: Field[Any], hint: Any) -> inspect.Parameter:
    metadata = entry.metadata
    shown, default = _as_typer_has_it(entry, hint)
    name = metadata.get("flag") or entry.name.replace("_", "-")
    names = [f"--{name}/--no-{name}" if hint is bool and default else f"--{name}"]
    if metadata.get("short"):
        names.append(metadata["short"])
    option = typer.Option(
        *names,
        help=metadata.get("help"),
        min=metadata.get("min"),
        max=metadata.get("max"),
        metavar=_metavar(hint),
        show_default=default is not False,
    )
    return inspect.Parameter(
        entry.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[shown, option]
    )


def _as_typer_has_it(entry: Field[Any], hint: Any) -> tuple[Any, Any]:
    """Type and default of a field as Typer takes them: a tuple of any length is a list there."""
    default = entry.default_factory() if entry.default_factory is not MISSING else entry.default
    if default is MISSING:
        raise TypeError(f"setting {entry.name!r} needs a default")
    if typing.get_origin(hint) is tuple:
        element, *rest = typing.get_args(hint)
        if rest != [...]:
            raise TypeError(f"setting {entry.name!r}: only tuples of any length have an option")
        return types.GenericAlias(list, element), list(default)
    return hint, default


def _metavar(hint: Any) -> str | None:
    """The word that stands for the value in the help: of a union or tuple, that of its element."""
    kinds = typing.get_args(hint) or (hint,)
    return {int: "NUMBER", float: "NUMBER", str: "NAME", Path: "PATH"}.get(kinds[0])


def _refuse_twins(parameters: list[inspect.Parameter]) -> None:
    seen: set[str] = set()
    for parameter in parameters:
        for name in {parameter.name, *_declared(parameter)}:
            if name in seen:
                raise TypeError(f"two options are called {name!r}")
            seen.add(name)


def _declared(parameter: inspect.Parameter) -> list[str]:
    """Option names that a parameter declares (``-s``, ``--size``)."""
    names: list[str] = []
    for extra in getattr(parameter.annotation, "__metadata__", ()):
        for name in getattr(extra, "param_decls", None) or ():
            names.extend(name.split("/"))
        if isinstance(getattr(extra, "default", None), str):  # Typer keeps the first name there
            names.extend(extra.default.split("/"))
    return names
