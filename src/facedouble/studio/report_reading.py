"""What a report says, read as data from the page that an evaluation wrote. Its HTML is never served."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from facedouble.errors import InputError
from facedouble.json_data import parse_json

_RATES = ("good", "fair", "poor", "unknown")
_JPEG = b"\xff\xd8\xff"


@dataclass(slots=True)
class Row:
    """A measure: its name, title, value in words, rate, and what is good."""

    name: str
    title: str = ""
    value: str = ""
    rate: str = "unknown"
    good: str = ""


@dataclass(slots=True)
class Report:
    """One result's report. ``series`` are values by measure and frame; ``pictures`` JPEGs by frame."""

    rate: str = "unknown"
    sentences: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    series: dict[str, list[float | None]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    worst: list[dict[str, Any]] = field(default_factory=list)
    source: dict[int, bytes] = field(default_factory=dict)
    result: dict[int, bytes] = field(default_factory=dict)


class _Page(HTMLParser):
    """Collects texts of the verdict and of the table, and the data."""

    def __init__(self) -> None:
        super().__init__()
        self.report = Report()
        self.data = ""
        self._into: str = ""
        self._article = self._in_data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        classes = given.get("class", "").split()
        rows = self.report.rows
        if tag == "article" and "verdict" in classes:
            self._article = not self.report.sentences
            found = [one for one in classes if one in _RATES]
            if self._article and found:
                self.report.rate = found[0]
        elif self._article and tag in ("p", "li"):
            self.report.sentences.append("")
            self._into = "sentence"
        elif tag == "tr" and "data-measure" in given:
            rows.append(Row(given["data-measure"]))
        elif rows and tag == "summary":
            self._into = "title"
        elif rows and tag == "td" and "value" in classes and not rows[-1].value:
            self._into = "value"
        elif rows and tag == "td" and "range" in classes:
            self._into = "good"
        elif self._into == "value" and ("mark" in classes or "beside" in classes):
            rates = [one for one in classes if one in _RATES]
            rows[-1].rate = rates[0] if rates else rows[-1].rate
            self._into = ""
        elif tag == "script":
            self._in_data = given.get("id") == "data"

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self._article = False
        if tag in ("p", "li", "summary", "td", "script"):
            self._into, self._in_data = "", False

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data += data
        elif self._into == "sentence":
            self.report.sentences[-1] += data
        elif self._into:
            row = self.report.rows[-1]
            setattr(row, self._into, (getattr(row, self._into) + data).strip())


def read_report(html: bytes) -> Report:
    """The first result of a report. Raises ``InputError`` for a page that is none."""
    page = _Page()
    try:
        page.feed(html.decode("utf-8"))
        report = page.report
        data = parse_json(page.data)
        result = data["results"][0]
        report.frames = [int(frame) for frame in data["frames"]]
        report.titles = {str(it["name"]): str(it["title"]) for it in data["measures"]}
        report.worst = [{"frame": int(it["frame"]), "why": str(it["why"])} for it in result["worst"]]
        report.series = {str(name): _numbers(values) for name, values in result["series"].items()}
        report.source, report.result = _pictures(data["pictures"]), _pictures(result["pictures"])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise InputError("this is no report that this program wrote; make it again") from error
    if any(len(values) != len(report.frames) for values in report.series.values()):
        raise InputError("the report is damaged; make it again")
    return report


def _numbers(values: list[Any]) -> list[float | None]:
    found = [None if value is None else float(value) for value in values]
    return [value if value is None or math.isfinite(value) else None for value in found]


def _pictures(found: Mapping[str, str]) -> dict[int, bytes]:
    pictures = {}
    for frame, text in found.items():
        try:
            data = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValueError("a picture is damaged") from error
        if data.startswith(_JPEG):
            pictures[int(frame)] = data
    return pictures
