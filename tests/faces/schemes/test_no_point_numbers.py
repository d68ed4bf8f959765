"""Only the schemes know a landmark by its number, and how many there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import facedouble

SOURCE = Path(facedouble.__file__).parent
SCHEMES = SOURCE / "faces" / "schemes"
# Where dlib's files are and what they are called; how many points other programs store.
FILE_FORMATS = {SOURCE / "networks" / "dlib_extra.py", SOURCE / "interchange" / "foreign.py"}

FILES = sorted(
    path for path in SOURCE.rglob("*.py") if SCHEMES not in path.parents and path not in FILE_FORMATS
)

_POINTS = re.compile(r"landmark|points$|^points|smoothed|mean_shape|outline$")
_COUNT = re.compile(r"(?<![\w.#])(?<!Table )(68|478)(?![\w.%])")


def point_numbers(text: str) -> list[str]:
    """What a module says of single landmarks: numbers of points as literals, subscripts of landmarks by
    number, and numbers of points in what it says of itself."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and node.value in (68, 478) and not isinstance(node.value, bool):
            found.append(f"line {node.lineno}: the number of points {node.value}")
        if isinstance(node, ast.Subscript) and _POINTS.search(_name(node.value)) and _by_number(node.slice):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    lines = text.splitlines()
    found += [f"line {n}: {line.strip()}" for n, line in enumerate(lines, 1) if _COUNT.search(line)]
    return found


def _name(node: ast.expr) -> str:
    """The last part of a name: ``points`` of ``seen.points``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _by_number(index: ast.expr) -> bool:
    """Whether an index is of single points: a literal beyond 1, a slice or a list with one."""
    if isinstance(index, ast.Tuple):
        return any(_by_number(part) for part in index.elts)
    parts = [index.lower, index.upper] if isinstance(index, ast.Slice) else [index]
    parts += index.elts if isinstance(index, ast.List) else []
    values = [part.value for part in parts if isinstance(part, ast.Constant)]
    return any(isinstance(value, int) and not isinstance(value, bool) and value > 1 for value in values)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_other_module_knows_a_point_by_its_number(path: Path) -> None:
    assert point_numbers(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "nose = landmarks[30]",
        "inner = face.smoothed[17:]",
        "eyes = points[:, 36:48]",
        "corners = landmarks[[48, 54]]",
        "empty = np.zeros((0, 68, 2))",
        '"""Landmarks (68, 2) in pixels."""',
        "x = 1  # all 68 of them",
    ],
)
def test_a_point_number_is_found(text: str) -> None:
    assert point_numbers(text)


@pytest.mark.parametrize(
    "text",
    [
        "x, y = landmarks[0], landmarks[:, 1]",
        "own = landmarks[list(scheme.inner)]",
        "view = image[17 - size :]",
        '"""dlib68 and a 0.68 share, at 168 pixels."""',
    ],
)
def test_anything_else_passes(text: str) -> None:
    assert not point_numbers(text)
