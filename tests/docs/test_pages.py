"""The documents: what they link to is there, and what they show can be run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "benchmarks/README.md",
        ROOT / "examples/README.md",
    ]
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> Iterator[str]:
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in _LINK.findall(prose(page)):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        assert linked.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(linked), target


def test_no_page_has_marks_of_a_merge() -> None:
    marks = re.compile(r"^(<{7}|={7}|>{7})( |$)", re.MULTILINE)
    assert [page.name for page in PAGES if marks.search(page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_is_one_page(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert len(text.split()) <= 600
    assert text.count("![") == 2


def test_every_picture_is_shown_somewhere() -> None:
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    pictures = [path for path in ROOT.glob("docs/images/*") if path.suffix != ".md"]
    assert [path.name for path in pictures if path.name not in shown] == []


def test_the_site_has_every_page_once() -> None:
    def listed(node: object) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        elif isinstance(node, list):
            for one in node:
                yield from listed(one)
        elif isinstance(node, dict):
            for one in node.values():
                yield from listed(one)

    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in ROOT.glob("docs/**/*.md")]
    assert sorted(listed(nav)) == sorted(page for page in pages if page != "images/LICENSE.md")


def test_the_reference_is_of_modules_that_are_there() -> None:
    named = [
        name
        for page in ROOT.glob("docs/reference/*.md")
        for name in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(named) > 10
    assert [name for name in named if find_spec(name) is None] == []
    packages = {path.parent.name for path in ROOT.glob("src/facedouble/*/__init__.py")}
    covered = {name.split(".")[1] for name in named if "." in name}
    assert packages - covered <= {"cli", "studio"}, "every package but the front ends is in the reference"


def test_the_list_for_a_machine_without_pytorch_is_that_of_the_package() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = package["optional-dependencies"]["onnx"]
    wanted = {re.split(r"[<>=\[]", name)[0] for name in (*package["dependencies"], *extra)}
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    line = re.search(r"^pip install (av .*)$", text, re.MULTILINE)
    assert line is not None
    # What PyTorch's exporter is written with writes files only.
    assert set(line[1].split()) == wanted - {"torch", "onnxscript"}
