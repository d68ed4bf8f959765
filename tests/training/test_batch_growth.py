"""A batch that fills the memory, under a limit that is set here."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedouble.models import checkpoint
from facedouble.run.events import Event, Notice
from facedouble.run.run import Run
from facedouble.settings.recipe import FillingBatch
from facedouble.settings.train import TrainSettings
from facedouble.training.batch_growth import batch_scale, scaled_recipe
from facedouble.training.loop import train
from facedouble.training.memory import MemoryEstimate
from facedouble.training.parallel import World
from facedouble.training.setup import Setup, prepare
from tests.training.how import make_recipe, varied

from .conftest import SMALL, Facesets

ESTIMATE = MemoryEstimate(weights=100, gradients=100, optimizer=200, faces=50, pairs=50, per_face=10)
FILLED = varied(SMALL, recipe=("batch_growth.kind=fill", "batch_growth.most=64"), iterations=2)


def test_it_doubles_as_long_as_the_forecast_fits() -> None:
    growth = FillingBatch(most=1000, share=1.0)
    frees = (0, 700, 1000, 1400, 10**6)
    scales = [batch_scale(growth, ESTIMATE, 8, 16, free) for free in frees]
    assert scales[0] == scales[1] == 1
    assert scales[-1] == 64, "64 x 8 are fewer than 1000, 128 x 8 are not"
    assert scales == sorted(scales)
    for free, scale in zip(frees[2:], scales[2:], strict=True):
        assert ESTIMATE.of_batch(scale).total(16 * scale) <= free
        assert ESTIMATE.of_batch(2 * scale).total(32 * scale) > free or 16 * scale > 1000
    assert batch_scale(FillingBatch(most=1000, share=0.5), ESTIMATE, 8, 16, 2000) == scales[2]


def test_the_rate_grows_by_the_square_root_and_the_average_forgets_as_much_in_a_face() -> None:
    recipe = make_recipe("batch_size=8", "learning_rate=0.001", "ema_decay=0.999")
    grown = scaled_recipe(recipe, FillingBatch(), 16)
    assert grown.batch_size == 128
    assert grown.learning_rate == pytest.approx(0.004)
    assert grown.ema_decay == pytest.approx(0.999**16)
    assert scaled_recipe(recipe, FillingBatch(rate_exponent=1), 4).learning_rate == pytest.approx(0.004)
    assert scaled_recipe(recipe, FillingBatch(), 1) == recipe


def prepared(facesets: Facesets, folder: Path, settings: TrainSettings, heard: list[Event]) -> Setup:
    return prepare({"a": facesets["a"], "b": facesets["b"]}, folder, settings, World(), Run([heard.append]))


def limited(settings: TrainSettings, gigabytes: float) -> TrainSettings:
    return settings.replace(compute={"memory_limit": gigabytes})


@pytest.mark.training
def test_what_is_chosen_stays_within_the_limit_and_is_kept_when_resumed(
    facesets: Facesets, tmp_path: Path
) -> None:
    """On a smaller device the batch is the same one in parts."""
    heard: list[Event] = []
    needed = prepared(facesets, tmp_path / "m", SMALL, []).estimate
    limit = 2 * needed.of_batch(8).total(32) / 1e9
    made = prepared(facesets, tmp_path / "m", limited(FILLED, limit), heard)
    scale = made.recipe.batch_size // SMALL.recipe.batch_size
    assert 1 < scale <= 32
    assert made.estimate.total(made.step.micro_batch) <= 0.8 * limit * 1e9
    assert made.step.micro_batch == 2 * made.recipe.batch_size
    assert "train.batch_filled" in [event.code for event in heard if isinstance(event, Notice)]

    train(facesets["a"], facesets["b"], tmp_path / "m", limited(FILLED, limit))
    card = checkpoint.read_card(tmp_path / "m")
    assert card.batch_scale == scale
    assert card.faces_seen == 2 * 2 * made.recipe.batch_size
    larger = prepared(facesets, tmp_path / "m", FILLED, [])
    smaller = prepared(facesets, tmp_path / "m", limited(FILLED, needed.total(2) / 1e9), [])
    assert larger.recipe == smaller.recipe
    assert larger.recipe.batch_size == made.recipe.batch_size
    assert smaller.step.micro_batch < larger.step.micro_batch
