"""What the program says is there in Chinese too: every notice, whatever the studio and a project refuse, the
state of steps, and what a report finds."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

import facedouble
from facedouble.evaluation import verdict
from facedouble.evaluation.registry import MEASURES, title
from facedouble.project.database import open_database
from facedouble.project.jobs import JobState, NewJob, Queue
from facedouble.run.events import Notice
from facedouble.run.jsonl import EventLog
from facedouble.settings.schema import json_schema
from facedouble.studio.server import StudioServer

ROOT = Path(facedouble.__file__).parent
CATALOGUE = (ROOT / "studio" / "static" / "text" / "messages_zh.js").read_text(encoding="utf-8")
_PAIR = re.compile(r'(?:"((?:[^"\\]|\\.)*)"|\b(yes|no)):\s+"((?:[^"\\]|\\.)*)"')
PASSED_ON = {
    "<code>",
    "output.remark",
    "provenance.not_carried",
    "source.remark",
    "train.memory",
    "train.setup",
}
"""Notices whose text comes whole from elsewhere; ``train.no_preview`` is an error's, which has its own."""


@cache
def catalogue() -> dict[str, str]:
    """The translations by their form: the English text with {} for values."""
    return {(found[1] or found[2]).replace("{#}", "{}"): found[3] for found in _PAIR.finditer(CATALOGUE)}


def form(node: ast.expr) -> str | None:
    """A text of the source with {} for values; ``None`` if it is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        return re.sub(r"(\{\})+", "{}", text)
    return None


def nodes(*folders: str) -> Iterator[ast.AST]:
    for folder in folders:
        path = ROOT / folder
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            yield from ast.walk(ast.parse(file.read_text(encoding="utf-8")))


def notices() -> Iterator[tuple[str, str | None]]:
    """The code and the form of every notice of the program."""
    for node in nodes("."):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("notice", "warn")
            and len(node.args) == 2
        ):
            yield form(node.args[0]) or "<code>", form(node.args[1])


def refusals() -> Iterator[str]:
    """The form of whatever the studio and a project raise for a person."""
    for node in nodes("studio", "project"):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            kind = ast.unparse(node.exc.func)
            said = [*node.exc.args, *(it.value for it in node.exc.keywords)]
            if kind.endswith("Error") and kind not in ("ValueError", "TypeError"):
                yield from (text for text in map(form, said) if text and " " in text)


def findings() -> Iterator[str]:
    """Titles and sentences of a report, why steps are stale, and why faces look wrong."""
    yield from verdict._HEADLINES.values()
    for name, measure in MEASURES.items():
        yield from (title(name), measure.blame, measure.praise)
    for node in nodes("evaluation/verdict.py", "project/plan.py", "curation/review.py"):
        if isinstance(node, ast.Yield) and node.value is not None:
            last = node.value.elts[-1] if isinstance(node.value, ast.Tuple) else node.value
            yield from (text for text in [form(last)] if text and " " in text)


def test_every_notice_is_there_in_chinese() -> None:
    found = list(notices())
    assert len({code for code, _ in found}) > 50
    without = {code for code, text in found if text is None}
    assert without <= PASSED_ON | {"train.no_preview"}, "a text that is made elsewhere"
    assert sorted({f"{code}: {text}" for code, text in found if text and text not in catalogue()}) == []


@pytest.mark.parametrize("kind", [refusals, findings])
def test_what_the_program_finds_and_refuses_is_there_in_chinese(kind: Callable[[], Iterator[str]]) -> None:
    assert sorted({text for text in kind() if text not in catalogue()}) == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_stages_units_settings_and_choices_have_names(language: str) -> None:
    text = (ROOT / "studio" / "static" / "text" / f"{language}.js").read_text(encoding="utf-8")
    missing = sorted({key for key in named() if f'"{key}":' not in text})
    assert missing == []


def named() -> Iterator[str]:
    """Keys of what the pages show by name: stages and their units, a conversion's settings and choices."""
    for node in nodes("."):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "stage":
            if (stage := form(node.args[0])) and stage not in catalogue():
                yield f"stage.{stage}"
            if len(node.args) == 3 and (unit := form(node.args[2])):
                yield f"unit.{unit}"
    schema = json_schema("convert")
    for name in FORM:
        yield from _settings(name, schema["properties"][name], schema["$defs"])


FORM = (
    *("converter", "detail", "retargeting", "blend", "occlusion", "matte", "faces", "adaptation"),
    *("render", "encoding", "marking", "compute", "keep_going", "checkpoint_frames", "reading"),
)


def _settings(path: str, schema: dict[str, Any], defs: dict[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    members = [
        defs[it["$ref"].rpartition("/")[2]] if "$ref" in it else it for it in inner if "const" not in it
    ]
    kinds = [
        it["properties"]["kind"]["const"]
        for it in members
        if "const" in it.get("properties", {}).get("kind", {})
    ]
    groups = [it for it in (schema, *members) if "properties" in it]
    if kinds or not groups:
        yield f"set.{path}"
    yield from (f"choice.{path}.{it}" for it in [*kinds, *schema.get("enum", ())] if it is not None)
    for group in groups:
        for name, found in group["properties"].items():
            if name != "kind":
                yield from _settings(f"{path}.{name}", found, defs)
            elif "enum" in found:
                yield from (f"choice.{path}.kind.{it}" for it in found["enum"])


def test_translations_use_the_values_that_there_are() -> None:
    for english, chinese in catalogue().items():
        used = {int(number) for number in re.findall(r"\{(\d)\}", chinese)}
        assert used == set(range(1, english.count("{}") + 1)), english


def test_a_chinese_page_shows_what_the_program_says_in_chinese(
    browser: Browser, studio: StudioServer, film: Path
) -> None:
    with closing(open_database(film)) as database:
        queue = Queue(database)
        [job] = queue.add([NewJob("train Ada-Ben", ("train",), executor="elsewhere")])
        queue._set(job.id, state=JobState.FAILED, error="there are no faces yet")
        job.file(film, "jsonl").parent.mkdir(exist_ok=True)
        with EventLog(job.file(film, "jsonl")) as log:
            log(Notice("convert.resumed", "resumed: 12 frames were done by an earlier run"))
            log(Notice("some.code", "something new <b>", "warning"))
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(studio.key.link)
    expect(page.locator(".person .clips").first).to_contain_text("10 张脸")
    page.goto(f"{studio.address}/#/jobs")
    expect(page.locator(".job .bad")).to_have_text("还没有人脸")
    page.get_by_role("button", name="日志").click()
    expect(page.locator(".notices li")).to_have_text(["继续：先前的运行已完成 12 帧", "something new <b>"])
    context.close()
