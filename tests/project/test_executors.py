"""What every executor keeps to; a new one is tested here by its line in the registry."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from facedouble.cli.main import main
from facedouble.errors import OutputError, SettingsError
from facedouble.project.database import open_database
from facedouble.project.jobs import ENDED, Job, JobState, NewJob, Queue
from facedouble.project.registry import EXECUTORS
from facedouble.registry import Entry
from facedouble.video.images import write_png
from tests.waiting import wait_until


@pytest.fixture(params=[*EXECUTORS, "inline"])
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every executor there is, and one that is added by a line."""
    added = Entry("tests.project.inline_executor:InlineExecutor", "at once")
    monkeypatch.setattr(EXECUTORS, "entries", {**EXECUTORS.entries, "inline": added})
    return str(request.param)


def queued(folder: Path, new: list[NewJob]) -> list[Job]:
    with closing(open_database(folder)) as database:
        return Queue(database).add(new)


def now(folder: Path, job: Job) -> Job:
    with closing(open_database(folder)) as database:
        return Queue(database).get(job.id)


def wait(folder: Path, job: Job, state: JobState) -> Job:
    wait_until(lambda: now(folder, job).state in ENDED)
    found = now(folder, job)
    assert found.state == state, found
    return found


@pytest.mark.subprocess
def test_jobs_run_in_their_folder_and_their_order(name: str, project_folder: Path) -> None:
    images = project_folder / "work" / "images"
    images.mkdir(parents=True)
    for number in range(3):
        write_png(images / f"{number}.png", np.full((32, 32, 3), 80 * number, np.uint8))
    first = NewJob("one", ("video", "images", "-o", "clip.mp4"), folder="work", executor=name)
    second = NewJob("two", ("frames", "clip.mp4", "-o", "back"), "work", after=(-1,), executor=name)
    one, two = queued(project_folder, [first, second])
    executor = EXECUTORS[name](project_folder)
    executor.submit(one)
    executor.submit(two)
    done = wait(project_folder, two, JobState.DONE)
    assert done.exit_code == 0
    assert executor.state(done) == JobState.DONE
    assert len(list((project_folder / "work" / "back").iterdir())) == 3
    assert "stage_started" in done.file(project_folder, "jsonl").read_text()
    with pytest.raises(OutputError, match="has ended already"):
        executor.stop(done)


@pytest.mark.subprocess
def test_what_fails_is_failed_and_what_waits_for_it_is_not_run(name: str, project_folder: Path) -> None:
    first = NewJob("one", ("video", "missing", "-o", "clip.mp4"), executor=name)
    second = NewJob("two", ("video", "missing", "-o", "clip.mp4"), after=(-1,), executor=name)
    one, two = queued(project_folder, [first, second])
    executor = EXECUTORS[name](project_folder)
    executor.submit(one)
    failed = wait(project_folder, one, JobState.FAILED)
    assert failed.exit_code == 1
    assert now(project_folder, two).state == JobState.QUEUED
    executor.stop(two)
    assert now(project_folder, two).state == JobState.CANCELLED


def test_an_unknown_executor_is_answered_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="local"):
        EXECUTORS["cloud"]


def test_no_job_is_queued_for_an_executor_that_is_not_there(
    project_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project_folder / "project.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "executor: nowhere\n", encoding="utf-8")
    assert main(["jobs", "add", "--project", str(project_folder), "frames", "clip.mp4", "-o", "images"]) == 1
    assert "nowhere" in capsys.readouterr().err
    with closing(open_database(project_folder)) as database:
        assert list(Queue(database).all()) == []
