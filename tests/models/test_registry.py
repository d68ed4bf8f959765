"""The contract every registered model keeps."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from facedouble.errors import SettingsError
from facedouble.models import MODELS, build, entry
from facedouble.models.base import SwapModel

# Small versions where the registered size would take long on a processor.
SMALL = {"original": {"filters": 8, "bottleneck": 32}}


def small(name: str) -> SwapModel:
    torch.manual_seed(0)
    return build(name, {**entry(name).arguments, **SMALL.get(name, {})})


def faces(model: SwapModel, n: int = 2) -> torch.Tensor:
    return torch.rand(n, 3, model.resolution, model.resolution, generator=torch.Generator().manual_seed(1))


every = pytest.mark.parametrize("name", MODELS)


@every
def test_shapes_and_sides(name: str) -> None:
    model = small(name)
    batch = faces(model)
    out = {side: model(batch, "a", side).picture for side in ("a", "b")}
    assert out["a"].shape == out["b"].shape == batch.shape
    assert torch.isfinite(out["a"]).all()


@every
def test_gradient_reaches_every_parameter(name: str) -> None:
    model = small(name)
    model.part()
    batch = faces(model)
    (
        model(batch, "a", "a").picture.square().mean() + model(batch, "b", "b").picture.square().mean()
    ).backward()
    without = [
        parameter_name
        for parameter_name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert without == []


@every
def test_the_encoder_is_shared_and_the_decoders_are_not(name: str) -> None:
    model = small(name)
    model.part()
    batch = faces(model)
    model(batch, "a", "a").picture.square().mean().backward()
    touched = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    model.zero_grad(set_to_none=True)
    model(batch, "b", "b").picture.square().mean().backward()
    other = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert touched & other, "something must be shared"
    assert touched - other, "something must be A's alone"
    assert other - touched, "something must be B's alone"


@every
def test_saved_and_loaded_it_answers_the_same(name: str, tmp_path: Path) -> None:
    model = small(name)
    model.part()
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, tmp_path / "weights.safetensors")
    torch.manual_seed(99)
    other = build(name, {**entry(name).arguments, **SMALL.get(name, {})})
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    batch = faces(model)
    assert torch.equal(model.eval()(batch, "a", "b").picture, other.eval()(batch, "a", "b").picture)


@every
def test_channels_last_gives_the_same_answer(name: str) -> None:
    model = small(name).eval()
    batch = faces(model)
    with torch.no_grad():
        plain = model(batch, "a", "b").picture
        model = model.to(memory_format=torch.channels_last)
        last = model(batch.contiguous(memory_format=torch.channels_last), "a", "b").picture
    assert torch.allclose(plain, last, atol=1e-4)


@every
def test_mixed_precision_stays_near_full_precision(name: str) -> None:
    model = small(name).eval()
    batch = faces(model, 1)
    with torch.no_grad():
        full = model(batch, "a", "b").picture
        with torch.autocast("cpu", torch.bfloat16):
            mixed = model(batch, "a", "b").picture.float()
    assert (full - mixed).abs().mean() < 0.03


@every
def test_it_learns(name: str) -> None:
    """Twelve steps on two pictures must lower the loss: the wiring is right way round."""
    model = small(name)
    batch = faces(model)
    model.prepare({"a": batch.mean(0), "b": batch.mean(0)})
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    losses = []
    for _ in range(12):
        loss = (model(batch, "a", "a").picture - batch).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] * 0.98


@every
def test_parted_decoders_start_alike(name: str) -> None:
    model = small(name)
    for old, new in model.part():
        assert torch.equal(old, new)
        assert old is not new


def test_unknown_model_is_named_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="quick"):
        build("nonesuch")
