from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.run.events import (
    Event,
    Failed,
    Finished,
    Metrics,
    Notice,
    Preview,
    Progress,
    StageFinished,
    StageStarted,
    Started,
    Stopped,
    as_json,
    from_json,
    to_json,
)
from facedouble.run.jsonl import EventLog, read_events

EVERY_KIND: list[Event] = [
    Started("extract", "facedouble 0"),
    StageStarted("find", 100, "frames"),
    StageStarted("find", None, "frames"),
    Progress("find", 3, 100, "frames"),
    Metrics("train", 7, {"loss/a": 0.25, "speed": 240.0}, {"speed": "faces/s"}),
    Preview("train", 7, Path("model/preview.png"), "restored and swapped"),
    Notice("train.resumed", "resumed from iteration 7", "warning", {"iteration": 7, "path": "m"}),
    StageFinished("find", 1.5, {"frames": 100, "faces": 98}),
    Finished("extract", {"faceset": "faces", "faces": 98, "seconds": {"decode": 1.5}}),
    Stopped("extract", "SIGINT"),
    Failed("extract", "InputError", "no face was found"),
]


@pytest.mark.parametrize("event", EVERY_KIND, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_from_json_as_it_was(event: Event) -> None:
    assert from_json(json.loads(json.dumps(to_json(event), allow_nan=False))) == event


def test_the_kind_is_named() -> None:
    assert to_json(StageStarted("find", 100, "frames")) == {
        "event": "stage_started",
        "stage": "find",
        "total": 100,
        "unit": "frames",
    }


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"event": "nothing"},
        {"event": ["progress"]},
        {"event": "stage_started", "stage": "find"},
        {"event": "stage_started", "stage": "find", "total": "many", "unit": "frames"},
        {"event": "stage_started", "stage": 3, "total": 1, "unit": "frames"},
        {"event": "progress", "stage": "find", "done": True, "total": 1, "unit": "frames"},
        {"event": "progress", "stage": "find", "done": float("nan"), "total": 1, "unit": "frames"},
        {"event": "metrics", "stage": "train", "step": 1.5, "values": {}, "units": {}},
        {"event": "metrics", "stage": "train", "step": 1, "values": {"loss": "low"}, "units": {}},
        {"event": "metrics", "stage": "train", "step": 1, "values": [], "units": {}},
        {"event": "notice", "code": "a", "text": "b", "severity": "fatal", "data": {}},
    ],
)
def test_what_is_no_event_is_refused(data: object) -> None:
    with pytest.raises(InputError):
        from_json(data)  # type: ignore[arg-type]


@dataclass
class _Result:
    path: Path
    rate: Fraction
    loss: float
    faces: tuple[int, ...]


def test_results_become_json() -> None:
    result = _Result(Path("out.mp4"), Fraction(30000, 1001), float("nan"), (1, 2))
    assert as_json(result) == {"path": "out.mp4", "rate": "30000/1001", "loss": None, "faces": [1, 2]}
    assert as_json({1: np.float32(0.5), "b": np.arange(2)}) == {"1": 0.5, "b": [0, 1]}
    with pytest.raises(TypeError, match="bytes"):
        as_json(b"picture")


def test_lines_are_there_as_soon_as_an_event_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path, "abc", now=lambda: 12.5) as log:
        for count, event in enumerate(EVERY_KIND, 1):
            log(event)
            assert len(path.read_text().splitlines()) == count
    first = json.loads(path.read_text().splitlines()[0])
    assert first == {
        "time": 12.5,
        "run": "abc",
        "event": "started",
        "operation": "extract",
        "program": "facedouble 0",
    }
    assert list(read_events(path)) == EVERY_KIND
    with EventLog(path, "def") as log:  # a run that is resumed
        log(EVERY_KIND[0])
    assert list(read_events(path)) == [*EVERY_KIND, EVERY_KIND[0]]


def test_a_line_that_is_being_written_is_left_out_and_a_wrong_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log(EVERY_KIND[0])
    with path.open("a") as file:
        file.write('{"event": "sto')
    assert list(read_events(path)) == EVERY_KIND[:1]
    with path.open("a") as file:
        file.write("\n")
    with pytest.raises(InputError, match="line 2"):
        list(read_events(path))
