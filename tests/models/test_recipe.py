"""What ``--recipe name=value`` makes of a recipe."""

from dataclasses import fields, replace

import pytest

from facedouble.errors import SettingsError
from facedouble.models.recipe import Recipe, Warp, changed, names
from facedouble.models.registry import MODELS


def words(recipe: Recipe) -> list[str]:
    """Everything of ``recipe`` as a user would give it."""

    def word(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)

    own = {known.name: getattr(recipe, known.name) for known in fields(Recipe) if known.name != "warp"}
    warp = {f"warp.{known.name}": getattr(recipe.warp, known.name) for known in fields(Warp)}
    return [f"{name}={word(value)}" for name, value in {**own, **warp}.items()]


@pytest.mark.parametrize("name", list(MODELS))
def test_every_field_of_every_recipe_can_be_given(name: str) -> None:
    recipe = MODELS[name].recipe
    assert [word.partition("=")[0] for word in words(recipe)] == names()
    for other in MODELS.values():
        assert changed(other.recipe, words(recipe)) == recipe


def test_what_is_not_named_stays_and_the_last_word_counts() -> None:
    recipe = MODELS["gan"].recipe
    found = changed(recipe, ["adversarial_kind=mixup", "warp.occlusion=0.3", "dssim=1", "dssim=0.5"])
    warp = replace(recipe.warp, occlusion=0.3)
    assert found == replace(recipe, adversarial_kind="mixup", dssim=0.5, warp=warp)
    assert changed(recipe, []) == recipe


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("dssim", "name=value"),
        ("sharpness=2", r"no sharpness.*ms_ssim.*warp\.occlusion"),
        ("warp=grid", r"no warp;"),
        ("warp.dssim=1", r"no warp\.dssim"),
        ("dssim.occlusion=1", r"no dssim\.occlusion"),
        ("dssim=much", "dssim is a number, 0 or more"),
        ("dssim=-1", "0 or more"),
        ("dssim=inf", "0 or more"),
        ("dssim=nan", "0 or more"),
        ("batch_size=2.5", "whole number, 1 or more"),
        ("batch_size=0", "1 or more"),
        ("coverage=0", "0.2 to 1"),
        ("warp.occlusion=2", r"warp\.occlusion is a number, 0 to 1"),
        ("adversarial_kind=wgan", "one of: hinge, mixup"),
        ("anneal=perhaps", "one of: true, false"),
        ("betas=0.5", "2 numbers"),
    ],
)
def test_what_a_recipe_cannot_be_is_one_clear_line(word: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"--recipe.*{message}"):
        changed(MODELS["quick"].recipe, [word])
