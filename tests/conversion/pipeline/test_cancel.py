"""Runs that are cancelled at any moment, and run again."""

from __future__ import annotations

import random
import shutil
import threading
from pathlib import Path

import pytest

from facedouble.conversion.pipeline import convert
from facedouble.run.cancel import Cancelled, CancelToken
from facedouble.run.events import Event, Progress
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.options import from_options

FRAMES = 40
SETTINGS = from_options(
    ConvertSettings, device="cpu", precision="fp32", credentials=False, checkpoint_frames=6
)


class CancelledAt(CancelToken):
    """Cancels at the safe point of this number, of all that any thread comes to; never where it is 0."""

    __slots__ = ("_moment", "reached")

    def __init__(self, moment: int = 0) -> None:
        super().__init__()
        self._moment = moment
        self.reached = 0

    def check(self) -> None:
        self.reached += 1
        if self.reached == self._moment:
            self.cancel()
        super().check()


@pytest.fixture(scope="module")
def safe_points() -> CancelledAt:
    """How many there are in ``uninterrupted``."""
    return CancelledAt()


@pytest.fixture(scope="module")
def uninterrupted(
    rich: Path,
    faces: Path,
    stand_in: Path,
    safe_points: CancelledAt,
    tmp_path_factory: pytest.TempPathFactory,
) -> bytes:
    path = tmp_path_factory.mktemp("uninterrupted") / "out.mov"
    convert(rich, stand_in, path, SETTINGS, faceset=faces, run=Run(token=safe_points))
    return path.read_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_a_run_cancelled_at_any_moment_ends_with_the_same_bytes(
    rich: Path,
    faces: Path,
    stand_in: Path,
    uninterrupted: bytes,
    safe_points: CancelledAt,
    tmp_path: Path,
    seed: int,
) -> None:
    chance, output = random.Random(seed), tmp_path / "out.mov"
    threads = set(threading.enumerate())
    for _ in range(3):  # each run goes on where the one before was, and comes to its end once
        run = Run(token=CancelledAt(chance.randint(1, safe_points.reached // 3)))
        with pytest.raises(Cancelled):
            convert(rich, stand_in, output, SETTINGS, faceset=faces, run=run)
        assert not output.exists()
        assert set(threading.enumerate()) <= threads
    convert(rich, stand_in, output, SETTINGS, faceset=faces)
    assert output.read_bytes() == uninterrupted
    assert [path.name for path in tmp_path.iterdir()] == ["out.mov"]


@pytest.mark.subprocess
def test_cancelled_while_it_looks_for_faces_it_ends_with_the_same_bytes(
    rich: Path, stand_in: Path, uninterrupted: bytes, tmp_path: Path
) -> None:
    output = tmp_path / "out.mov"
    threads = set(threading.enumerate())
    for stage, done in (("detect", 30), ("crop", 20)):
        with pytest.raises(Cancelled):
            convert(rich, stand_in, output, SETTINGS, run=cancelled_in(stage, done))
        assert set(threading.enumerate()) <= threads
    convert(rich, stand_in, output, SETTINGS)
    assert output.read_bytes() == uninterrupted
    assert [path.name for path in tmp_path.iterdir()] == ["out.mov"]


def cancelled_in(stage: str, done: int) -> Run:
    """A run that is cancelled once so much of a stage is done."""

    def stop(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == stage and event.done >= done:
            run.cancel()

    run = Run([stop])
    return run


def cancelled_in_part_three(rich: Path, model: Path, output: Path) -> Path:
    """The work folder of a run that was cancelled there."""
    with pytest.raises(Cancelled):
        convert(rich, model, output, SETTINGS, run=cancelled_in("convert", 15))
    return output.with_name(f".{output.name}.work")


@pytest.mark.subprocess
def test_a_resumed_run_reuses_the_saved_plan(
    rich: Path, stand_in: Path, uninterrupted: bytes, tmp_path: Path
) -> None:
    output = tmp_path / "out.mov"
    work = cancelled_in_part_three(rich, stand_in, output)
    shutil.rmtree(work / "faces")  # whoever has the plan needs them no more
    events: list[Event] = []
    assert convert(rich, stand_in, output, SETTINGS, run=Run([events.append])).frames_resumed == 12
    assert {event.stage for event in events if isinstance(event, Progress)} == {"convert"}
    assert output.read_bytes() == uninterrupted


@pytest.mark.subprocess
def test_a_damaged_plan_is_replaced(rich: Path, stand_in: Path, uninterrupted: bytes, tmp_path: Path) -> None:
    output = tmp_path / "out.mov"
    work = cancelled_in_part_three(rich, stand_in, output)
    plan = work / "plan.safetensors"
    plan.write_bytes(plan.read_bytes()[:-9])
    assert convert(rich, stand_in, output, SETTINGS).frames_resumed == 12
    assert output.read_bytes() == uninterrupted
