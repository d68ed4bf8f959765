"""The queue: states, order, who takes what, and a database that came from elsewhere."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from facedouble.cli.main import main
from facedouble.errors import FacedoubleError, InputError, OutputError
from facedouble.project.database import open_database
from facedouble.project.jobs import JobProgress, JobState, NewJob, Queue


def job(title: str, *after: int) -> NewJob:
    return NewJob(title, ("extract", "-i", f"{title}.mp4", "-o", title), after=after)


@pytest.fixture
def queue(project_folder: Path) -> Iterator[Queue]:
    with closing(open_database(project_folder)) as database:
        yield Queue(database)


def titles(queue: Queue) -> list[str]:
    return [found.title for found in queue.all()]


def test_jobs_are_taken_in_order_and_each_once(queue: Queue) -> None:
    queue.add([job("one"), job("two")])
    first, second = queue.claim("local"), queue.claim("local")
    assert first is not None
    assert second is not None
    assert (first.title, first.state, first.attempts) == ("one", JobState.RUNNING, 1)
    assert second.title == "two"
    assert queue.claim("local") is None
    assert first.line == "facedouble extract -i one.mp4 -o one"


def test_a_job_waits_until_others_are_done(queue: Queue) -> None:
    queue.add([job("one"), job("two", -1), job("three")])
    one, three = queue.claim("local"), queue.claim("local")
    assert one is not None
    assert three is not None
    assert three.title == "three"
    assert queue.claim("local") is None
    queue.end(one.id, JobState.FAILED, 1, "no room")
    assert queue.claim("local") is None
    queue.resume(one.id)
    again = queue.claim("local")
    assert again is not None
    assert (again.id, again.attempts, again.error) == (one.id, 2, "")
    assert queue.end(one.id, JobState.DONE, 0)
    two = queue.claim("local")
    assert two is not None
    assert two.title == "two"


def test_another_executor_takes_its_own(queue: Queue) -> None:
    queue.add([NewJob("far", ("train",), executor="ray"), job("near")])
    near, far = queue.claim("local"), queue.claim("ray")
    assert near is not None
    assert far is not None
    assert (near.title, far.title) == ("near", "far")


def test_only_what_makes_sense_is_done(queue: Queue) -> None:
    one, two = queue.add([job("one"), job("two")])
    assert queue.claim("local") is not None
    assert queue.ask_to_stop(two.id).state == JobState.CANCELLED
    assert queue.ask_to_stop(one.id).state == JobState.RUNNING
    assert queue.get(one.id).stop_asked is not None
    for wrong in (
        lambda: queue.ask_to_stop(two.id),
        lambda: queue.resume(one.id),
        lambda: queue.move(one.id),
    ):
        with pytest.raises(OutputError, match="job"):
            wrong()
    with pytest.raises(InputError, match="there is no job 77"):
        queue.get(77)
    assert queue.end(one.id, JobState.DONE, 0)
    assert not queue.end(one.id, JobState.LOST), "it has ended already"
    assert queue.get(one.id).state == JobState.DONE


def test_the_order_can_be_changed(queue: Queue) -> None:
    one, two, three = queue.add([job("one"), job("two"), job("three")])
    queue.move(three.id, before=one.id)
    assert titles(queue) == ["three", "one", "two"]
    queue.move(two.id, before=one.id)
    assert titles(queue) == ["three", "two", "one"]
    queue.move(three.id)
    assert titles(queue) == ["two", "one", "three"]


def test_clearing_keeps_what_others_wait_for(queue: Queue) -> None:
    one, two, three = queue.add([job("one"), job("two", -1), job("three")])
    assert queue.claim("local") is not None
    queue.end(one.id, JobState.FAILED, 1)
    queue.ask_to_stop(three.id)
    gone, kept = queue.clear()
    assert ([j.id for j in gone], [j.id for j in kept]) == ([three.id], [one.id])
    assert titles(queue) == ["one", "two"]
    queue.ask_to_stop(two.id)
    queue.clear()
    assert titles(queue) == []
    assert queue.add([job("four")])[0].id > three.id, "numbers are never used again"


def test_progress_is_kept(queue: Queue) -> None:
    [one] = queue.add([job("one")])
    progress = JobProgress("find", 3.0, 10.0, "frames", 1.5, 1234.5)
    queue.note(one.id, progress=progress)
    assert queue.get(one.id).progress == progress


@pytest.mark.subprocess
def test_many_processes_take_each_job_once(project_folder: Path, queue: Queue) -> None:
    queue.add([job(f"{number}") for number in range(30)])
    script = (
        "import sys; from pathlib import Path; from facedouble.project.database import open_database\n"
        "from facedouble.project.jobs import Queue\n"
        f"queue = Queue(open_database(Path({str(project_folder)!r})))\n"
        "while (job := queue.claim('local')) is not None: print(job.id)"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    taken = [int(line) for run in runs for line in run.communicate(timeout=300)[0].split()]
    assert sorted(taken) == list(range(1, 31))


def test_reading_goes_on_while_another_writes(project_folder: Path, queue: Queue) -> None:
    [one] = queue.add([job("one")])
    problems: list[BaseException] = []

    def write(offset: int) -> None:
        try:
            with closing(open_database(project_folder)) as database:
                for number in range(50):
                    progress = JobProgress("find", float(offset + number), None, "frames", None, 0.0)
                    Queue(database).note(one.id, progress=progress)
        except BaseException as error:  # noqa: BLE001  (shown below)
            problems.append(error)

    writers = [threading.Thread(target=write, args=(offset,)) for offset in (0, 1000)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert queue.get(one.id).title == "one"
    for writer in writers:
        writer.join()
    assert problems == []


def test_jobs_that_somebody_else_queued_are_not_run(
    project_folder: Path, queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.add([job("planted"), job("running")])
    queue.move(2, before=1)
    assert queue.claim("local") is not None
    monkeypatch.setenv("FACEDOUBLE_CONFIG", str(tmp_path / "another account"))
    with closing(open_database(project_folder)) as database:
        found = Queue(database)
        assert {entry.state for entry in found.all()} == {JobState.CANCELLED}
        assert "by another user or on another machine" in found.get(1).error
        assert found.claim("local") is None
        found.resume(1)
    with closing(open_database(project_folder)) as database:
        assert Queue(database).get(1).state == JobState.QUEUED, "the new owner's wish counts"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "wild"),
        ("arguments", "[" * 100_000),
        ("arguments", "[1, 2]"),
        ("after", '["x"]'),
        ("progress", '{"stage": 1}'),
        ("record", "[]"),
        ("pid", "many"),
        ("title", b"\xff"),
    ],
)
def test_a_damaged_row_is_one_line(project_folder: Path, queue: Queue, column: str, value: object) -> None:
    queue.add([job("one")])
    with closing(sqlite3.connect(project_folder / ".facedouble" / "jobs.sqlite")) as database:
        database.execute(f"UPDATE job SET {column} = ?", (value,))
        database.commit()
    with closing(open_database(project_folder)) as damaged, pytest.raises(InputError, match="damaged"):
        Queue(damaged).all()


@pytest.mark.parametrize("content", [b"", b"no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_database_that_is_none_is_one_line(
    project_folder: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (project_folder / ".facedouble").mkdir()
    (project_folder / ".facedouble" / "jobs.sqlite").write_bytes(content)
    code = main(["jobs", "--project", str(project_folder)])
    said = capsys.readouterr()
    if content:
        assert code == 1
        [line] = said.err.splitlines()
        assert "jobs.sqlite: damaged" in line
    else:
        assert said.out.startswith("no jobs")


def test_a_state_folder_that_leads_elsewhere_is_refused(project_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project_folder / ".facedouble").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FacedoubleError, match="a link leads out of the project"):
        open_database(project_folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_job_keeps_the_settings_that_its_file_held(
    project_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("facedouble.project.local.LocalExecutor.submit", lambda *_: None)
    monkeypatch.chdir(project_folder)
    Path("how.yaml").write_text("size: 512\n")
    command = ["extract", "--config", "how.yaml", "-i", "a.mp4", "-o", "f", "-p"]
    assert main(["jobs", "add", *command]) == 0
    assert "--config .facedouble/jobs/1.yaml" in capsys.readouterr().out
    Path("how.yaml").write_text("size: 64\n")
    with closing(open_database(project_folder)) as database:
        found = Queue(database).get(1)
    assert found.config == "size: 512\n"
    assert found.arguments == ("extract", "-i", "a.mp4", "-o", "f", "-p"), (
        "options after it are the command's"
    )
    monkeypatch.chdir(project_folder.parent)
    assert main(["jobs", "-p", str(project_folder), "stop", "1"]) == 0
    assert capsys.readouterr().out == "job 1 is cancelled\n"
