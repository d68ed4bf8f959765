"""Training on small facesets made from real frames, with small models."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from facedouble.errors import FacedoubleError, ModelError, OutputError, SettingsError, TrainingError
from facedouble.models import checkpoint
from facedouble.run.cancel import cancelled_by
from facedouble.run.control import Control, ControlRequest, read_request, write_request
from facedouble.run.events import Event, Notice, Progress
from facedouble.run.run import Run
from facedouble.settings.train import TrainSettings
from facedouble.training.loop import TrainResult, train
from facedouble.video.images import read_image
from tests.training.how import varied

from .conftest import JUDGED, QUICK, SMALL, Facesets

pytestmark = pytest.mark.training

# Learns much in few steps, as it begins from nothing and not from the mean picture.
LEARNS = varied(
    SMALL,
    trainer="original",
    arguments=("filters=8", "bottleneck=32"),
    batch_size=8,
    learning_rate=3e-3,
    iterations=40,
)


def run(
    facesets: Facesets, model: Path, settings: TrainSettings, heard: list[Event] | None = None
) -> TrainResult:
    return train(
        facesets["a"], facesets["b"], model, settings, run=Run([(heard if heard is not None else []).append])
    )


def history(model: Path) -> list[list[float]]:
    rows: list[list[float]] = json.loads((model / "model.json").read_text())["history"]
    return rows


def noted(heard: list[Event]) -> str:
    return "\n".join(event.text for event in heard if isinstance(event, Notice))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_loss_falls_and_everything_is_written(facesets: Facesets, tmp_path: Path) -> None:
    model = tmp_path / "m"
    settings = varied(LEARNS, save_interval=15, write_image=True, measure=True)
    result = run(facesets, model, settings)
    card = checkpoint.read_card(model)
    assert (result.iteration, result.faces_seen, result.stopped) == (40, 640, "finished")
    assert card.history[-1][1] < 0.85 * card.history[0][1]
    assert card.history[-1][2] < 0.85 * card.history[0][2]
    assert [save.iteration for save in card.saves] == [40, 30, 15]
    assert read_image(model / "preview.png").shape == (6 * 64, 10 * 64 + 40, 3)
    assert read_image(model / "losses.png").std() > 10
    assert len(list((model / "time-lapse").iterdir())) == 3
    assert 0 < card.measures[-1]["ssim"] < 1
    assert card.measures[-1]["iteration"] == 40
    loaded, _ = checkpoint.load(model)
    assert loaded.resolution == card.resolution == 64


def test_the_same_seed_gives_the_same_model_and_another_does_not(facesets: Facesets, tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> dict[str, torch.Tensor]:
        run(facesets, tmp_path / name, varied(SMALL, seed=seed))
        return load_file(tmp_path / name / "weights-00000006.safetensors")

    one, two, other = weights("1", 3), weights("2", 3), weights("3", 4)
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)
    assert any(not torch.allclose(one[name], other[name], atol=1e-3) for name in one)


# -- stopping ------------------------------------------------------------------------------------


def test_ctrl_c_finishes_the_step_and_saves(facesets: Facesets, tmp_path: Path) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "train" and event.done == 2:
            os.kill(os.getpid(), signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    settings = varied(SMALL, iterations=10_000)
    working = Run([interrupt])
    with cancelled_by(working.token, [signal.SIGINT]):
        result = train(facesets["a"], facesets["b"], tmp_path / "m", settings, run=working)
    assert result.stopped == "stopped by hand"
    assert result.iteration == 2
    assert checkpoint.read_card(tmp_path / "m").iteration == 2


def test_cancelled_it_stops_as_by_enter(facesets: Facesets, tmp_path: Path) -> None:
    working = Run()

    def cancel(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "train" and event.done == 3:
            working.cancel()

    working.subscribe(cancel)
    settings = varied(SMALL, iterations=0)
    result = train(facesets["a"], facesets["b"], tmp_path / "m", settings, run=working)
    assert (result.stopped, result.iteration) == ("stopped by hand", 3)
    assert checkpoint.read_card(tmp_path / "m").iteration == 3


def test_minutes_are_kept(facesets: Facesets, tmp_path: Path) -> None:
    result = run(facesets, tmp_path / "m", varied(SMALL, iterations=0, minutes=0.02))
    assert result.iteration > 0
    assert 1.2 <= result.seconds


def test_it_stops_at_the_target_loss_of_both_sides(facesets: Facesets, tmp_path: Path) -> None:
    result = run(facesets, tmp_path / "m", varied(LEARNS, iterations=500, target_loss=0.15))
    assert result.stopped == "target loss reached"
    assert max(result.loss_a, result.loss_b) < 0.15
    before = history(tmp_path / "m")[-2]
    assert max(before[1:]) >= 0.15, "not later than need be"


def test_it_stops_where_faces_held_out_get_no_better(facesets: Facesets, tmp_path: Path) -> None:
    # At this rate nothing gets better or worse.
    settings = varied(SMALL, iterations=400, save_interval=5, patience=10, learning_rate=1e-12, measure=True)
    result = run(facesets, tmp_path / "m", settings)
    assert result.stopped == "no longer getting better"
    assert 10 < result.iteration <= 20


# -- bad input -----------------------------------------------------------------------------------


def test_too_few_faces_one_line_and_nothing_written(facesets: Facesets, tmp_path: Path) -> None:
    crops = sorted((facesets["b"][0] / "faces").iterdir())
    hidden = tmp_path / "hidden.png"
    crops[0].rename(hidden)
    try:
        with pytest.raises(TrainingError, match="9 faces"):
            run(facesets, tmp_path / "m", SMALL)
    finally:
        hidden.rename(crops[0])
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trainer": "original", "arguments": ("filters=4", "bottleneck=8")}, "architecture.kind=quick"),
        ({"arguments": ("resolution=64", *QUICK[1:])}, "32 pixels, not 64"),
        ({"arguments": (QUICK[0], "filters=8", *QUICK[2:])}, "architecture.filters=4"),
    ],
    ids=["architecture", "resolution", "arguments"],
)
def test_a_model_of_another_kind_is_not_overwritten(
    facesets: Facesets, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    run(facesets, tmp_path / "m", varied(SMALL, iterations=1))
    before = contents(tmp_path / "m")
    with pytest.raises(ModelError, match=message):
        run(facesets, tmp_path / "m", varied(SMALL, **change))
    with pytest.raises(ModelError, match=message):
        run(facesets, tmp_path / "n", varied(SMALL, from_model=tmp_path / "m", **change))
    assert contents(tmp_path / "m") == before
    assert not (tmp_path / "n").exists()


def test_a_folder_that_cannot_be_written_is_known_before_the_first_step(
    facesets: Facesets, tmp_path: Path
) -> None:
    # A file in the folder's place, as rights do not hold back every user that tests run as.
    (tmp_path / "file").write_text("mine")
    heard: list[Event] = []
    with pytest.raises(OutputError, match="cannot be written"):
        run(facesets, tmp_path / "file" / "m", SMALL, heard)
    assert not any(isinstance(event, Progress) and event.stage == "train" for event in heard)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "change",
    [
        {"trainer": "nonesuch"},
        {"device": "cuda:99"},
        {"precision": "fp7"},
        {"warp": "nonesuch"},
        {"perceptual_loss": "nonesuch"},
        {"recipe": ("adversary.loss=wgan",)},
        {"recipe": ("warp.kind=nonesuch",)},
        {"arguments": ("filters=x",)},
        {"arguments": ("nonesuch=3",)},
        {"arguments": ("resolution=33",)},
        {"batch_size": 1},
        {"compile": True},
        {"patience": 5},
        {"patience": 5, "measure": True, "save_minutes": 0.0},
    ],
    ids=str,
)
def test_wrong_settings_are_one_clear_line(
    change: dict[str, Any], facesets: Facesets, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as error:
        run(facesets, tmp_path / "m", varied(SMALL, **change))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "m").exists()


def test_a_recipe_changed_is_followed(facesets: Facesets, tmp_path: Path) -> None:
    """In the first step all draw the same; what differs is how it is judged."""
    changes = {
        "default": (),
        "no mask": ("losses.mask=0",),
        "one term alone": ("losses.mask=0", "losses.dssim=0", "losses.detail=0"),
        "structure": ("losses={mask: 0, dssim: 0, detail: 0, l1: 0, ms_ssim: 1}",),
    }
    first: dict[str, float] = {}
    for name, recipe in changes.items():
        run(facesets, tmp_path / name, varied(SMALL, recipe=recipe, iterations=1))
        first[name] = history(tmp_path / name)[0][1]
    assert first["default"] > first["no mask"] > first["one term alone"] > 0
    assert first["structure"] not in (0, first["one term alone"])


def test_discriminators_come_and_go_with_the_recipe(facesets: Facesets, tmp_path: Path) -> None:
    run(facesets, tmp_path / "m", varied(SMALL, iterations=2))
    heard: list[Event] = []
    run(facesets, tmp_path / "m", varied(JUDGED, iterations=4), heard)
    assert "new ones begin" in noted(heard)
    run(facesets, tmp_path / "m", varied(SMALL, iterations=6))
    assert [row[0] for row in history(tmp_path / "m")] == [1, 2, 3, 4, 5, 6]
    run(facesets, tmp_path / "m", varied(JUDGED, iterations=8))
    smaller = varied(JUDGED, recipe=("adversary={weight: 0.2, start: 0.75, filters: 3}",), iterations=9)
    with pytest.raises(ModelError, match="fit"):
        run(facesets, tmp_path / "m", smaller)


# -- other ways to begin -------------------------------------------------------------------------


def test_a_dry_run_says_memory_and_speed_and_writes_nothing(facesets: Facesets, tmp_path: Path) -> None:
    heard: list[Event] = []
    run(facesets, tmp_path / "m", varied(JUDGED, dry_run=True), heard)
    assert "memory: about" in noted(heard)
    assert "faces/s" in noted(heard)
    assert "with the discriminators, from 75% of" in noted(heard)
    assert not (tmp_path / "m").exists()


def test_from_another_model_it_starts_better_than_from_nothing(facesets: Facesets, tmp_path: Path) -> None:
    run(facesets, tmp_path / "other", LEARNS)
    other = contents(tmp_path / "other")
    run(facesets, tmp_path / "new", varied(LEARNS, iterations=1, seed=7))
    run(facesets, tmp_path / "m", varied(LEARNS, iterations=1, seed=7, from_model=tmp_path / "other"))
    assert sum(history(tmp_path / "m")[0][1:]) < 0.9 * sum(history(tmp_path / "new")[0][1:])
    assert contents(tmp_path / "other") == other


def test_from_a_model_whose_decoders_had_not_parted_they_part_later(
    facesets: Facesets, tmp_path: Path
) -> None:
    run(facesets, tmp_path / "other", varied(SMALL, iterations=1))
    assert not checkpoint.read_card(tmp_path / "other").decoders_split
    run(facesets, tmp_path / "m", varied(SMALL, from_model=tmp_path / "other"))
    assert checkpoint.read_card(tmp_path / "m").decoders_split
    weights = load_file(tmp_path / "m" / "weights-00000006.safetensors")
    last = "0.convolution.weight"
    assert not torch.equal(weights[f"decoders.a.{last}"], weights[f"decoders.b.{last}"]), "both have learnt"


def test_a_frozen_encoder_stays_and_the_decoders_learn(facesets: Facesets, tmp_path: Path) -> None:
    run(facesets, tmp_path / "other", SMALL)
    before = load_file(tmp_path / "other" / "weights-00000006.safetensors")
    frozen = varied(SMALL, freeze_encoder=True, from_model=tmp_path / "other")
    run(facesets, tmp_path / "m", frozen)
    after = load_file(tmp_path / "m" / "weights-00000006.safetensors")
    for name in before:
        if name.startswith(("encoder.", "squeeze.")):
            assert torch.equal(before[name], after[name]), name
    assert not torch.equal(*(w["decoders.b.0.convolution.weight"] for w in (before, after)))


# -- when the losses explode ---------------------------------------------------------------------


def test_after_an_explosion_it_goes_back_with_a_lower_rate(facesets: Facesets, tmp_path: Path) -> None:
    """A rate at which this model explodes within a few steps, and three tenths of which it stands, whatever
    the seed and the number of threads."""
    heard: list[Event] = []
    settings = varied(SMALL, iterations=60, learning_rate=1.0, save_interval=10)
    result = run(facesets, tmp_path / "m", settings, heard)
    card = checkpoint.read_card(tmp_path / "m")
    assert result.iteration == 60
    assert card.learning_rate_scale < 1
    assert "exploded" in noted(heard)
    assert [row[0] for row in card.history] == list(range(1, 61)), "no iteration twice, none left out"
    assert all(torch.isfinite(torch.tensor(row)).all() for row in card.history)


def test_when_nothing_helps_it_gives_up_and_the_saves_are_good(facesets: Facesets, tmp_path: Path) -> None:
    run(facesets, tmp_path / "m", SMALL)
    before = contents(tmp_path / "m")
    with pytest.raises(TrainingError, match=r"recipe\.learning_rate"):
        run(facesets, tmp_path / "m", varied(SMALL, iterations=200, learning_rate=1e12))
    assert contents(tmp_path / "m") == before
    assert issubclass(TrainingError, FacedoubleError)


# -- pausing -------------------------------------------------------------------------------------


def test_a_pause_saves_and_waits_until_it_ends(facesets: Facesets, tmp_path: Path) -> None:
    file, model = tmp_path / "control", tmp_path / "m"
    paused: list[int] = []

    def control(event: Event) -> None:
        if isinstance(event, Notice) and event.code == "train.paused":
            paused.append(checkpoint.read_card(model).iteration)
            write_request(file, ControlRequest(pause=False))
        elif isinstance(event, Progress) and event.stage == "train":
            if event.done >= 2 and not paused:
                write_request(file, ControlRequest(pause=True))
            elif paused and event.done > paused[0] + 2:
                working.cancel()

    with Run([control], control=Control(file)) as working:
        settings = varied(SMALL, iterations=0, save_interval=0)
        result = train(facesets["a"], facesets["b"], model, settings, run=working)
    assert len(paused) == 1
    assert 2 <= paused[0] < result.iteration
    assert result.stopped == "stopped by hand"


def test_a_pause_ends_when_the_training_is_stopped(facesets: Facesets, tmp_path: Path) -> None:
    file = tmp_path / "control"
    write_request(file, ControlRequest(pause=True))
    working = Run(control=Control(file))
    working.subscribe(
        lambda event: working.cancel() if isinstance(event, Notice) and event.code == "train.paused" else None
    )
    result = train(facesets["a"], facesets["b"], tmp_path / "m", varied(SMALL, iterations=0), run=working)
    assert (result.stopped, result.iteration) == ("stopped by hand", 0)


def test_it_saves_when_it_is_asked_to(facesets: Facesets, tmp_path: Path) -> None:
    file, model = tmp_path / "control", tmp_path / "m"
    write_request(file, ControlRequest(save=3))  # of an earlier run
    saves: list[int] = []

    def control(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "train":
            if event.done == 2:
                write_request(file, ControlRequest(save=4))
            saves.append(checkpoint.read_card(model).iteration)
            if saves[-1] > 0:
                working.cancel()

    working = Run([control], control=Control(file))
    train(facesets["a"], facesets["b"], model, varied(SMALL, iterations=0, save_interval=0), run=working)
    assert saves[-1] >= 2


@pytest.mark.parametrize("text", ["", "[]", '{"pause": 1, "save": 0}', '{"pause": true}', "[" * 5000])
def test_a_damaged_control_file_asks_for_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "control"
    assert read_request(file) == ControlRequest()
    file.write_text(text)
    assert read_request(file) == ControlRequest()
