"""The report: page, style, script, values and pictures in one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import inspect
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from facedouble._version import __version__
from facedouble.errors import OutputError
from facedouble.evaluation.measure import GROUPS, Measure
from facedouble.evaluation.registry import MEASURES, title
from facedouble.evaluation.report.embedded import script_json
from facedouble.evaluation.result import Evaluation, ResultEvaluation
from facedouble.evaluation.terminal import labels
from facedouble.files import write_whole

_PARTS = files("facedouble.evaluation.report")
_DIGITS = re.compile(r"\.(\d)f")


def check(path: Path | None) -> None:
    """Raise ``OutputError`` before any work is done if ``path`` could not be written later."""
    if path is None or path == Path("-"):
        return
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the name of a file")
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path.absolute().parent}: no such folder")


def write_report(evaluation: Evaluation, path: Path) -> None:
    """Write the report as one HTML file. Raises ``OutputError``."""
    _write(path, page(evaluation))


def write_json(evaluation: Evaluation, path: Path) -> None:
    """Write ``Evaluation.as_json`` to a file. Raises ``OutputError``."""
    _write(path, json.dumps(evaluation.as_json(), indent=1) + "\n")


def page(evaluation: Evaluation) -> str:
    """The report's HTML."""
    names = labels(evaluation.results)
    source = evaluation.source.name
    compared = f"{len(names)} results compared" if len(names) > 1 else names[0]
    now = datetime.now(UTC)
    about = (
        f"Source {source} · {len(evaluation.results[0].index)} frames with a face · measured "
        f"{now:%d %B %Y} by facedouble {__version__}"
    )
    return Template(_part("page.html")).substitute(
        title=html.escape(f"{compared} · swap report"),
        heading=html.escape(f"How good is this swap? {compared}" if len(names) == 1 else compared),
        about=html.escape(about),
        style=_part("style.css"),
        script=_part("script.js"),
        verdicts="\n".join(map(_verdict, names, evaluation.results)),
        table=_table(names, evaluation),
        footer=html.escape(_footer(evaluation)),
        data=script_json(_data(names, evaluation)),
    )


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")


def _verdict(name: str, result: ResultEvaluation) -> str:
    first, *others = map(html.escape, result.verdict.sentences)
    rate = result.verdict.rate
    items = "".join(f"<li>{sentence}</li>" for sentence in others)
    return (
        f'<article class="verdict {rate}">'
        f'<h3><span class="mark {rate}">{rate}</span> {html.escape(name)}</h3>'
        f"<p>{first}</p><ul>{items}</ul></article>"
    )


def _table(names: list[str], evaluation: Evaluation) -> str:
    heads = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in names)
    rows = []
    for group, question in GROUPS.items():
        within = [(name, measure) for name, measure in MEASURES.items() if measure.group == group]
        available = [
            (name, measure)
            for name, measure in within
            if any(r.value(name) is not None for r in evaluation.results)
        ]
        if not available:
            continue
        rows.append(
            f'<tbody><tr class="group"><th scope="rowgroup" colspan="{len(names) + 2}">'
            f"{html.escape(question)}</th></tr>"
        )
        rows += [_row(name, measure, names, evaluation.results) for name, measure in available]
        rows.append("</tbody>")
    return (
        f'<table><thead><tr><th scope="col">measure</th>{heads}'
        f'<th scope="col" class="range">good</th></tr></thead>'
        f"{''.join(rows)}</table>"
    )


def _row(name: str, measure: Measure, names: list[str], results: Sequence[ResultEvaluation]) -> str:
    values = [result.value(name) for result in results]
    best = _best(measure, values) if len(values) > 1 else None
    cells = []
    for label, result, value in zip(names, results, values, strict=True):
        text = html.escape(measure.describe(value))
        strong = f"<b>{text}</b>" if value is not None and value == best else text
        rate = result.rate(name)
        mark = f'<span class="mark {rate}">{rate}</span>' if rate != "unknown" else ""
        of = f' data-of="{html.escape(label)}"' if len(names) > 1 else ""
        beside = "".join(
            f'<div class="beside">{html.escape(measure.describe(other))} by {html.escape(scheme)}</div>'
            for scheme, other in list(result.outcomes[name].by_scheme.items())[1:]
        )
        beside += "".join(
            f'<div class="beside">{html.escape(f"{measure.describe(other)} {what}")}</div>'
            for what, other in result.outcomes[name].beside.items()
        )
        cells.append(f'<td class="value"{of}>{strong} {mark}{beside}</td>')
    explained = html.escape(" ".join((inspect.getdoc(measure.compute) or "").replace("``", "").split()))
    return (
        f'<tr data-measure="{name}"><th scope="row"><details><summary>{html.escape(title(name))}</summary>'
        f"<p>{explained}</p></details></th>{''.join(cells)}"
        f'<td class="range" data-of="good">{html.escape(measure.describe_good())}</td></tr>'
    )


def _best(measure: Measure, values: list[float | None]) -> float | None:
    """The best of several values; ``None`` if all are equal."""
    there = [value for value in values if value is not None]
    if len(set(there)) < 2:
        return None
    if measure.better == "between":
        low, high = measure.good
        middle = math.sqrt(low * high) if low > 0 else (low + high) / 2
        return min(there, key=lambda value: abs(value - middle))
    return (min if measure.better == "lower" else max)(there)


def _footer(evaluation: Evaluation) -> str:
    people = ", ".join(evaluation.people)
    return (
        "Faces are detected anew in every frame in which the source has one. Identity and the picture "
        f"outside the face were examined in {evaluation.described} evenly spread frames. People whom a face "
        f"could be taken for: {people}. What is good was set by looking at swaps; it is a guide and no "
        "substitute for watching the clip. This file contains pictures of people: treat it like footage."
    )


def _data(names: list[str], evaluation: Evaluation) -> dict[str, Any]:
    first = evaluation.results[0]
    seconds = list(first.seconds)
    span = seconds[-1] - seconds[0]
    return {
        "frames": list(first.index),
        "seconds": [round(value, 3) for value in seconds],
        "rate": round(min(30.0, (len(seconds) - 1) / span), 2) if span > 0 else 10,
        "pictures": _encoded(evaluation.pictures),
        "measures": [_described(name, measure) for name, measure in MEASURES.items()],
        "results": [
            {
                "name": name,
                "pictures": _encoded(result.pictures),
                "worst": [{"frame": frame, "why": _why(result, frame)} for frame in result.worst_frames()],
                "series": _series(result, "series"),
                "own": _series(result, "source_series"),
            }
            for name, result in zip(names, evaluation.results, strict=True)
        ],
    }


def _described(name: str, measure: Measure) -> dict[str, Any]:
    digits = _DIGITS.search(measure.number_format)
    return {
        "name": name,
        "title": title(name),
        "unit": measure.unit,
        "digits": int(digits[1]) if digits else 0,
        "good": [_finite(limit) for limit in measure.good],
        "fair": [_finite(limit) for limit in measure.fair],
        "judges": measure.per_frame,
        "compares": measure.with_source,
    }


def _why(result: ResultEvaluation, frame: int) -> str:
    """The measure in which a frame is worst."""
    place = list(result.index).index(frame)
    worst = ("nothing out of the good range", 0.0)
    for name, outcome in result.outcomes.items():
        measure = MEASURES[name]
        if measure.per_frame and outcome.series is not None and not math.isnan(outcome.series[place]):
            badness = float(measure.badness(outcome.series[place : place + 1])[0])
            if badness > worst[1]:
                worst = (title(name), badness)
    return worst[0]


def _series(result: ResultEvaluation, which: str) -> dict[str, list[float | None]]:
    found = {name: getattr(outcome, which) for name, outcome in result.outcomes.items()}
    return {
        name: [_finite(float(f"{value:.4g}")) for value in np.asarray(series)]
        for name, series in found.items()
        if series is not None
    }


def _encoded(pictures: Mapping[int, bytes]) -> dict[str, str]:
    return {str(number): base64.b64encode(data).decode() for number, data in pictures.items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
