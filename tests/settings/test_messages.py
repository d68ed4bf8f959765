"""Below the command line no message names an option: it names the field, and the field is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import facedouble
from facedouble.settings.registry import COMMANDS
from facedouble.settings.schema import option_names

SOURCE = Path(facedouble.__file__).parent
# What makes options, or command lines, names them.
NAMERS = ("cli/", "settings/", "project/", "distributed/local_processes.py", "studio/editor/labels.py")
FILES = [
    path
    for path in sorted(SOURCE.rglob("*.py"))
    if not path.relative_to(SOURCE).as_posix().startswith(NAMERS)
]
OTHERS = re.compile(r"pip |--(no-deps|only-binary|no-input|quiet|disable-pip|dest|force-reinstall)")


def texts(tree: ast.AST) -> Iterator[ast.Constant]:
    """String constants but docstrings, which nobody reads while the program runs."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and node.body
            and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_message_names_an_option(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = [
        f"line {node.lineno}: {node.value!r}"
        for node in texts(tree)
        if re.search(r"(^|[\s(`'])--[a-z]", str(node.value)) and not OTHERS.search(str(node.value))
    ]
    assert named == []


def references() -> list[tuple[str, str]]:
    """The fields that messages refer to, with the file."""
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            first = node.args[0]
            if node.func.id == "setting" and isinstance(first, ast.Constant):
                found.append((str(path.relative_to(SOURCE)), str(first.value)))
    return found


@pytest.mark.parametrize(("file", "field"), references())
def test_every_field_that_a_message_refers_to_is_there(file: str, field: str) -> None:
    known = [command for command in COMMANDS if option_names(COMMANDS[command], field)]
    assert known or field.startswith("architecture.")
