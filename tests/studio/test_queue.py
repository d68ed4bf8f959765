"""Queueing steps again: what a person asks for now is done, whatever became of the jobs before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from facedouble.project.database import open_database
from facedouble.project.dispatch import queue_now
from facedouble.project.edit import set_result_settings, set_training_minutes
from facedouble.project.jobs import JobState, Queue
from facedouble.project.look import look
from tests.studio.conftest import Client


@pytest.fixture
def queue(film: Path) -> Iterator[Queue]:
    set_training_minutes(film, "Ada-Ben", 5.0)
    with closing(open_database(film)) as database:
        yield Queue(database)


def test_a_conversion_does_not_wait_for_a_training_that_was_stopped(film: Path, queue: Queue) -> None:
    train, convert, evaluate = queue_now(look(film), queue)
    assert (convert.after, set(evaluate.after)) == ((train.id,), {train.id, convert.id})
    assert queue_now(look(film), queue) == []
    queue.claim("local")
    queue.end(train.id, JobState.CANCELLED)
    assert queue.ready("local") is None
    set_result_settings(film, "Ada", {"retargeting": 0.5})
    [again] = queue_now(look(film), queue, stale=True, only=["convert Ada"])
    assert (again.id, again.after) == (convert.id, ())
    assert "retargeting" in again.line
    ready = queue.ready("local")
    assert ready is not None
    assert ready.id == convert.id


def test_everything_again_resumes_what_was_stopped(film: Path, queue: Queue) -> None:
    train, convert, evaluate = queue_now(look(film), queue)
    queue.claim("local")
    queue.end(train.id, JobState.CANCELLED)
    new, linked, _ = queue_now(look(film), queue)
    assert (new.step, linked.id, linked.after) == (train.step, convert.id, (new.id,))
    assert set(queue.get(evaluate.id).after) == {new.id, convert.id}


def test_what_runs_is_left_alone_and_said(film: Path, queue: Queue, visitor: Client) -> None:
    train, *_ = queue_now(look(film), queue)
    queue.claim("local")
    assert queue_now(look(film), queue) == []
    assert queue.get(train.id).state == JobState.RUNNING
    queue.end(train.id, JobState.CANCELLED)
    [convert] = queue_now(look(film), queue, only=["convert Ada"])
    claimed = queue.claim("local")
    assert claimed is not None
    assert claimed.id == convert.id
    [step] = [it for it in visitor.get("/api/project").json["steps"] if it["kind"] == "convert"]
    base = f"/api/results/{step['id']}"
    answer = visitor.post(f"{base}/queue", {"values": visitor.get(base).json["values"]})
    assert answer.status == 409
    assert "is being made now" in answer.json["error"]
