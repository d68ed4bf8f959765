"""Imports go one way. The table below is the architecture; see docs/architecture.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "facedouble"
SOURCE = Path(__file__).resolve().parents[1] / "src" / PACKAGE

PARTS = {"video", "networks", "faces", "models"}
FOUNDATION = {
    "_version",
    "array_checks",
    "types",
    "errors",
    "events",
    "assets",
    "device",
    "files",
    "json_data",
    "printable",
    "process_limits",
    "registry",
    "stores",
    "run",
    "settings",
}
STAGES = {"extraction", "curation", "editing", "training", "conversion", "evaluation", "provenance"}

# What each part may import, besides itself. Parts and stages do not know one another; but faces are found by
# pretrained networks and by pictures of people, a conversion and an evaluation find faces where they are
# given none, and a conversion marks what it writes and may train the model further on the clip.
MAY_IMPORT: dict[str, set[str]] = {
    **dict.fromkeys(FOUNDATION, FOUNDATION),
    **dict.fromkeys(PARTS, FOUNDATION),
    "faces": FOUNDATION | {"video", "networks"},
    "models": FOUNDATION | {"faces"},
    "faceset": FOUNDATION | PARTS,
    **dict.fromkeys(STAGES, FOUNDATION | PARTS | {"faceset"}),
    "occlusion": FOUNDATION | PARTS | {"faceset"},
    "conversion": FOUNDATION | PARTS | {"faceset", "occlusion", "extraction", "provenance", "training"},
    "evaluation": FOUNDATION | PARTS | {"faceset", "extraction"},
    "interchange": FOUNDATION | PARTS | {"faceset", "extraction"},
    "distributed": FOUNDATION | PARTS | {"faceset", "extraction", "conversion", "evaluation", "training"},
    "demo": FOUNDATION | PARTS | {"faceset"} | STAGES | {"project"},
    "doctor": FOUNDATION | PARTS,
    "project": FOUNDATION | {"video", "faceset"},
    "studio": FOUNDATION | PARTS | {"faceset", "occlusion"} | STAGES | {"doctor", "project"},
    "cli": FOUNDATION
    | PARTS
    | {"faceset", "occlusion"}
    | STAGES
    | {"interchange", "distributed", "demo", "doctor", "project", "studio"},
    "__main__": {"cli"},
}

# The package's own __init__ names everything, and imports it only when it is touched.
FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def part_of(path: Path) -> str:
    """The part a file is of: the folder or module directly under the package.

    A package's ``registry`` is only names and where they lead to: it counts as foundation. It may import
    nothing else, except the types of what it leads to, for the type checker.
    """
    inside = path.relative_to(SOURCE)
    return "registry" if inside.name == "registry.py" else inside.parts[0].removesuffix(".py")


def _nodes(tree: ast.AST, *, typing: bool) -> Iterator[ast.AST]:
    """All nodes; without ``typing`` not those under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if not typing and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _nodes(node, typing=typing)


def imported_parts(text: str, *, typing: bool = True) -> dict[str, int]:
    """Parts of the package that a module imports anywhere in it, each with a line number.

    Imports inside functions count too: they are made later, not in another direction. So do those for types
    alone, unless ``typing`` is false.
    """
    found: dict[str, int] = {}
    for node in _nodes(ast.parse(text), typing=typing):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError(f"line {node.lineno}: relative imports hide the direction")
            module = node.module or ""
            # "from facedouble import faces" and "from facedouble.faces import align" both name faces.
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            root, *rest = name.split(".")
            if root == PACKAGE and rest:
                if rest[1:2] == ["registry"]:
                    rest[0] = "registry"
                found.setdefault(rest[0], node.lineno)
    return found


def wrong_imports(part: str, text: str) -> list[str]:
    """What a module of ``part`` imports and may not."""
    allowed = MAY_IMPORT[part] | {part}
    return [
        f"line {line}: {part} may not import {name}"
        for name, line in imported_parts(text, typing=part not in ("registry", "settings")).items()
        if name not in allowed
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_one_way(path: Path) -> None:
    part = part_of(path)
    assert part in MAY_IMPORT, f"{part} is new: give it its place in MAY_IMPORT"
    assert wrong_imports(part, path.read_text(encoding="utf-8")) == []


def test_the_table_has_no_circle() -> None:
    """Apart from the foundation, whose modules are small and may know one another."""
    remaining = {part: allowed - FOUNDATION - {part} for part, allowed in MAY_IMPORT.items()}
    while remaining:
        free = [part for part, allowed in remaining.items() if not allowed & remaining.keys()]
        assert free, f"these import each other in a circle: {sorted(remaining)}"
        for part in free:
            del remaining[part]


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("types", "from facedouble.video import open_source"),
        ("faces", "import facedouble.faceset.store"),
        ("faces", "from facedouble import faceset"),
        ("video", "from facedouble.faces.align import align"),
        ("networks", "from facedouble.faces.align import align"),
        ("training", "from facedouble.conversion.pipeline import convert"),
        ("conversion", "def f():\n    from facedouble.curation import review"),
        ("faceset", "if True:\n    import facedouble.cli.main as main"),
        ("demo", "from facedouble.cli.progress import progress"),
        ("registry", "from facedouble.models.base import SwapModel"),
    ],
)
def test_a_wrong_import_is_seen(part: str, text: str) -> None:
    assert len(wrong_imports(part, text)) == 1


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("faceset", "from facedouble.faces.align import align\nimport numpy as np"),
        ("cli", "from facedouble.training.loop import train"),
        ("training", "from facedouble.training.dataset import draw"),
        ("conversion", "import facedoubles.cli"),
        ("settings", "from facedouble.models.registry import MODELS"),
        ("registry", "if TYPE_CHECKING:\n    from facedouble.models.base import SwapModel"),
    ],
)
def test_a_right_import_is_let_through(part: str, text: str) -> None:
    assert wrong_imports(part, text) == []
