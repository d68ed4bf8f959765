"""Jobs with real processes: the runner, what happens when it or its job is killed, and the whole road."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facedouble.cli.main import main
from facedouble.faceset.store import Faceset
from facedouble.files import is_locked
from facedouble.project.database import open_database
from facedouble.project.ending import BY_HAND
from facedouble.project.jobs import ENDED, Job, JobState, NewJob, Queue
from facedouble.project.local import LocalExecutor
from facedouble.training.schedule import StopReason
from facedouble.video.source import open_source
from tests.halting import halted_job, halting, is_signalled, resume
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.subprocess,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL"),
]

FRAMES = 40
STEPS = ["extract a/a", "extract b/b", "train a-b", "convert a"]


@pytest.fixture(scope="session")
def footage(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short, small clip of each actor: a.mp4 and b.mp4."""
    folder = tmp_path_factory.mktemp("footage")
    for name, clip in (("a", "sample_02"), ("b", "sample_04")):
        with av.open(str(folder / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=30, options={"crf": "18"})
            stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
            for number, frame in enumerate(islice(open_source(clips[clip]).frames(), FRAMES)):
                small = cv2.resize(frame.rgb(), (640, 360), interpolation=cv2.INTER_AREA)
                picture = av.VideoFrame.from_ndarray(np.asarray(small, np.uint8), "rgb24")
                picture.pts, picture.time_base = number, Fraction(1, 30)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    return folder


def make_project(folder: Path, footage: Path) -> Path:
    """A project whose clips lie inside it, with a training of two steps and no report."""
    (folder / "clips").mkdir(parents=True)
    for name in ("a", "b"):
        shutil.copy(footage / f"{name}.mp4", folder / "clips")
    clips = [str(folder / "clips" / f"{name}.mp4") for name in ("a", "b")]
    assert main(["init", str(folder), "-A", clips[0], "-B", clips[1]]) == 0
    file = folder / "project.yaml"
    text = file.read_text().replace("    model: a-b\n", "    model: a-b\n    evaluate: false\n")
    head, _, _ = text.partition("settings:")
    file.write_text(
        f"{head}settings:\n"
        "  extract: {processes: 1}\n"
        "  train: {limits: {iterations: 2}, compute: {device: cpu}}\n"
        "  convert: {checkpoint_frames: 5, marking: {kind: none}, compute: {device: cpu, precision: fp32}}\n"
    )
    return folder


@pytest.fixture(scope="session")
def unbroken(footage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project done in one go, by ``facedouble run`` on a terminal; not to be changed."""
    folder = make_project(tmp_path_factory.mktemp("unbroken") / "film", footage)
    done = subprocess.run(
        [sys.executable, "-m", "facedouble", "run", str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def film(unbroken: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of that project, elsewhere, without its result; its jobs end with the test."""
    folder = tmp_path / "moved" / "film"
    shutil.copytree(unbroken, folder)
    shutil.rmtree(folder / "results")
    yield folder
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(runner_pid(folder), signal.SIGKILL)
    for job in jobs(folder):
        if job.pid is not None and job.state == JobState.RUNNING:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)


@pytest.fixture
def halt_jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Has jobs of runners that start from now on halt at these moments."""

    def halt(*moments: str) -> None:
        for name, value in halting(tmp_path / "site", *moments).items():
            monkeypatch.setenv(name, value)

    return halt


def jobs(folder: Path) -> list[Job]:
    with closing(open_database(folder)) as database:
        return Queue(database).all()


def all_ended(folder: Path) -> bool:
    return all(job.state in ENDED for job in jobs(folder))


def packets(clip: Path) -> list[tuple[object, ...]]:
    with av.open(str(clip)) as container:
        return [(p.stream.index, p.pts, p.dts, bytes(p)) for p in container.demux() if p.size]


def crops(faceset: Path) -> dict[str, bytes]:
    with Faceset.open(faceset) as opened:
        assert opened.complete
    return {crop.name: crop.read_bytes() for crop in (faceset / "faces").iterdir()}


def runner_lock(folder: Path) -> Path:
    return folder / ".facedouble" / ".runner.lock"


def runner_pid(folder: Path) -> int:
    return int(json.loads(runner_lock(folder).read_bytes())["pid"])


@pytest.mark.slow
def test_the_whole_road_and_then_nothing_is_left_to_do(
    unbroken: Path, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(packets(unbroken / "results" / "a.mp4")) == FRAMES
    assert main(["run", str(unbroken), "--dry-run"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["status", str(unbroken)]) == 0
    said = capsys.readouterr().out
    assert "everything is done" in said
    assert f"{FRAMES} faces" in said
    assert main(["run", str(film), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["mkdir", "-p"], ["facedouble", "convert"]], (
        "moved to another folder, all but the result that was removed still counts as done"
    )


@pytest.mark.slow
def test_runner_and_job_are_killed_and_the_result_is_the_same(
    unbroken: Path, film: Path, halt_jobs: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    def kill_both(job: Job) -> None:
        os.kill(runner_pid(film), signal.SIGKILL)
        os.killpg(job.pid or 0, signal.SIGKILL)
        wait_until(lambda: not is_locked(runner_lock(film)))
        wait_until(lambda: not is_locked(film / ".facedouble" / "jobs" / f"{job.id}.lock"))

    shutil.rmtree(film / "faces" / "a" / "a")
    halt_jobs("detect:10")
    assert main(["run", str(film), "--queue"]) == 0
    extraction = halted_job(film, "extract a/a")
    kill_both(extraction)
    capsys.readouterr()
    assert main(["jobs", "--project", str(film)]) == 0
    said = capsys.readouterr().out
    assert "lost" in said
    assert "waits for 1 (lost)" in said
    halt_jobs("convert:12")
    assert main(["jobs", "resume", "--project", str(film)]) == 0
    conversion = halted_job(film, "convert a")
    kill_both(conversion)
    main(["jobs", "--project", str(film)])
    halt_jobs()
    assert main(["jobs", "resume", "--project", str(film)]) == 0
    wait_until(lambda: all_ended(film))
    assert [(job.title, job.state, job.attempts) for job in jobs(film)] == [
        ("extract a/a", JobState.DONE, 2),
        ("convert a", JobState.DONE, 2),
    ]
    assert crops(film / "faces" / "a" / "a") == crops(unbroken / "faces" / "a" / "a")
    assert packets(film / "results" / "a.mp4") == packets(unbroken / "results" / "a.mp4")
    log = (film / ".facedouble" / "jobs" / f"{conversion.id}.log").read_text()
    assert "by an earlier run" in log
    assert main(["run", str(film), "--dry-run"]) == 0


@pytest.mark.slow
def test_a_job_outlives_its_runner_and_is_taken_over(
    unbroken: Path, film: Path, halt_jobs: Callable[..., None]
) -> None:
    halt_jobs("convert:3")
    assert main(["run", str(film), "--queue"]) == 0
    job = halted_job(film, "convert a")
    assert os.getsid(job.pid or 0) != os.getsid(0), "no terminal's end reaches it"
    os.kill(runner_pid(film), signal.SIGKILL)
    executor = LocalExecutor(film)
    assert executor.state(job) == JobState.RUNNING
    executor.submit(job)
    executor.submit(job)
    resume(job.pid or 0)
    wait_until(lambda: all_ended(film))
    assert [(found.state, found.attempts) for found in jobs(film)] == [(JobState.DONE, 1)]
    assert packets(film / "results" / "a.mp4") == packets(unbroken / "results" / "a.mp4")


@pytest.mark.slow
def test_stopped_and_resumed_it_makes_the_same(
    unbroken: Path, film: Path, halt_jobs: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    halt_jobs("convert:12")
    assert main(["run", str(film), "--queue"]) == 0
    assert main(["run", str(film), "--queue"]) == 1, "it is queued already"
    job = halted_job(film, "convert a")
    assert main(["run", str(film)]) == 1, "a runner is at work"
    assert main(["jobs", "stop", str(job.id), "--project", str(film)]) == 0
    wait_until(lambda: is_signalled(job.pid or 0))
    resume(job.pid or 0)
    wait_until(lambda: all_ended(film))
    stopped = jobs(film)[0]
    assert stopped.state == JobState.CANCELLED
    assert not (film / "results" / "a.mp4").exists()
    assert main(["status", str(film)]) == 0
    assert "unfinished" in capsys.readouterr().out
    # The runner at work halts its jobs. It would take this one if it had not ended yet.
    wait_until(lambda: not is_locked(runner_lock(film)))
    halt_jobs()
    assert main(["jobs", "resume", str(job.id), "--project", str(film)]) == 0
    wait_until(lambda: all_ended(film))
    assert jobs(film)[0].state == JobState.DONE
    assert packets(film / "results" / "a.mp4") == packets(unbroken / "results" / "a.mp4")


@pytest.mark.slow
def test_two_terminals_queue_and_each_job_runs_once(film: Path) -> None:
    command = [sys.executable, "-m", "facedouble", "jobs", "add", "--project", str(film)]
    frames = ["frames", "clips/a.mp4", "-o"]
    started = [
        subprocess.Popen([*command, *frames, name], cwd=film, stdout=subprocess.DEVNULL)
        for name in ("one", "two")
    ]
    assert [process.wait() for process in started] == [0, 0]
    wait_until(lambda: all_ended(film))
    assert [(job.state, job.attempts, job.exit_code) for job in jobs(film)] == [(JobState.DONE, 1, 0)] * 2
    for name in ("one", "two"):
        assert len(list((film / name).iterdir())) == FRAMES


@pytest.mark.slow
def test_a_job_that_fails_says_why_in_one_line(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(open_database(film)) as database:
        [job] = Queue(database).add([NewJob("frames", ("frames", "missing.mp4", "-o", "out"))])
    LocalExecutor(film).submit(job)
    wait_until(lambda: all_ended(film))
    capsys.readouterr()
    assert main(["jobs", "--project", str(film)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "failed" in first
    assert "missing.mp4" in first
    assert second.strip() == "facedouble frames missing.mp4 -o out"
    assert main(["jobs", "log", str(job.id), "--project", str(film)]) == 0
    assert "error: " in capsys.readouterr().out
    assert main(["jobs", "clear", "--project", str(film)]) == 0
    assert jobs(film) == []
    assert list((film / ".facedouble" / "jobs").iterdir()) == []


def test_only_commands_that_report_can_be_jobs(
    project_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong in (["jobs"], ["run"], ["rm", "-rf", "x"], ["frames", "x", "--events", "y"]):
        assert main(["jobs", "add", "--project", str(project_folder), *wrong]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
    assert jobs(project_folder) == []


def test_a_training_that_was_stopped_is_known_by_the_loop_s_own_text() -> None:
    assert StopReason.BY_HAND.text == BY_HAND
