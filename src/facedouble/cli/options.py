"""Command line options made from a settings tree, so that the tree stays the only schema.

A command is a function of one settings object. :func:`with_settings` gives Typer one option for each plain
value in the tree, adds up what a ``--config`` file, options and ``--set`` say (later ones win), and hands the
command the settings. It also puts option names into messages, which below the command line name fields.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from facedouble.cli.paths import path_or_address, some_path
from facedouble.cli.wording import in_words, speak_for
from facedouble.errors import FacedoubleError, SettingsError
from facedouble.settings import files
from facedouble.settings.base import Settings
from facedouble.settings.options import fitting, place
from facedouble.settings.schema import option_of
from facedouble.settings.tree import Leaf, default_kind, leaves, limits_in_words, overlay

_CONFIG, _SAVE, _SET = "config_", "save_config_", "set_"


class UsageError(TyperException):
    """An option that is missing, or has a value that it cannot have."""

    exit_code = 2


@dataclass(frozen=True)
class _Option:
    """One option, for one or several leaves that share its name, in alternatives of which one can be chosen.
    ``value`` is what a flag stands for."""

    key: str
    leaves: tuple[Leaf, ...]
    parameter: inspect.Parameter
    value: Any = None


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """``command``, a function of a settings object, as a function of options, for Typer. What else the
    function takes stays as it is.

    Raises ``TypeError`` when two options would have one name.
    """
    signature = inspect.signature(command, eval_str=True)
    taken, *others = signature.parameters.values()
    kind = taken.annotation
    made = make_options(kind)
    others = [other.replace(kind=inspect.Parameter.KEYWORD_ONLY) for other in others]
    parameters = [*(option.parameter for option in made), *_for_files(), *others]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        speak_for(kind)
        settings = gather(kind, made, values)
        if values[_SAVE] is not None:
            files.save(values[_SAVE], command.__name__, settings)
        try:
            command(settings, **{other.name: values[other.name] for other in others})
        except FacedoubleError as error:
            error.args = (in_words(str(error)),)
            raise

    # What Typer reads; the function itself takes any keyword.
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def gather(kind: type[Settings], made: list[_Option], values: Mapping[str, Any]) -> Settings:
    """The settings that file, options and ``--set`` add up to.

    Raises ``SettingsError`` that says where the value came from, ``InputError`` for a file that cannot be
    read, ``UsageError`` for an option that is missing or has a value that it cannot have.
    """
    config: Path | None = values[_CONFIG]
    stored = {} if config is None else files.load(config)
    given: dict[str, Any] = {}
    try:
        for option in sorted(made, key=lambda option: option.leaves[0].path[-1] != "kind"):
            value = values[option.key]
            if value is None or (value is False and option.value is not None) or value == []:
                continue
            leaf = fitting(kind, option.leaves, overlay(kind, stored, given))
            place(given, leaf, _plain(option.value if option.value is not None else value))
        for text in values[_SET] or ():
            given = overlay(kind, given, files.parse_assignment(text))
        return kind.read(overlay(kind, stored, given))
    except SettingsError as error:
        if config is not None and _is_in(stored, error.field) and not _is_in(given, error.field):
            raise SettingsError(f"{config}: {error}") from error
        error.args = (in_words(str(error)),)
        if error.problem.startswith("must be") or (error.problem == "is missing" and "." not in error.field):
            raise UsageError(str(error)) from error
        raise


def _plain(value: Any) -> Any:
    """A value as files have it."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _is_in(values: Any, path: str) -> bool:
    for name in path.split("."):
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return True


# -- what Typer is given ----------------------------------------------------------------------------------


def make_options(kind: type[Settings]) -> list[_Option]:
    """The options of a settings class: arguments first, then what must be given, then the others."""
    groups: dict[str, list[Leaf]] = {}
    made: list[_Option] = []
    for leaf in leaves(kind):
        if not leaf.hidden:
            groups.setdefault(option_of(leaf), []).append(leaf)
        flags: dict[Any, list[str]] = {}
        for name, value in leaf.flags:
            flags.setdefault(value, []).append(name)
        for value, names in flags.items():
            key = f"{'__'.join(leaf.path)}__{value}"
            flag = typer.Option(*names, help=_flag_help(leaf, value), show_default=False)
            made.append(_Option(key, (leaf,), _made(key, Annotated[bool, flag], False), value))
    for found in groups.values():
        made.append(_Option("__".join(found[0].path), tuple(found), _parameter(kind, found)))
    _refuse_twins([option.parameter for option in made])
    order = {leaf.name: place for place, leaf in enumerate(leaves(kind))}
    return sorted(made, key=lambda option: (_rank(option.leaves[0]), order[option.leaves[0].name]))


def _rank(leaf: Leaf) -> int:
    if leaf.argument:
        return 0
    return 1 if leaf.required and len(leaf.path) == 1 else 2


def _flag_help(leaf: Leaf, value: Any) -> str:
    if leaf.hidden:
        return f"{leaf.help}" if len(leaf.flags) == 1 else f"{dict(leaf.choices)[value]}"
    return f"the same as {option_of(leaf)} {value}"


def _parameter(kind: type[Settings], found: list[Leaf]) -> inspect.Parameter:
    leaf = found[0]
    name = "__".join(leaf.path)
    metavar = leaf.option if leaf.argument else _metavar(leaf)
    parser = path_or_address if leaf.type is Path else None
    held: Any = list[leaf.type] if leaf.many else leaf.type  # type: ignore[name-defined]
    if leaf.argument:
        argument = typer.Argument(metavar=metavar, help=leaf.help, show_default=False, parser=parser)
        return _made(name, Annotated[held | None, argument], None)
    first = option_of(leaf)
    names = [f"{first}/--no-{leaf.option}" if leaf.type is bool and leaf.default else first]
    if leaf.short:
        names.append(leaf.short)
    option = typer.Option(*names, help=_help(kind, found), metavar=metavar, show_default=False, parser=parser)
    return _made(name, Annotated[held | None, option], None)


def _made(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _help(kind: type[Settings], found: list[Leaf]) -> str:
    leaf = found[0]
    text = leaf.help
    if leaf.choices and any(summary for _, summary in leaf.choices):
        text += ": " + ", ".join(f"{name} ({summary})" if summary else name for name, summary in leaf.choices)
    if len(found) == 1 and leaf.when and leaf.when[0][0] == ("converter",):
        text += f"; for --converter {' or '.join(leaf.when[0][1])}"
    notes = ["required"] if leaf.required and len(leaf.path) == 1 else []
    if default := _default(kind, leaf):
        notes.append(f"default: {default}")
    if (limits := limits_in_words(leaf.info)) and leaf.type in (int, float):
        notes.append(limits)
    return text + (f"  [{'; '.join(notes)}]" if notes else "")


def _default(kind: type[Settings], leaf: Leaf) -> str:
    value = leaf.default
    if value is None and leaf.path[-1] == "kind":
        value = default_kind(kind, leaf.path[:-1])
    if leaf.path[0] == "recipe":
        return "the model's own"
    if value is None or value is False or value in ((), ""):
        return ""
    return "yes" if value is True else f"{value:g}" if isinstance(value, float) else str(value)


def _metavar(leaf: Leaf) -> str | None:
    """What stands for the value in the help."""
    return {int: "NUMBER", float: "NUMBER", str: "NAME", Path: "PATH"}.get(leaf.type)


def _for_files() -> Iterator[inspect.Parameter]:
    text = "take settings from this file (YAML); options win"
    config = typer.Option("--config", metavar="FILE", help=text, parser=some_path)
    yield _made(_CONFIG, Annotated[Path | None, config], None)
    text = "write all settings of this run for --config"
    save = typer.Option("--save-config", metavar="FILE", help=text, parser=some_path)
    yield _made(_SAVE, Annotated[Path | None, save], None)
    text = "any setting by its field, such as compute.device=cpu; repeatable"
    each = typer.Option("--set", metavar="FIELD=VALUE", help=text)
    yield _made(_SET, Annotated[list[str] | None, each], None)


def _refuse_twins(parameters: list[inspect.Parameter]) -> None:
    seen: set[str] = {"--config", "--save-config", "--set"}
    for parameter in parameters:
        for name in _declared(parameter):
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
