"""The report, in a real browser: Chromium without a window. Skipped where there is none."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import pytest

from facedouble.errors import OutputError
from facedouble.evaluation.evaluate import frame_badness
from facedouble.evaluation.measure import Outcome
from facedouble.evaluation.registry import MEASURES, title
from facedouble.evaluation.report.page import check, page, write_json, write_report
from facedouble.evaluation.result import Evaluation, ResultEvaluation
from facedouble.evaluation.terminal import labels, lines
from facedouble.evaluation.verdict import judge
from facedouble.settings.evaluate import EvaluateSettings
from tests.browser import chromium_program, new_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FRAMES = [*range(10), *range(14, 30)]  # no face in between
NASTY = '</script><img src="https://example.com/x">&amp;.mp4'


def jpeg(shade: int) -> bytes:
    image = np.full((32, 32, 3), shade, dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", image)[1])


def one(name: str, level: float, pictured: list[int]) -> ResultEvaluation:
    """A result in which every measure lies at ``level``: 0 good, 1 where fair ends, and frame 20 is worst."""
    outcomes = {}
    for measure, known in MEASURES.items():
        (low, high), (lowest, highest) = known.good, known.fair
        good, fair = (high, highest) if known.better == "lower" else (low, lowest)
        value = good + (fair - good) * level
        series = np.full(len(FRAMES), value)
        series[FRAMES.index(20)] = good + 3 * (fair - good)
        series[3] = np.nan
        per_frame = known.per_frame or known.with_source
        outcomes[measure] = Outcome(
            value, series if per_frame else None, series + 0.1 if known.with_source else None
        )
    bad = frame_badness(outcomes, len(FRAMES))
    pictures = {number: jpeg(200 - number) for number in pictured}
    seconds = [number / 25 for number in FRAMES]
    return ResultEvaluation(Path(name), outcomes, judge(outcomes), FRAMES, seconds, bad, pictures)


def evaluation(*names: str, pictured: list[int] | None = None) -> Evaluation:
    shown = FRAMES[::2] if pictured is None else pictured
    results = [one(name, 0.5 * number, shown) for number, name in enumerate(names)]
    pictures = {number: jpeg(50) for number in shown}
    return Evaluation(Path("a.mp4"), results, ["B", "A"], EvaluateSettings(), 5, pictures)


class Outside(HTMLParser):
    """Collects every address that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [
            value
            for name, value in attributes
            if name in ("src", "href", "srcset", "data", "poster") and value
        ]


@pytest.fixture(scope="session")
def chromium() -> str:
    return chromium_program()


DRAWN = "[...document.querySelectorAll('.chart svg')].every((chart) => chart.childElementCount > 0)"


def returned(browser: Browser, html: str, folder: Path, script: str, width: int = 1366) -> object:
    """What ``script`` returns in the page once it is loaded."""
    file = folder / "page.html"
    file.write_text(html, encoding="utf-8")
    opened = new_page(browser, viewport={"width": width, "height": 900})
    try:
        opened.goto(file.as_uri())
        opened.wait_for_function(DRAWN)  # charts are drawn once they know their width
        found: object = opened.evaluate(f"() => {{ {script} }}")
        return found
    finally:
        opened.context.close()


def test_everything_is_in_the_file_and_nothing_is_fetched() -> None:
    html = page(evaluation("swap.mp4", NASTY))
    outside = Outside()
    outside.feed(html)
    assert [address for address in outside.found if not address.startswith(("#", "data:"))] == []
    assert "default-src 'none'" in html
    assert "@import" not in html
    assert "url(" not in html
    assert NASTY not in html


def test_verdict_and_table_are_there_without_scripts() -> None:
    found = evaluation("swap.mp4", "other.mp4")
    html = page(found)
    before_scripts = html[: html.index('<script type="application/json"')]
    for result in found.results:
        assert result.verdict.sentences[0] in before_scripts
    for name in MEASURES:
        assert f'data-measure="{name}"' in before_scripts
        assert title(name).replace("'", "&#x27;") in before_scripts


def test_the_best_of_several_is_marked() -> None:
    html = page(evaluation("good.mp4", "worse.mp4"))
    row = re.search(r'<tr data-measure="jitter">.*?</tr>', html, re.DOTALL)
    assert row is not None
    cells = re.findall(r"<td class=\"value\".*?</td>", row[0])
    assert "<b>" in cells[0]
    assert "<b>" not in cells[1]
    assert "<b>" not in page(evaluation("good.mp4"))


def test_the_page_works_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    """The worst frame is shown first; pointing at a curve and keys on it show the frame under them."""
    script = """
      const where = () => document.getElementById("where").textContent;
      const shown = () => document.querySelector("#panes img").src.length;
      const out = { first: where(), charts: document.querySelectorAll(".chart").length };
      const chart = document.querySelector(".chart svg"), box = chart.getBoundingClientRect();
      chart.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + 1, bubbles: true }));
      out.pointed = where();
      chart.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
      out.stepped = where();
      chart.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
      out.end = where();
      const cursors = [...document.querySelectorAll(".cursor")].map((line) => line.getAttribute("x1"));
      out.cursor = new Set(cursors).size === 1;
      document.querySelector(".worst").click();
      out.worst = where();
      out.faults = document.querySelectorAll("#faults .poor").length;
      out.current = document.querySelectorAll('.worst[aria-current="true"]').length;
      const slider = document.getElementById("slider");
      slider.value = 0; slider.dispatchEvent(new Event("input"));
      out.slid = where();
      out.pictures = shown();
      out.broken = [...document.images].filter((image) => !image.complete || !image.naturalWidth).length;
      out.segments = document.querySelector(".chart .line").getAttribute("d").split("M").length - 1;
      out.dark = getComputedStyle(document.body).backgroundColor;
      return out;
    """
    out = returned(browser, page(evaluation("one.mp4", NASTY)), tmp_path, script)
    assert isinstance(out, dict)
    judged = sum(known.per_frame or known.with_source for known in MEASURES.values())
    flat = 1  # face_found: only 1 and what lies beyond
    assert judged - flat <= out["charts"] <= judged
    assert out["first"].startswith("frame 20")
    assert out["worst"].startswith("frame 20")
    assert out["pointed"].startswith("frame 0 ")
    assert out["stepped"].startswith("frame 1 (picture of ")
    assert out["end"].startswith("frame 29")
    assert out["slid"].startswith("frame 0 ")
    assert out["faults"] >= 2
    assert out["current"] == 2
    assert out["cursor"] is True
    assert out["broken"] == 0
    assert out["segments"] == 2, "frames without a face between two are not joined"
    assert out["pictures"] > len(base64.b64encode(jpeg(50)))


@pytest.mark.parametrize("width", [1366, 500])
def test_nothing_runs_out_of_the_page(browser: Browser, tmp_path: Path, width: int) -> None:
    script = "return [document.documentElement.scrollWidth, innerWidth];"
    html = page(evaluation("one.mp4", "x" * 90 + ".mp4"))
    wide, window = cast("list[int]", returned(browser, html, tmp_path, script, width))
    assert window == width
    assert wide <= window


@pytest.mark.subprocess
def test_a_browser_asks_the_network_for_nothing(chromium: str, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(evaluation(NASTY)), encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={tmp_path / 'net.json'}"]
    command += ["--virtual-time-budget=3000", file.as_uri()]
    subprocess.run(command, check=True, capture_output=True)
    log = (tmp_path / "net.json").read_text(errors="replace")
    assert "page.html" in log
    asked = set(re.findall(r'"url":"(https?://[^"]+)"', log))
    assert not [url for url in asked if "example.com" in url]


def test_a_single_frame_without_pictures_is_shown_too(browser: Browser, tmp_path: Path) -> None:
    found = evaluation("one.mp4", pictured=[])
    script = "return document.querySelectorAll('.chart').length;"
    charts = returned(browser, page(found), tmp_path, script)
    assert isinstance(charts, int)
    assert charts > 5


def test_files_are_whole_or_not_there(tmp_path: Path) -> None:
    found = evaluation("one.mp4")
    write_report(found, tmp_path / "report.html")
    write_json(found, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["results"][0]["path"] == "one.mp4"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(found, tmp_path / "nowhere" / "report.html")
    with pytest.raises(OutputError, match="no such folder"):
        check(tmp_path / "nowhere" / "report.html")
    with pytest.raises(OutputError, match="is a folder"):
        check(tmp_path)


def test_lines_for_the_terminal() -> None:
    found = evaluation("a/swap.mp4", "b/swap.mp4")
    assert labels(found.results) == ["a/swap.mp4", "b/swap.mp4"]
    text = "\n".join(lines(found))
    for name in MEASURES:
        assert title(name) in text
    assert "A good swap" in text
    assert "good: up to 0.45" in text
