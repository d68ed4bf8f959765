from typing import Any

import pytest
import torch

from facedouble.models.base import Decoded, build
from facedouble.models.registry import MODELS
from facedouble.settings.recipe import DlibPerceptual, Losses, Recipe
from facedouble.training.losses import detail_l1, dssim, luma, mask_l1, ms_dssim, weighted_l1
from facedouble.training.objective import Objective
from facedouble.training.registry import RECIPES
from facedouble.training.warp.pairs import Pairs

CPU = torch.device("cpu")


def pairs(n: int = 2, side: int = 64) -> Pairs:
    random = torch.Generator().manual_seed(0)
    targets = torch.rand(n, 3, side, side, generator=random)
    weights = torch.rand(n, 1, side, side, generator=random) + 0.1
    return Pairs(targets.flip(3), targets, weights, (weights > 0.5).float())


def objective(**changes: Any) -> Objective:
    losses = Losses(**changes)
    network = build("original", {"filters": 4, "bottleneck": 8})
    return Objective(Recipe(losses=losses), network, CPU)


def drawn(of: Pairs) -> Decoded:
    return Decoded(of.inputs.clone().requires_grad_(), torch.full_like(of.face, 0.3).requires_grad_())


def test_each_term_counts_by_its_weight() -> None:
    one = pairs()
    output = drawn(one)
    assert output.mask is not None
    shown, wanted = luma(output.picture), luma(one.targets)
    parts = {
        "l1": weighted_l1(output.picture, one.targets, one.weights),
        "dssim": dssim(shown, wanted, one.weights),
        "ms_ssim": ms_dssim(shown, wanted, one.weights),
        "detail": detail_l1(shown, wanted, one.weights),
        "mask": mask_l1(output.mask, one.face),
    }
    for name, value in parts.items():
        weighed = objective(**{"l1": 0.0, name: 0.7})
        assert torch.isclose(weighed({"a": output}, {"a": one})["a"], 0.7 * value), name
    together = objective(l1=1.0, dssim=0.3, mask=0.1)({"a": output}, {"a": one})["a"]
    assert torch.isclose(together, parts["l1"] + 0.3 * parts["dssim"] + 0.1 * parts["mask"])


def test_sides_have_their_own_losses_and_only_those_drawn() -> None:
    a, b = pairs(), pairs(3)
    found = objective()({"b": drawn(b)}, {"a": a, "b": b})
    assert list(found) == ["b"]
    both = objective()({"a": Decoded(a.targets), "b": drawn(b)}, {"a": a, "b": b})
    assert float(both["a"]) == 0 < float(both["b"])


def test_the_mask_learns_the_face_and_the_picture_is_not_touched_by_it() -> None:
    one = pairs()
    output = drawn(one)
    assert output.mask is not None
    objective(l1=0.0, mask=1.0)({"a": output}, {"a": one})["a"].backward()
    assert output.picture.grad is None or float(output.picture.grad.abs().sum()) == 0
    slope = output.mask.grad
    assert slope is not None
    assert (slope[one.face > 0.5] < 0).all(), "where the face is the mask must grow"
    assert (slope[one.face < 0.5] > 0).all()


def test_half_precision_pictures_are_compared_in_full() -> None:
    one = pairs()
    output = Decoded(one.inputs.bfloat16())
    loss = objective(dssim=0.3)({"a": output}, {"a": one})["a"]
    assert loss.dtype == torch.float32


def test_the_perceptual_loss_is_one_more_term() -> None:
    one = pairs()
    plain = objective()({"a": drawn(one)}, {"a": one})["a"]
    more = objective(perceptual=DlibPerceptual())
    assert float(more({"a": drawn(one)}, {"a": one})["a"]) > float(plain)
    assert more.perceptual is not None
    output = drawn(one)
    more({"a": output}, {"a": one})["a"].backward()
    assert output.picture.grad is not None
    assert torch.isfinite(output.picture.grad).all()


@pytest.mark.parametrize("name", MODELS)
def test_every_recipe_gives_a_finite_loss_with_a_gradient(name: str) -> None:
    network = build("original", {"filters": 4, "bottleneck": 8})
    one = pairs()
    output = drawn(one)
    loss = Objective(RECIPES[name], network, CPU)({"a": output}, {"a": one})["a"]
    loss.backward()
    assert torch.isfinite(loss.detach())
    assert output.picture.grad is not None
