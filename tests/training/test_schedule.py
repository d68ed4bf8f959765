import math

import pytest

from facedouble.models.card import ModelCard
from facedouble.settings.recipe import Recipe
from facedouble.settings.train import TrainSettings
from facedouble.training import schedule
from facedouble.training.schedule import StopReason
from facedouble.types import Side
from tests.training.how import how

RECIPE = Recipe(batch_size=4, learning_rate=0.1, warm_up=10)


def card(iteration: int = 0, seconds: float = 0.0) -> ModelCard:
    return ModelCard({"kind": "quick"}, 96, 0.7, {}, {}, iteration=iteration, seconds=seconds)


@pytest.mark.parametrize(
    ("iterations", "minutes", "share"),
    [(0, 0, 0.0), (100, 0, 0.5), (0, 2, 0.25), (100, 2, 0.5), (100, 0.5, 1.0), (40, 0, 1.0)],
)
def test_progress_is_that_of_the_nearer_limit(iterations: int, minutes: float, share: float) -> None:
    settings = how(iterations=iterations, minutes=minutes)
    assert schedule.progress(settings, card(50, 30.0)) == pytest.approx(share)


def test_the_rate_rises_and_with_anneal_falls_to_nothing() -> None:
    falling = RECIPE.replace(anneal=True)
    assert schedule.learning_rate(RECIPE, 0, 0) == pytest.approx(0.01)
    assert schedule.learning_rate(RECIPE, 50, 0.9) == pytest.approx(0.1)
    assert schedule.learning_rate(falling, 50, 0.5) == pytest.approx(0.05)
    assert schedule.learning_rate(falling, 50, 1.0) == pytest.approx(0)


def test_hardness_falls_in_a_line_after_its_time() -> None:
    recipe = RECIPE.replace(full_augmentation_until=0.2, final_augmentation=0.4)
    assert [schedule.augmentation(recipe, at) for at in (0.1, 0.2, 0.6, 1.0)] == pytest.approx(
        [1, 1, 0.7, 0.4]
    )
    assert schedule.augmentation(RECIPE, 1.0) == 1


def test_a_mishap_lowers_the_rate() -> None:
    one, other = card(99), card(99)
    other.learning_rate_scale = 0.3
    rates = [schedule.step_config(RECIPE, TrainSettings(), c, 0).learning_rate for c in (one, other)]
    assert rates == pytest.approx([0.1, 0.03])


def test_reasons_to_stop() -> None:
    low: dict[Side, float] = {"a": 0.01, "b": 0.019}
    target, limit = how(target_loss=0.02), how(iterations=10)
    reasons = [
        schedule.stop_reason(target, card(5), low, False),
        schedule.stop_reason(target, card(5), {**low, "b": 0.021}, False),
        schedule.stop_reason(target, card(5), {"a": 0.01}, False),
        schedule.stop_reason(limit, card(9), low, False),
        schedule.stop_reason(limit, card(10), low, True),
        schedule.stop_reason(limit, card(9), low, True),
    ]
    expected = [
        StopReason.TARGET,
        StopReason.NOT_YET,
        StopReason.NOT_YET,
        StopReason.NOT_YET,
        StopReason.FINISHED,
        StopReason.BY_HAND,
    ]
    assert reasons == expected
    assert len({reason.text for reason in StopReason}) == len(StopReason)


def test_patience_counts_from_the_best_measure_to_the_last() -> None:
    settings, model = how(patience=100), card(0)
    reasons = []
    for iteration, score in ((100, 0.5), (150, 0.6), (200, 0.55), (249, 0.6), (250, 0.59)):
        model.iteration = iteration
        model.note({"score": score})
        reasons.append(schedule.stop_reason(settings, model, {}, False))
    assert (model.best, model.best_at) == (0.6, 150)
    assert reasons == [StopReason.NOT_YET] * 4 + [StopReason.PLATEAU]


def test_saves_are_due_by_whichever_comes_first() -> None:
    both = how(save_interval=100, save_minutes=1)
    neither = how(save_interval=0, save_minutes=0)
    assert [schedule.save_due(both, *at) for at in ((99, 59), (100, 0), (0, 60))] == [False, True, True]
    assert not schedule.save_due(neither, 10**9, 10**9)


def test_what_counts_as_an_explosion() -> None:
    before: dict[Side, float] = {"a": 0.1, "b": 0.1}
    assert not schedule.diverged(before, {"a": 0.5, "b": 0.9})
    assert schedule.diverged(before, {"a": 0.1, "b": 1.1})
    assert schedule.diverged({}, {"a": math.nan})
    assert schedule.diverged({}, {"b": math.inf})
    assert not schedule.diverged({}, {"a": 100.0})
