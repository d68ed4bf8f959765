"""One step: alone, in parts, in two processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from facedouble.errors import SettingsError, TrainingError
from facedouble.models import checkpoint
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run
from facedouble.settings.train import TrainSettings
from facedouble.training import schedule
from facedouble.training.loop import train
from facedouble.training.optimizer import places_in_memory, set_rate
from facedouble.training.parallel import World
from facedouble.training.recorded_step import RecordedStep, Replay
from facedouble.training.setup import Setup, prepare
from facedouble.training.side_threads import SideThreads, computing_threads
from facedouble.types import Side
from tests.training.how import varied

from .conftest import GAN, JUDGED, QUICK, SMALL, Facesets

pytestmark = pytest.mark.training

SETTINGS = varied(SMALL, batch_size=4, arguments=(*QUICK, "noise=0"))
ORIGINAL = varied(SETTINGS, trainer="original", arguments=("filters=4", "bottleneck=8"))
GAN = varied(GAN, batch_size=4)


def setup(facesets: Facesets, settings: TrainSettings, heard: list[Event] | None = None) -> Setup:
    run = Run([([] if heard is None else heard).append])
    return prepare({"a": facesets["a"], "b": facesets["b"]}, Path("nowhere"), settings, World(), run)


def after_steps(
    facesets: Facesets, settings: TrainSettings, micro_batch: int, progress: float
) -> torch.Tensor:
    """How far three steps move each parameter."""
    made = setup(facesets, settings)
    made.step.micro_batch = micro_batch
    parameters = list(made.state.network.parameters())
    before = torch.cat([p.detach().flatten() for p in parameters])
    for _ in range(3):
        config = schedule.step_config(made.recipe, settings, made.state.card, progress)
        made.step(made.pairs(config), config)
        made.state.card.iteration += 1
    return torch.cat([p.detach().flatten() for p in parameters]) - before


@pytest.mark.parametrize("progress", [0.0, 0.9])
@pytest.mark.parametrize("settings", [ORIGINAL, GAN], ids=["original", "gan"])
def test_in_parts_it_is_the_same_step(facesets: Facesets, settings: TrainSettings, progress: float) -> None:
    """Gradients of parts add up to that of the whole, losses weighted by pixel and adversaries included.
    (``quick`` normalises over what goes through it at once, so there a part is not the same.)"""
    whole = after_steps(facesets, settings, 8, progress)
    for micro_batch in (3, 1):
        # On average: Adam's first steps have the size of the rate however small the gradient.
        difference = whole - after_steps(facesets, settings, micro_batch, progress)
        assert difference.abs().mean() < 0.01 * whole.abs().mean()


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("settings", [SETTINGS, ORIGINAL], ids=["quick", "original"])
def test_each_side_in_its_own_thread_is_the_same_step(
    facesets: Facesets, settings: TrainSettings, two_threads: None
) -> None:
    """Through the shared decoder and apart, with noise, and in parts; the same every time."""
    settings = varied(settings, recipe=("shared_decoder_until=0.5",))

    def losses(*, apart: bool, micro_batch: int) -> list[list[float]]:
        made = setup(facesets, settings)
        assert made.step.update.threads is not None
        if not apart:
            made.step.update.threads = None
        made.step.micro_batch = micro_batch
        rows = []
        for progress in (0.0, 0.2, 0.4, 0.6, 0.8):
            if progress > 0.5 and not made.state.card.decoders_split:
                made.state.split_decoders()
            config = schedule.step_config(made.recipe, settings, made.state.card, progress)
            rows.append(made.step(made.pairs(config), config).tolist())
        return rows

    for micro_batch in (8, 4):
        there = losses(apart=True, micro_batch=micro_batch)
        assert there == losses(apart=True, micro_batch=micro_batch)
        assert np.allclose(there, losses(apart=False, micro_batch=micro_batch), rtol=1e-4)


def test_threads_keep_their_own_number_of_threads(two_threads: None) -> None:
    pool = computing_threads(2, 1, "test")
    torch.set_num_threads(2)
    # A first operation is when a thread takes the number of the others, if it has none of its own.
    assert [pool.submit(torch.get_num_threads).result() for _ in range(4)] == [1] * 4
    assert torch.get_num_threads() == 2
    pool.shutdown()


def test_an_error_in_a_side_is_raised_when_the_other_has_ended(two_threads: None) -> None:
    ended = []

    def work(side: Side) -> None:
        if side == "a":
            raise ValueError("of a")
        time.sleep(0.05)
        ended.append(side)

    with pytest.raises(ValueError, match="of a"):
        SideThreads().run(work)
    assert ended == ["b"]


@pytest.mark.parametrize("cores", [2, 3])
def test_on_two_cores_the_next_batch_waits_until_both_sides_have_ended(
    facesets: Facesets, two_threads: None, cores: int
) -> None:
    """A third thread would hold up one of them. With a core left it begins at once."""
    torch.set_num_threads(cores)
    made = setup(facesets, SETTINGS)
    threads = made.step.update.threads
    assert threads is not None
    order: list[str] = []
    work = threads.run

    def run(of_side: Callable[[Side], Any]) -> dict[Side, Any]:
        done = work(of_side)
        order.append("sides")
        return done

    threads.run = run  # type: ignore[method-assign,assignment]
    config = schedule.step_config(made.recipe, SETTINGS, made.state.card, 0.0)
    made.step(made.pairs(config), config, lambda: order.append("batch"))
    assert order == (["sides", "batch"] if cores == 2 else ["batch", "sides"])


def test_out_of_memory_it_takes_fewer_faces_at_a_time(facesets: Facesets) -> None:
    """A real failure to allocate: the step asks for more than any machine has."""
    heard: list[Event] = []
    made = setup(facesets, ORIGINAL, heard)
    config = schedule.step_config(made.recipe, ORIGINAL, made.state.card, 0.0)
    encode, seen = made.state.network.encode, []

    def hungry(faces: torch.Tensor, side: Side) -> torch.Tensor:
        seen.append(len(faces))
        if len(faces) > 4:
            torch.empty(2**50)
        return encode(faces, side)

    made.state.network.encode = hungry  # type: ignore[method-assign]
    pairs = made.pairs(config)
    losses = made.step(pairs, config)
    assert seen == [8, 4, 4]
    assert made.step.micro_batch == 4
    assert any("4 faces at a time" in event.text for event in heard if isinstance(event, Notice))
    assert torch.isfinite(losses).all()
    assert torch.allclose(losses, setup(facesets, ORIGINAL).step(pairs, config), atol=1e-6)

    def starving(faces: torch.Tensor, side: Side) -> torch.Tensor:
        raise MemoryError

    made.state.network.encode = starving  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="one face of each side"):
        made.step(pairs, config)


def test_what_normalises_over_a_batch_never_gets_a_single_face(facesets: Facesets) -> None:
    made = setup(facesets, varied(SETTINGS, batch_size=5))
    network: Any = made.state.network
    squeezed = network._squeezed
    seen: list[int] = []

    def noted(faces: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        seen.extend(len(part) for part in faces.values())
        return squeezed(faces)

    network._squeezed = noted
    made.step.micro_batch = 1
    config = schedule.step_config(made.recipe, SETTINGS, made.state.card, 0.0)
    assert torch.isfinite(made.step(made.pairs(config), config)).all()
    assert seen == [2, 2, 3, 3]
    with pytest.raises(SettingsError, match="2 faces of each side"):
        setup(facesets, varied(SETTINGS, batch_size=1))


def test_another_error_is_not_taken_for_a_lack_of_memory(facesets: Facesets) -> None:
    made = setup(facesets, ORIGINAL)
    config = schedule.step_config(made.recipe, ORIGINAL, made.state.card, 0.0)
    pairs = made.pairs(config)
    wrong = replace(pairs["a"], inputs=pairs["a"].inputs[:, :2])
    with pytest.raises(RuntimeError, match="channels"):
        made.step({**pairs, "a": wrong, "b": replace(pairs["b"], inputs=wrong.inputs)}, config)


def test_what_is_compiled_is_the_same_step_and_is_not_compiled_anew_in_each(facesets: Facesets) -> None:
    """Captured, that is, and run as captured: code is made of it on GPUs only. ``quick`` through its whole
    course: warps and noise fade, decoders part, swapped faces are judged."""
    settings = varied(SMALL, batch_size=4)

    def losses(*, captured: bool) -> list[list[float]]:
        made = setup(facesets, settings)
        if captured:
            made.step.update.forward.compile(backend="eager")
        rows = []
        for progress in np.arange(0, 1, 0.1):
            if progress >= made.recipe.shared_decoder_until and not made.state.card.decoders_split:
                made.state.split_decoders()
            config = schedule.step_config(made.recipe, settings, made.state.card, float(progress))
            rows.append(made.step(made.pairs(config), config).tolist())
        return rows

    plain = losses(captured=False)
    torch._dynamo.reset()
    counters.clear()
    assert np.allclose(losses(captured=True), plain, rtol=1e-4)
    assert 1 <= counters["stats"]["unique_graphs"] <= 4
    assert not counters["graph_break"]


def history(model: Path) -> list[list[float]]:
    return checkpoint.read_card(model).history


@pytest.mark.subprocess
@pytest.mark.parametrize(
    "settings",
    [SETTINGS, varied(SETTINGS, arguments=QUICK), ORIGINAL, GAN],
    ids=["quick", "quick with noise", "original", "gan"],
)
def test_two_processes_do_as_one(facesets: Facesets, tmp_path: Path, settings: TrainSettings) -> None:
    """With the same global batch, through all configs of the course, and taken up again in between."""
    heard: list[Event] = []
    train(facesets["a"], facesets["b"], tmp_path / "one", settings)
    both = varied(settings, gpus=2)
    train(facesets["a"], facesets["b"], tmp_path / "two", both, run=Run([heard.append]))
    assert any("2 processes" in event.text for event in heard if isinstance(event, Notice))
    one, two = history(tmp_path / "one"), history(tmp_path / "two")
    assert [row[0] for row in two] == [1, 2, 3, 4, 5, 6]
    assert np.allclose(one, two, rtol=1e-4), (one, two)


@pytest.mark.subprocess
def test_an_error_in_several_processes_is_one_clear_line(facesets: Facesets, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="needs both"):
        train(facesets["a"], [], tmp_path / "m", varied(SETTINGS, gpus=2))
    assert not (tmp_path / "m").exists()


@pytest.mark.subprocess
def test_torchrun_starts_it_as_well(facesets: Facesets, tmp_path: Path) -> None:
    model = tmp_path / "m"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m"]
    command += [
        "facedouble",
        "train",
        "-A",
        str(facesets["a"][0]),
        "-B",
        str(facesets["b"][0]),
        "-m",
        str(model),
    ]
    command += ["--iterations", "3", "-b", "4", "--precision", "fp32", "--no-write-image", "--no-measure"]
    command += [word for argument in QUICK for word in ("--set", f"architecture.{argument}")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    assert checkpoint.read_card(model).iteration == 3
    assert run.stderr.count("train: 3 iterations, 24 faces") == 1, "one process reports"


def immediate(work: Callable[[], torch.Tensor]) -> tuple[Replay, torch.Tensor]:
    """In place of a CUDA graph: as one, it is not done now but whenever it is replayed, and its result lies
    where it lay the first time."""
    result = torch.zeros(2)
    return lambda: result.copy_(work()), result


@pytest.mark.parametrize("settings", [JUDGED, ORIGINAL], ids=["quick", "original"])
def test_a_recorded_step_is_the_same_step(facesets: Facesets, settings: TrainSettings) -> None:
    """With noise and a rate that change, through the parting of the decoders and up to the discriminators; it
    is recorded anew only where it has to be."""
    settings = varied(settings, batch_size=4, recipe=(*settings_of(settings), "shared_decoder_until=0.4"))

    def losses(*, recorded: bool) -> tuple[list[list[float]], int]:
        made, captures = setup(facesets, settings), []

        def capture(work: Callable[[], torch.Tensor]) -> tuple[Replay, torch.Tensor]:
            captures.append(made.state.card.iteration)
            return immediate(work)

        if recorded:
            made.step.recorded = RecordedStep(capture, lambda work: work())
        rows = []
        for progress in np.arange(0, 1, 0.05):
            if progress >= made.recipe.shared_decoder_until and not made.state.card.decoders_split:
                made.state.split_decoders()
            config = schedule.step_config(made.recipe, settings, made.state.card, float(progress))
            rows.append(made.step(made.pairs(config), config).tolist())
            made.state.card.iteration += 1
        return rows, len(captures)

    plain, none = losses(recorded=False)
    found, captures = losses(recorded=True)
    assert none == 0
    assert np.allclose(found, plain, rtol=1e-5)
    assert captures == (2 if settings.architecture.kind == "quick" else 1)


def settings_of(settings: TrainSettings) -> tuple[str, ...]:
    return ("adversary.weight=0.2", "adversary.start=0.75") if settings is JUDGED else ()


def test_the_next_batch_begins_when_nothing_is_being_recorded(facesets: Facesets) -> None:
    """After the steps before the recording and the recording itself, before a replay; once for each step."""
    made, order = setup(facesets, ORIGINAL), list[str]()

    def capture(work: Callable[[], torch.Tensor]) -> tuple[Replay, torch.Tensor]:
        order.append("recorded")
        replay, result = immediate(work)

        def replayed() -> None:
            order.append("replayed")
            replay()

        return replayed, result

    def warm_up(work: Callable[[], torch.Tensor]) -> torch.Tensor:
        order.append("done")
        return work()

    made.step.recorded = RecordedStep(capture, warm_up)
    config = schedule.step_config(made.recipe, ORIGINAL, made.state.card, 0.0)
    for _ in range(8):
        made.step(made.pairs(config), config, lambda: order.append("batch"))
    last = order.index("recorded")
    assert order[:last] == ["done", "batch"] * (last // 2)
    assert order[last : last + 5] == ["recorded", "replayed", "batch", "batch", "replayed"]
    assert order.count("batch") == 8


def test_what_cannot_be_recorded_runs_as_it_is_and_says_so(facesets: Facesets) -> None:
    heard: list[Event] = []
    made = setup(facesets, ORIGINAL, heard)

    def refuse(work: Callable[[], torch.Tensor]) -> tuple[Replay, torch.Tensor]:
        raise RuntimeError("operation not permitted when stream is capturing")

    made.step.recorded = RecordedStep(refuse, lambda work: work())
    config = schedule.step_config(made.recipe, ORIGINAL, made.state.card, 0.0)
    for _ in range(8):
        assert torch.isfinite(made.step(made.pairs(config), config)).all()
    assert [event.code for event in heard if isinstance(event, Notice)].count("train.not_recorded") == 1
    assert made.step.recorded is None


def test_a_recording_that_has_no_room_takes_fewer_faces_at_a_time(facesets: Facesets) -> None:
    made = setup(facesets, ORIGINAL)

    def capture(work: Callable[[], torch.Tensor]) -> tuple[Replay, torch.Tensor]:
        if made.step.micro_batch > 4:
            torch.empty(2**50)
        return immediate(work)

    made.step.recorded = RecordedStep(capture, lambda work: work())
    config = schedule.step_config(made.recipe, ORIGINAL, made.state.card, 0.0)
    for _ in range(12):
        assert torch.isfinite(made.step(made.pairs(config), config)).all()
    assert made.step.micro_batch == 4
    assert made.step.recorded is not None


def test_a_tensor_of_a_rate_stays_where_it_is() -> None:
    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(layer.parameters(), lr=torch.tensor(0.1), fused=True)
    rate = optimizer.param_groups[0]["lr"]
    set_rate(optimizer, 0.5)
    assert rate is optimizer.param_groups[0]["lr"]
    assert float(rate) == 0.5
    assert places_in_memory(optimizer) == ()
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    before = places_in_memory(optimizer)
    optimizer.step()
    assert places_in_memory(optimizer) == before
    assert len(before) == 6
