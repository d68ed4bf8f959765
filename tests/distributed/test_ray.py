"""Parts on several real raylets of this machine: equal results, and nothing lost when something is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedouble.conversion.pipeline import convert
from facedouble.distributed import ray_tasks
from facedouble.distributed.dispatch import distribute, open_executor
from facedouble.distributed.executor import PartExecutor
from facedouble.distributed.operations import plan
from facedouble.distributed.plan_folder import PlanFolder
from facedouble.distributed.ray_tasks import Cluster as Name
from facedouble.distributed.ray_training import train_on_cluster
from facedouble.errors import ProcessError, SettingsError
from facedouble.extraction.extract import extract
from facedouble.models.checkpoint import read_card
from facedouble.run.events import Event, Notice, Progress
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertCommand, ConvertSettings
from facedouble.settings.extract import ExtractCommand, ExtractSettings
from facedouble.settings.train import TrainCommand, TrainSettings
from facedouble.training.loop import train
from tests.conversion.pipeline.conftest import faces as faces
from tests.conversion.pipeline.conftest import pictures as pictures
from tests.conversion.pipeline.conftest import rich as rich
from tests.conversion.pipeline.conftest import stand_in as stand_in
from tests.conversion.pipeline.test_resume import packets
from tests.distributed.gate import Holder, acting, held_work, hold, is_held, let_others_pass, wait_for
from tests.distributed.test_operations import WRITING
from tests.extraction.facesets import contents

pytestmark = [pytest.mark.subprocess, pytest.mark.training, pytest.mark.slow]

NODES = 3
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef"}
QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}  # nothing is sent anywhere


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that works on nothing, and three nodes of one processor each; the machines are shared memory and
    this disk."""
    small = {"object_store_memory": 80 << 20, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        here = {"PYTHONPATH": os.pathsep.join(sys.path)}  # workers import what this process imports
        for name, value in {**TOKEN, **QUIET, **here}.items():
            patch.setenv(name, value)
        ray_cluster = pytest.importorskip("ray.cluster_utils")
        pytest.importorskip("ray._raylet").Config.initialize("")  # which reads the mode once
        try:
            made = ray_cluster.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
        except Exception as error:  # noqa: BLE001  (a sandbox without sockets or shared memory)
            pytest.skip(f"no Ray cluster can be started here ({type(error).__name__}: {error})"[:300])
        try:
            for _ in range(NODES):
                made.add_node(num_cpus=1, object_store_memory=80 << 20)
            yield made
        finally:
            made.shutdown()


@pytest.fixture(scope="module")
def executor(cluster: Any) -> Iterator[PartExecutor]:
    with open_executor(f"ray:{cluster.address}") as opened:
        yield opened


def workers(what: bytes = b"ray::work_here") -> list[int]:
    """The processes that work on a part now, or do something else."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(what):
                found.append(int(process.name))
        except OSError:
            continue  # it has ended
    return found


class AtFirst:
    """Calls ``act`` once, as soon as a part of ``stage`` is done and another is being worked on; keeps what
    was said."""

    def __init__(self, stage: str, act: Callable[[], bool]) -> None:
        self.stage, self.act, self.done = stage, act, False
        self.said: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Notice):
            self.said.append(event.text)
        if not self.done and isinstance(event, Progress) and event.stage == self.stage and event.done >= 1:
            self.done = self.act()


@pytest.fixture(scope="module")
def whole(rich: Path, faces: Path, stand_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "out.mov"
    convert(rich, stand_in, path, ConvertSettings.read(WRITING), faceset=faces)
    return path


@pytest.fixture
def planned(rich: Path, faces: Path, stand_in: Path, tmp_path: Path) -> Path:
    """The plan of the same conversion, in seven parts; its result is ``out.mov`` beside it."""
    places = {"source": str(rich), "model": str(stand_in), "faceset": str(faces)}
    command = ConvertCommand.read({**WRITING, **places, "output": str(tmp_path / "out.mov")})
    plan("convert", command, tmp_path / "plan", 1)
    return tmp_path / "plan"


def test_extraction_on_three_nodes_is_that_of_one(
    clips: dict[str, Path], tmp_path: Path, executor: PartExecutor
) -> None:
    extract(clips["sample_02"], tmp_path / "whole", ExtractSettings(processes=1))
    command = ExtractCommand.read({"source": str(clips["sample_02"]), "output": str(tmp_path / "faces")})
    plan("extract", command, tmp_path / "plan", NODES)
    assert len(PlanFolder(tmp_path / "plan").read().parts["detect"]) == NODES
    distribute(tmp_path / "plan", executor)
    found, expected = contents(tmp_path / "faces"), contents(tmp_path / "whole")
    assert found[1] == expected[1]
    assert found[0] == expected[0]


def test_conversion_on_three_nodes_is_that_of_one(planned: Path, whole: Path, executor: PartExecutor) -> None:
    result = distribute(planned, executor)
    assert packets(planned.parent / "out.mov") == packets(whole)
    assert result.frames_swapped > 0


HELD = 3
"""The part of seven that is held."""


@pytest.fixture
def holding(cluster: Any, executor: PartExecutor, monkeypatch: pytest.MonkeyPatch) -> Iterator[PartExecutor]:
    """An executor on the same cluster whose workers can be held."""
    monkeypatch.setattr(ray_tasks, "work_here", held_work)
    with open_executor(f"ray:{cluster.address}") as opened:
        yield opened


def lose_held(planned: Path, holding: PartExecutor, lose: Callable[[Holder], None]) -> list[str]:
    """Distribute the plan, and ``lose`` the worker that is held; what was said. The held part is done by
    somebody else only once the loss was noticed."""
    said: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Notice):
            said.append(event.text)
            if event.code == "distribute.failed":
                let_others_pass(planned)

    hold(planned, "convert", HELD)
    with acting(planned, lose):
        distribute(planned, holding, run=Run([hear]))
    return said


def test_a_killed_worker_costs_its_part_alone(planned: Path, whole: Path, holding: PartExecutor) -> None:
    said = lose_held(planned, holding, lambda holder: os.kill(holder.pid, signal.SIGKILL))
    assert packets(planned.parent / "out.mov") == packets(whole)
    (lost,) = [text for text in said if "is tried again" in text]
    assert f"part {HELD} of stage convert failed on" in lost
    assert "its worker is gone" in lost


def test_a_lost_node_costs_its_parts_alone(
    planned: Path, whole: Path, cluster: Any, holding: PartExecutor
) -> None:
    def lose(holder: Holder) -> None:
        (node,) = [node for node in cluster.worker_nodes if node.node_id == holder.node]
        cluster.remove_node(node, allow_graceful=False)

    try:
        said = lose_held(planned, holding, lose)
    finally:
        cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
    assert packets(planned.parent / "out.mov") == packets(whole)
    assert any(f"part {HELD} of stage convert failed" in text for text in said)


def test_a_worker_that_hangs_does_not_hold_up_the_rest(
    planned: Path, whole: Path, holding: PartExecutor
) -> None:
    def stop(holder: Holder) -> None:
        os.kill(holder.pid, signal.SIGSTOP)
        let_others_pass(planned)

    hold(planned, "convert", HELD)
    with acting(planned, stop):
        distribute(planned, holding)
    assert packets(planned.parent / "out.mov") == packets(whole)


def test_a_killed_coordinator_continues(
    planned: Path, whole: Path, cluster: Any, executor: PartExecutor
) -> None:
    hold(planned, "convert", HELD)
    code = "import sys; from tests.distributed.gate import distribute_held; distribute_held(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(planned), f"ray:{cluster.address}"]
    folder = PlanFolder(planned)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: process.poll() is not None or (is_held(planned) and folder.is_done("convert", 0)))
        assert process.poll() is None, "it can't be done: a part is held"
        process.kill()
    let_others_pass(planned)
    kept = [part for part in range(7) if folder.is_done("convert", part)]
    stamps = [folder.result("convert", part).stat().st_mtime_ns for part in kept]
    assert 0 in kept
    assert HELD not in kept
    distribute(planned, executor)
    assert [folder.result("convert", part).stat().st_mtime_ns for part in kept] == stamps
    assert packets(planned.parent / "out.mov") == packets(whole)


def test_a_part_that_cannot_be_done_ends_the_run_with_its_reason(
    planned: Path, stand_in: Path, executor: PartExecutor, tmp_path: Path
) -> None:
    (planned / "plan.safetensors").write_bytes(b"nothing")
    with pytest.raises(ProcessError) as caught:
        distribute(planned, executor)
    assert "stage fit failed 3 times (on " in str(caught.value)
    assert "damaged, or not a plan" in str(caught.value)
    assert not (tmp_path / "out.mov").exists()


SHORT = {
    "architecture": {"kind": "original", "filters": 4, "bottleneck": 8},
    "recipe": {"batch_size": 6},
    "compute": {"device": "cpu", "precision": "fp32", "gpus": NODES},
    "limits": {"iterations": 8},
    "saving": {"interval": 2},
    "monitor": {"write_image": False, "measure": False},
}


def short(facesets: dict[str, list[Path]], model: Path) -> TrainCommand:
    found = {side: [str(path) for path in facesets[side]] for side in "ab"}
    return TrainCommand.read({**SHORT, **found, "model": str(model)})


@pytest.fixture(scope="module")
def alone(facesets: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> list[list[float]]:
    """The losses of the same training in one process."""
    command = short(facesets, tmp_path_factory.mktemp("alone") / "model")
    command = command.replace(compute={"gpus": 1})
    train(facesets["a"], facesets["b"], command.model, command.only(TrainSettings))
    return read_card(command.model).history


def test_training_on_three_nodes_is_that_of_one(
    facesets: dict[str, list[Path]], alone: list[list[float]], tmp_path: Path, cluster: Any, executor: object
) -> None:
    heard: list[Event] = []
    result = train_on_cluster(short(facesets, tmp_path / "model"), cluster.address, run=Run([heard.append]))
    assert (result.iteration, result.model) == (8, tmp_path / "model")
    assert np.allclose(read_card(tmp_path / "model").history, alone, rtol=1e-4)
    assert any(isinstance(event, Progress) and event.stage == "train" for event in heard)


def test_a_lost_trainer_ends_in_a_restart(
    facesets: dict[str, list[Path]], alone: list[list[float]], tmp_path: Path, cluster: Any, executor: object
) -> None:
    """It has no limit, so that the loss cannot come after its end: it ends when it has been restarted."""

    def lose() -> bool:
        found = workers(b"ray::TrainingWorker")
        if len(found) < NODES or not (tmp_path / "model" / "model.json").exists():
            return False
        os.kill(found[-1], signal.SIGKILL)
        return True

    def cancel(event: Event) -> None:
        begun = any("training begins again where it was saved last" in text for text in lost.said)
        if begun and isinstance(event, Progress) and event.stage == "train" and event.done > len(alone):
            run.cancel()

    lost = AtFirst("train", lose)
    run = Run([lost, cancel])
    command = short(facesets, tmp_path / "model").replace(limits={"iterations": 0})
    result = train_on_cluster(command, cluster.address, run=run)
    assert lost.done
    assert run.cancelled
    assert result.iteration > len(alone)
    history = [row for row in read_card(tmp_path / "model").history if row[0] <= len(alone)]
    assert np.allclose(history, alone, rtol=1e-4)


def test_no_cluster_is_joined_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(ProcessError, match="can run anything on it"):
        open_executor("ray:192.0.2.1:6379").__enter__()


@pytest.mark.parametrize(
    ("text", "cluster"),
    [
        ("", Name()),
        ("auto", Name()),
        ("10.0.0.1:6379,cpus=4,gpus=1", Name("10.0.0.1:6379", 4, 1)),
        ("auto,gpus=1,parts=8", Name(gpus=1, parts=8)),
        ("h:1,without-token", Name("h:1", needs_token=False)),
    ],
)
def test_how_a_cluster_is_named(text: str, cluster: Name) -> None:
    assert Name.parse(text) == cluster


@pytest.mark.parametrize("text", ["h:1,cpus=0", "h:1,cpus=-1", "h:1,cpus", "h:1,trust"])
def test_a_cluster_that_is_not_named_well(text: str) -> None:
    with pytest.raises(SettingsError):
        Name.parse(text)
