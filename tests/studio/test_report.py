"""The report screen: what an evaluation wrote is read as data, and only as data."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from facedouble.errors import InputError
from facedouble.studio.report_reading import read_report
from tests.studio.conftest import Client, serving

JPEG = base64.b64encode(b"\xff\xd8\xff picture").decode()
DATA: dict[str, Any] = {
    "frames": [0, 1, 2],
    "measures": [{"name": "jitter", "title": "jitter of the face"}],
    "pictures": {"0": JPEG, "2": JPEG},
    "results": [
        {
            "worst": [{"frame": 2, "why": "jitter of the face"}],
            "series": {"jitter": [0.1, None, 0.3]},
            "pictures": {"0": JPEG, "2": base64.b64encode(b"<svg onload=alert(1)>").decode()},
        }
    ],
}


def page_of(data: Any) -> bytes:
    return f"""<article class="verdict fair"><h3><span class="mark fair">fair</span> x</h3>
        <p>Fair &lt;b&gt;.</p><ul><li>One.</li></ul></article>
        <table><tr data-measure="jitter">
        <th><details><summary>jitter of the face</summary><p>Long.</p></details></th>
        <td class="value"><b>1.2%</b> <span class="mark poor">poor</span></td>
        <td class="range">at most 1%</td></tr></table><script>alert(1)</script>
        <script type="application/json" id="data">{json.dumps(data)}</script>""".encode()


def test_a_report_is_read() -> None:
    found = read_report(page_of(DATA))
    assert (found.rate, found.sentences[0], found.sentences[1]) == ("fair", "Fair <b>.", "One.")
    [row] = found.rows
    assert (row.title, row.value, row.rate, row.good) == ("jitter of the face", "1.2%", "poor", "at most 1%")
    assert found.series == {"jitter": [0.1, None, 0.3]}
    assert found.result.keys() == {0}  # the other is no picture


@pytest.mark.parametrize(
    "data",
    [{}, [], "text", {**DATA, "frames": ["a"]}, {**DATA, "frames": [1]}, {**DATA, "pictures": {"0": "?"}}],
)
def test_what_is_no_report(data: Any) -> None:
    with pytest.raises(InputError):
        read_report(page_of(data))


def test_it_is_never_served_as_a_page(page: Page, film: Path) -> None:
    (film / "results").mkdir()
    (film / "results" / "Ada.html").write_bytes(page_of(DATA))
    with serving(film) as server:
        visitor = Client(server).enter()
        steps = visitor.get("/api/project").json["steps"]
        base = next(f"/api/reports/{it['id']}" for it in steps if it["kind"] == "evaluate")
        assert visitor.get(base).headers["content-type"] == "application/json"
        assert visitor.get(f"{base}/pictures/result/0").headers["content-type"] == "image/jpeg"
        assert visitor.get(f"{base}/pictures/result/2").status == 400
        assert [it["rate"] for it in visitor.get("/api/reports").json] == ["fair"]
        page.goto(server.key.link)
        page.get_by_role("link", name="Report", exact=True).click()
        expect(page.get_by_role("heading", name="Fair <b>.")).to_be_visible()
        expect(page.locator(".measures .chart")).to_contain_text("jitter of the face")
        page.get_by_role("button", name="Compare").click()
        expect(page.locator("table.compare")).to_contain_text("1.2%")
