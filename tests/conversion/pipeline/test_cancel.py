"""Runs that are cancelled at any moment, and run again."""

from __future__ import annotations

import random
import shutil
import threading
from pathlib import Path

import pytest

from facedouble.conversion.pipeline import ConvertResult, convert
from facedouble.run.cancel import Cancelled
from facedouble.run.events import Event, Progress
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.options import from_options

FRAMES = 40
SETTINGS = from_options(
    ConvertSettings, device="cpu", precision="fp32", credentials=False, checkpoint_frames=6
)


@pytest.fixture(scope="module")
def uninterrupted(rich: Path, faces: Path, stand_in: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("uninterrupted") / "out.mov"
    convert(rich, stand_in, path, SETTINGS, faceset=faces)
    return path.read_bytes()


def cancelled_after(
    seconds: float, rich: Path, model: Path, output: Path, faceset: Path | None
) -> ConvertResult | None:
    """A run that another thread cancels; ``None`` if it did not come to its end before that."""
    run = Run()
    timer = threading.Timer(seconds, run.cancel)
    timer.start()
    try:
        return convert(rich, model, output, SETTINGS, faceset=faceset, run=run)
    except Cancelled:
        assert not output.exists()
        return None
    finally:
        timer.cancel()
        timer.join()


@pytest.mark.parametrize(
    ("seed", "given"),
    [(0, True), (1, True), (2, True), pytest.param(2, False, marks=pytest.mark.subprocess)],
)
def test_a_run_cancelled_at_any_moment_ends_with_the_same_bytes(
    rich: Path, faces: Path, stand_in: Path, uninterrupted: bytes, tmp_path: Path, seed: int, given: bool
) -> None:
    chance, output = random.Random(seed), tmp_path / "out.mov"
    threads = threading.active_count()
    longest = 1.5 if given else 5.0
    for _ in range(4 if given else 2):
        if cancelled_after(chance.uniform(0, longest), rich, stand_in, output, faces if given else None):
            break
        assert threading.active_count() == threads
    else:
        convert(rich, stand_in, output, SETTINGS, faceset=faces if given else None)
    assert output.read_bytes() == uninterrupted
    assert [path.name for path in tmp_path.iterdir()] == ["out.mov"]


def cancelled_in_part_three(rich: Path, model: Path, output: Path) -> Path:
    """The work folder of a run that was cancelled there."""

    def stop(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "convert" and event.done == 15:
            run.cancel()

    run = Run([stop])
    with pytest.raises(Cancelled):
        convert(rich, model, output, SETTINGS, run=run)
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
