"""The report screen: what the evaluation found of each result."""

from __future__ import annotations

import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from facedouble.errors import InputError
from facedouble.files import read_regular
from facedouble.project.steps import project_steps
from facedouble.studio.calls import Call, call
from facedouble.studio.preview.kept import Kept
from facedouble.studio.report_reading import Report, read_report
from facedouble.studio.state import Studio, identify, named

_MOST_BYTES = 1 << 28
_reports: Kept[Report] = Kept(6)
_lock = threading.Lock()


def _report(path: Path) -> Report:
    """The report in a file, read once while it stays as it is."""
    try:
        key = (str(path), path.stat().st_mtime_ns)
        with _lock:
            found = _reports.get(key)
            if found is None:
                found = read_report(read_regular(path, _MOST_BYTES))
                _reports.put(key, found)
    except OSError as error:
        raise InputError("there is no report yet") from error
    return found


def _path(studio: Studio, sent: Call) -> Path:
    steps = {step.name: step for step in project_steps(studio.project()) if step.kind == "evaluate"}
    return studio.folder / steps[named("step", sent.path["report"], iter(steps))].output


def show_report(studio: Studio, sent: Call) -> Any:
    """A report without its pictures; they are named by frame."""
    found = _report(_path(studio, sent))
    return {
        "rate": found.rate,
        "sentences": found.sentences,
        "rows": [asdict(row) for row in found.rows],
        "frames": found.frames,
        "series": found.series,
        "titles": found.titles,
        "worst": found.worst,
        "pictures": sorted(found.source.keys() & found.result.keys()),
    }


def show_picture(studio: Studio, sent: Call) -> Any:
    """The face in a frame of the source or of the result."""
    found = _report(_path(studio, sent))
    pictures = {"source": found.source, "result": found.result}.get(sent.path["which"], {})
    data = pictures.get(sent.path["frame"])
    if data is None:
        raise InputError("there is no such picture")
    return Response(data, media_type="image/jpeg", headers={"cache-control": "private, max-age=60"})


def show_every(studio: Studio, _: Call) -> Any:
    """The table of each report that there is, to compare them."""
    found = []
    for step in project_steps(studio.project()):
        path = studio.folder / step.output
        if step.kind == "evaluate" and path.exists():
            report = _report(path)
            row = {"id": identify("step", step.name), "name": step.label, "rate": report.rate}
            found.append(row | {"rows": [asdict(row) for row in report.rows]})
    return found


ROUTES: list[Route] = [
    call("/api/reports", show_every),
    call("/api/reports/{report}", show_report),
    call("/api/reports/{report}/pictures/{which}/{frame:int}", show_picture),
]
