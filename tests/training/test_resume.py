"""Nothing is lost: killed at any moment, damaged, stopped and taken up again."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from signal import SIGKILL
from time import sleep

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from facedouble.errors import ModelError
from facedouble.models import checkpoint
from facedouble.run.events import Event, Notice, Progress
from facedouble.run.run import Run
from facedouble.settings.train import TrainSettings
from facedouble.training.loop import train
from tests.halting import halting, resume, wait_until_halted
from tests.training.how import varied

from .conftest import GAN, JUDGED, QUICK, Facesets

pytestmark = pytest.mark.training

SETTINGS = varied(JUDGED, iterations=8)
GAN = varied(GAN, iterations=8)
MIXUP = varied(GAN, recipe=("adversary.loss=mixup", "losses.ms_ssim=0.3", "losses.dssim=0"))


def losses(facesets: Facesets, model: Path, settings: TrainSettings) -> list[list[float]]:
    train(facesets["a"], facesets["b"], model, settings)
    rows: list[list[float]] = json.loads((model / "model.json").read_text())["history"]
    return rows


def same(one: Path, other: Path, iteration: int) -> bool:
    """Whether two models are the same at an iteration, to the last bit but rounding's."""
    for kind in ("weights", "state"):
        first, second = (load_file(m / f"{kind}-{iteration:08d}.safetensors") for m in (one, other))
        if first.keys() != second.keys():
            return False
        for name, value in first.items():
            if not torch.allclose(value.double(), second[name].double(), rtol=1e-4, atol=1e-6):
                return False
    return True


@pytest.mark.parametrize("settings", [SETTINGS, GAN, MIXUP], ids=["quick", "gan", "mixup"])
def test_taken_up_again_it_goes_on_as_if_never_stopped(
    facesets: Facesets, tmp_path: Path, settings: TrainSettings
) -> None:
    """Stopped in each of the configs of ``quick`` and after the discriminators have begun."""
    whole = losses(facesets, tmp_path / "whole", varied(settings, save_interval=1))
    # Stopped by hand: a smaller limit would be another course.
    parts = tmp_path / "parts"
    for last in (1, 3, 5, 7):
        stop_at(facesets, parts, settings, last)
    assert [row[0] for row in losses(facesets, parts, settings)] == list(range(1, 9))
    assert np.allclose(whole, losses(facesets, parts, settings), rtol=1e-5)
    assert same(tmp_path / "whole", parts, 8)


def stop_at(facesets: Facesets, model: Path, settings: TrainSettings, iteration: int) -> None:
    run = Run()

    def cancel(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "train" and event.done == iteration:
            run.cancel()

    run.subscribe(cancel)
    result = train(facesets["a"], facesets["b"], model, settings, run=run)
    assert result.iteration == iteration


CHILD = """
import sys
from pathlib import Path
from tests.training.how import how
from facedouble.training.loop import train

a, b, model, arguments = sys.argv[1:]
settings = how(iterations=400, batch_size=2, arguments=tuple(arguments.split()), device="cpu",
    precision="fp32", seed=3, save_interval=2, write_image=False, measure=False)
train([Path(a)], [Path(b)], Path(model), settings)
"""


@pytest.mark.subprocess
def test_killed_at_any_moment_it_goes_on_from_the_last_save(facesets: Facesets, tmp_path: Path) -> None:
    """Really killed, several times over, mostly in the middle of a save: they follow each other closely."""
    model = tmp_path / "m"
    arguments = [str(facesets["a"][0]), str(facesets["b"][0]), str(model), " ".join(QUICK)]
    chance = Random(5)
    reached = 0
    for _ in range(4):
        first, last = reached + 3, reached + 30  # it gets beyond the one, and not beyond the other
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments],
            env=halting(tmp_path / "site", f"train:{first}", f"train:{last}"),
        )
        wait_until_halted(child.pid)
        resume(child.pid)
        sleep(chance.uniform(0.0, 0.2))
        child.kill()
        assert child.wait() == -SIGKILL
        card, weights, state = checkpoint.resume(model)
        assert first - 2 <= card.iteration <= last  # it saves every second, after it said that it is done
        assert weights
        assert state
        reached = card.iteration
    settings = varied(SETTINGS, iterations=400)
    stop_at(facesets, model, settings, reached + 3)
    stop_at(facesets, tmp_path / "whole", settings, reached + 3)
    rows, whole = (checkpoint.read_card(m).history for m in (model, tmp_path / "whole"))
    assert np.allclose(rows, whole, rtol=1e-3)
    kept = {
        f"{kind}-{save.iteration:08d}.safetensors"
        for kind in ("weights", "state")
        for save in checkpoint.read_card(model).saves
    } | {"references-a.safetensors", "references-b.safetensors"}
    assert {path.name for path in model.glob("*.safetensors*")} == kept, "nothing half done is left"


@pytest.mark.parametrize("kind", ["weights", "state"])
@pytest.mark.parametrize("harm", ["a byte", "half gone", "all gone"])
def test_a_damaged_save_is_reported_and_the_one_before_used(
    facesets: Facesets, tmp_path: Path, kind: str, harm: str
) -> None:
    model, settings = tmp_path / "m", varied(SETTINGS, save_interval=3)
    whole = losses(facesets, tmp_path / "whole", settings)
    losses(facesets, model, settings)
    file = model / f"{kind}-00000008.safetensors"
    data = bytearray(file.read_bytes())
    if harm == "all gone":
        file.unlink()
    else:
        data[len(data) // 2] ^= 1
        file.write_bytes(data if harm == "a byte" else data[: len(data) // 2])
    heard: list[Event] = []
    train(facesets["a"], facesets["b"], model, settings, run=Run([heard.append]))
    texts = [event.text for event in heard if isinstance(event, Notice) and event.severity == "warning"]
    assert any("iteration 8 is damaged" in text for text in texts)
    assert any("resumed from iteration 6" in e.text for e in heard if isinstance(e, Notice))
    card = checkpoint.read_card(model)
    assert np.allclose(whole, card.history, rtol=1e-5)
    assert [save.iteration for save in card.saves] == [8, 6, 3]
    assert same(tmp_path / "whole", model, 8), "weights and state of one iteration"


def test_with_no_whole_save_it_stops_and_changes_nothing(facesets: Facesets, tmp_path: Path) -> None:
    model = tmp_path / "m"
    losses(facesets, model, varied(SETTINGS, save_interval=3))
    for file in model.glob("state-*"):
        file.write_bytes(b"junk")
    before = {path.name: path.read_bytes() for path in model.iterdir() if path.is_file()}
    with pytest.raises(ModelError, match="none of its 3 saves"):
        losses(facesets, model, SETTINGS)
    assert before == {path.name: path.read_bytes() for path in model.iterdir() if path.is_file()}
    assert checkpoint.load(model)[1].iteration == 8, "the weights are whole and can be used"
