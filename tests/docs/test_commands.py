"""What the documents tell people to type: every command and option there is what the program has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from facedouble.cli.main import COMMANDS, app

from .test_pages import PAGES, ROOT

_BLOCK = re.compile(r"^(?:```(?:bash|sh)?\n(.*?)^```$|((?: {4}\S.*\n)+))", re.DOTALL | re.MULTILINE)
_TABLE = re.compile(r"<!-- table .*?<!-- end -->", re.DOTALL)  # made from the program anyway
_INLINE = re.compile(r"`([^`\n]+)`")
# Options in the documents that are not facedouble's.
_OTHERS = {
    "--disable-usage-stats",
    "--nproc-per-node",
    "--logdir",
    "--help",
    "--sheet",
    "--every",
    "--python",
    "--check",
    "--iterations",
    "--version",
    "--reader",
    "--tiny",
    "--only",
    "--out",
    "--prepare",
}
# Programs whose options in the documents are their own.
_PROGRAMS = (
    *("pip ", "pytest", "python -m", "torchrun", "make"),
    *("docker ", "gcloud ", "openjd ", "ray ", "sbatch ", "sky "),
)


@cache
def options(command: str) -> frozenset[str]:
    """Every option of a command and of the commands below it, long and short."""
    import typer

    group: Any = typer.main.get_command(app)
    found = group.get_command(None, command)
    assert found is not None, f"no command {command}"
    every = [found, *getattr(found, "commands", {}).values()]
    parameters = [parameter for one in every for parameter in one.params]
    names = {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}
    return frozenset({*names, "-h", "--help"})


def lines() -> Iterator[tuple[str, str]]:
    """Each command line that calls the program, with its page: from blocks of code and from the text."""
    for page in PAGES:
        if page.name == "CHANGELOG.md":
            continue
        text = _TABLE.sub("", page.read_text(encoding="utf-8"))
        name = str(page.relative_to(ROOT))
        for shell, indented in _BLOCK.findall(text):
            for line in (shell or indented).replace("\\\n", " ").splitlines():
                yield name, line.split(" #")[0].strip()
        for inline in _INLINE.findall(_BLOCK.sub("", text)):
            yield name, inline


def calls() -> list[tuple[str, str]]:
    return sorted({(page, line) for page, line in lines() if line.startswith("facedouble ")})


@pytest.mark.parametrize(("page", "line"), calls(), ids=lambda value: value)
def test_commands_and_their_options_are_there(page: str, line: str) -> None:
    words = shlex.split(line)[1:]
    command = next((word for word in words if not word.startswith("-")), None)
    if command is None:
        assert set(words) <= {"--help", "--version"}
        return
    if command in ("COMMAND", "…"):
        return
    known = options(command)
    used = {word.split("=")[0] for word in words if re.fullmatch(r"--?[A-Za-z][\w-]*(=.*)?", word)}
    assert used - known == set(), f"{page}: {command} has no such option"


def test_there_is_something_to_look_at() -> None:
    assert len(calls()) > 20
    assert {shlex.split(line)[1] for _, line in calls()} >= {
        "extract",
        "train",
        "convert",
        "evaluate",
        "faces",
    }


def test_options_in_the_text_are_some_commands() -> None:
    every = frozenset().union(*map(options, COMMANDS)) | _OTHERS
    strange = {
        (page, option)
        for page, inline in lines()
        for option in re.findall(r"(?<![\w-])(--[a-z][\w-]*)", inline)
        if option not in every and not inline.startswith(_PROGRAMS)
    }
    assert strange == set()
