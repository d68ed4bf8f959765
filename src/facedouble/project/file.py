"""Reading and writing ``project.yaml``.

The file is data that people exchange: what is read is bounded in size and depth, has no tags, anchors or
aliases, and is validated before anything is done with it. What a person wrote keeps its comments and order.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml import tokens as token
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from facedouble.errors import InputError, OutputError
from facedouble.files import read_regular, write_whole
from facedouble.project.model import FILE, SCHEMA, STATE, ContradictionError, Project

_MOST_BYTES = 1 << 20
_MOST_DEPTH = 16
_DEEPER = (
    token.FlowSequenceStartToken,
    token.FlowMappingStartToken,
    token.BlockSequenceStartToken,
    token.BlockMappingStartToken,
)
_SHALLOWER = (token.FlowSequenceEndToken, token.FlowMappingEndToken, token.BlockEndToken)
_REFUSED = {
    token.TagToken: "a tag",
    token.AnchorToken: "an anchor",
    token.AliasToken: "an alias",
    token.DirectiveToken: "a directive",
}

_PROBLEMS = {
    "extra_forbidden": "there is no such setting here",
    "tuple_type": "must be a list",
    "dict_type": "must hold names and values",
    "model_type": "must hold names and values",
    "model_attributes_type": "must hold names and values",
    "string_type": "must be a text; put it in quotes",
    "missing": "is missing",
}

MIGRATIONS: dict[int, Callable[[CommentedMap], None]] = {}
"""For each older version, what changes its content in place into that of the next."""


def find_project(start: Path) -> Path:
    """The project that ``start`` is in: the nearest folder, from ``start`` up, with a ``project.yaml``.

    Raises ``InputError`` where there is none.
    """
    start = start.absolute()
    if not start.is_dir():
        raise InputError(f"{start}: there is no such folder")
    for folder in (start, *start.parents):
        if (folder / FILE).exists():
            return folder
    raise InputError(f"{start}: no project here (no {FILE}); make one with: facedouble init")


def read_project(folder: Path) -> Project:
    """The project of ``folder``. Raises ``InputError`` with file, line and field for what is wrong in it."""
    return check(read_content(folder), folder / FILE)


def read_content(folder: Path) -> CommentedMap:
    """What ``project.yaml`` holds, with its comments, in today's version; not validated otherwise."""
    file = folder / FILE
    text = _read_text(file)
    try:
        _refuse_hostile(text, file)
        content = _yaml().load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not valid YAML ({_where(error)})") from error
    if not isinstance(content, CommentedMap):
        raise InputError(f"{file}: not a project: it must begin with names such as 'people:'")
    return _migrated(content, file)


def check(content: CommentedMap, file: Path) -> Project:
    """``content`` as a project. Raises ``InputError``."""
    try:
        text = json.dumps(content, default=_refuse_value, allow_nan=False)
    except TypeError as error:
        raise InputError(f"{file}: {error}") from error
    except ValueError as error:
        raise InputError(f"{file}: a number in it is not finite") from error
    try:
        return Project.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        inside = cause.path if isinstance(cause, ContradictionError) else ()
        path = [*first["loc"], *inside]
        problem = str(cause) if cause else _PROBLEMS.get(first["type"]) or first["msg"]
        names = ".".join(str(part) for part in path if part != "[key]")
        where = f"{file}, line {_line(content, path)}"
        raise InputError(f"{where}: {names + ': ' if names else ''}{problem}") from error


def write_content(folder: Path, content: Mapping[str, Any]) -> Project:
    """Write ``project.yaml`` in one go, after it was found valid; comments that ``content`` carries stay.

    Raises ``InputError`` for what is not valid, ``OutputError`` where it cannot be written.
    """
    file = folder / FILE
    mapping = content if isinstance(content, CommentedMap) else CommentedMap(content)
    project = check(mapping, file)
    stream = io.StringIO()
    _yaml().dump(mapping, stream)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(file, stream.getvalue().encode(), durable=True)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written ({error.strerror})") from error
    return project


def state_folder(folder: Path) -> Path:
    """The folder for jobs and records, made if need be. Raises ``OutputError``."""
    path = folder / STATE
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be made ({error.strerror})") from error
    check_inside(folder, STATE)
    return path


def check_inside(folder: Path, path: str) -> Path:
    """``path`` of the project, which may be written to: no link on the way leads out of the project.

    Raises ``InputError`` otherwise.
    """
    root = folder.resolve()
    full = folder / path
    if not full.resolve().is_relative_to(root):
        raise InputError(
            f"{full}: a link leads out of the project, to {full.resolve()}; nothing is written there"
        )
    return full


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 120
    yaml.preserve_quotes = True
    return yaml


def _read_text(file: Path) -> str:
    try:
        data = read_regular(file, _MOST_BYTES)
    except FileNotFoundError as error:
        raise InputError(f"{file}: there is no such file; make a project with: facedouble init") from error
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not UTF-8 ({error.reason})") from error


def _refuse_hostile(text: str, file: Path) -> None:
    """Raise ``InputError`` for YAML that plain data needs not, before anything is built of it."""
    depth = 0
    for found in _yaml().scan(text):
        line = found.start_mark.line + 1
        refused = _REFUSED.get(type(found))
        if refused:
            raise InputError(f"{file}, line {line}: {refused} of YAML; write the values out")
        depth += isinstance(found, _DEEPER) - isinstance(found, _SHALLOWER)
        if depth > _MOST_DEPTH:
            raise InputError(f"{file}, line {line}: nested more than {_MOST_DEPTH} deep")


def _migrated(content: CommentedMap, file: Path) -> CommentedMap:
    version = content.get("schema", SCHEMA)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(f"{file}: schema must be a number from 1 to {SCHEMA}, not {version!r:.80}")
    if version > SCHEMA:
        raise InputError(
            f"{file}: made by a newer version of facedouble (schema {version}; this one knows {SCHEMA})"
        )
    while version < SCHEMA:
        MIGRATIONS[version](content)
        version += 1
        content["schema"] = version
    return content


def _refuse_value(value: object) -> object:
    raise TypeError(f"{str(value)!r:.80} is read as a {type(value).__name__}; put it in quotes")


def _where(error: BaseException) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = (
        getattr(error, "problem", None) or str(error).splitlines()[0] if str(error) else type(error).__name__
    )
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(problem)[:200]


def _line(content: Any, path: Sequence[int | str]) -> int:
    """The line, from 1, on which the value at ``path`` begins, as far as the path leads."""
    line = 0
    for part in path:
        try:
            find = content.lc.key if isinstance(content, CommentedMap) else content.lc.item
            line = find(part)[0]
            content = content[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line + 1
