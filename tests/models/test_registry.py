"""The contract every registered model keeps."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from facedouble.errors import SettingsError
from facedouble.models.base import Decoded, SwapModel, build
from facedouble.models.registry import MODELS
from facedouble.training.registry import RECIPES
from facedouble.types import Side

SIDES: tuple[Side, Side] = ("a", "b")

# Small versions where the registered size would take long on a processor.
SMALL: dict[str, dict[str, object]] = {
    "double": {"filters": 8, "bottleneck": 32, "inner": 32, "channels": (32, 16, 8, 8)},
    "original": {"filters": 8, "bottleneck": 32},
    "lowmem": {"filters": 8, "bottleneck": 32},
    "iae": {"filters": 8, "bottleneck": 32},
    "gan": {"filters": 8, "bottleneck": 32},
    "gan128": {"filters": 4, "bottleneck": 32},
    "highres": {"filters": 8, "bottleneck": 32, "inner": 32},
    "highres256": {"filters": 8, "bottleneck": 32, "inner": 32},
}


def small(name: str) -> SwapModel:
    torch.manual_seed(0)
    return build(name, SMALL.get(name))


def faces(model: SwapModel, n: int = 2) -> torch.Tensor:
    return torch.rand(n, 3, model.resolution, model.resolution, generator=torch.Generator().manual_seed(1))


def drawn(output: Decoded) -> torch.Tensor:
    """Everything a decoder draws, its mask as well where it has one, as one batch."""
    return output.picture if output.mask is None else torch.cat([output.picture, output.mask], dim=1)


def touched(model: SwapModel) -> set[str]:
    """Names of the parameters that a gradient has reached."""
    return {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


every = pytest.mark.parametrize("name", MODELS)


@every
def test_shapes_and_sides(name: str) -> None:
    model = small(name)
    batch = faces(model)
    for side in SIDES:
        output = model(batch, "a", side)
        assert output.picture.shape == batch.shape
        assert torch.isfinite(output.picture).all()
        if output.mask is not None:
            assert output.mask.shape == (2, 1, model.resolution, model.resolution)
            assert 0 <= float(output.mask.detach().min()) <= float(output.mask.detach().max()) <= 1


@every
def test_a_recipe_that_weighs_the_mask_is_for_a_model_that_draws_one(name: str) -> None:
    model = small(name)
    assert (model(faces(model), "a", "a").mask is not None) == (RECIPES[name].losses.mask > 0)


@every
def test_gradient_reaches_every_parameter(name: str) -> None:
    model = small(name)
    model.split_decoders()
    batch = faces(model)
    (drawn(model(batch, "a", "a")).square().mean() + drawn(model(batch, "b", "b")).square().mean()).backward()
    assert {parameter_name for parameter_name, _ in model.named_parameters()} - touched(model) == set()


@every
def test_each_side_has_something_of_its_own_and_both_share_something(name: str) -> None:
    """Most models share the encoder and have a decoder for each; ``iae`` shares the decoder too, and has
    an intermediate layer for each."""
    model = small(name)
    model.split_decoders()
    batch = faces(model)
    drawn(model(batch, "a", "a")).square().mean().backward()
    a = touched(model)
    model.zero_grad(set_to_none=True)
    drawn(model(batch, "b", "b")).square().mean().backward()
    b = touched(model)
    assert a & b, "something must be shared"
    assert len(a - b) == len(b - a) > 0, "each side must have as much of its own"
    assert any(n.startswith("encoder") for n in a & b)
    assert all(("a" in n.split(".")) for n in a - b), "what is A's alone is called so"
    assert all(("b" in n.split(".")) for n in b - a)


@every
def test_a_swap_is_not_a_reconstruction(name: str) -> None:
    model = small(name).eval()
    model.split_decoders()
    batch = faces(model)
    model.prepare({"a": batch[0], "b": batch[1]})
    with torch.no_grad():
        assert (model(batch, "a", "a").picture - model(batch, "a", "b").picture).abs().mean() > 1e-3


@every
def test_saved_and_loaded_it_answers_the_same(name: str, tmp_path: Path) -> None:
    model = small(name)
    model.split_decoders()
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, tmp_path / "weights.safetensors")
    torch.manual_seed(99)
    other = build(name, SMALL.get(name))
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    batch = faces(model)
    assert torch.equal(drawn(model.eval()(batch, "a", "b")), drawn(other.eval()(batch, "a", "b")))


@every
def test_channels_last_gives_the_same_answer(name: str) -> None:
    model = small(name).eval()
    batch = faces(model)
    with torch.no_grad():
        plain = drawn(model(batch, "a", "b"))
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        last = drawn(model(batch.contiguous(memory_format=torch.channels_last), "a", "b"))
    assert torch.allclose(plain, last, atol=1e-4)


@every
def test_mixed_precision_stays_near_full_precision(name: str) -> None:
    model = small(name).eval()
    batch = faces(model, 1)
    with torch.no_grad():
        full = drawn(model(batch, "a", "b"))
        with torch.autocast("cpu", torch.bfloat16):
            mixed = drawn(model(batch, "a", "b")).float()
    assert (full - mixed).abs().mean() < 0.03


@pytest.mark.training
@every
def test_it_learns(name: str) -> None:
    """Twelve steps on two pictures must lower the loss: the wiring is right way round."""
    model = small(name)
    # Smooth as faces are: a decoder begins smooth.
    batch = torch.nn.functional.interpolate(
        faces(model)[:, :, :8, :8], size=model.resolution, mode="bilinear"
    )
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
    for old, new in model.split_decoders():
        assert torch.equal(old, new)
        assert old is not new


def shapes(model: SwapModel, kind: type[torch.nn.Module]) -> list[tuple[int, ...]]:
    """The weights' shapes of all layers of a kind that a face passes on its way through A's side."""
    return [
        tuple(layer.get_parameter("weight").shape)
        for name, layer in model.named_modules()
        if isinstance(layer, kind) and "b" not in name.split(".")
    ]


def test_original_is_the_classic_architecture_layer_by_layer() -> None:
    with torch.device("meta"):
        model = build("original")
    assert shapes(model, torch.nn.Linear) == [(1024, 4 * 4 * 1024), (4 * 4 * 1024, 1024)]
    assert shapes(model, torch.nn.Conv2d) == [
        *[(128, 3, 5, 5), (256, 128, 5, 5), (512, 256, 5, 5), (1024, 512, 5, 5)],
        *[(4 * 512, 1024, 3, 3), (4 * 256, 512, 3, 3), (4 * 128, 256, 3, 3), (4 * 64, 128, 3, 3)],
        (3, 64, 5, 5),
    ]


def test_lowmem_leaves_out_a_convolution_and_half_the_bottleneck() -> None:
    with torch.device("meta"):
        model, classic = build("lowmem"), build("original")
    assert shapes(model, torch.nn.Linear) == [(512, 8 * 8 * 512), (4 * 4 * 1024, 512)]
    assert shapes(model, torch.nn.Conv2d) == [
        s for s in shapes(classic, torch.nn.Conv2d) if s[0] != 1024 or s[1] != 512 or s[2] != 5
    ]


def test_iae_has_three_intermediate_layers_and_one_decoder() -> None:
    with torch.device("meta"):
        model = build("iae")
    dense = {n: tuple(m.weight.shape) for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    assert len(dense) == 6
    assert {n.split(".")[1] for n in dense} == {"a", "b", "both"}
    assert not any({"a", "b"} & set(n.split(".")) for n, _ in model.named_parameters() if "decoder" in n)


@pytest.mark.parametrize(
    ("name", "resolution"), [("gan", 96), ("gan", 16), ("highres", 32), ("highres", 200)]
)
def test_a_resolution_that_does_not_fit_is_refused(name: str, resolution: int) -> None:
    with pytest.raises(SettingsError, match=r"power of two|resolution"):
        build(name, {"resolution": resolution})


def test_the_documentation_has_every_model_with_its_size() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "models.md").read_text(encoding="utf-8")
    for name in MODELS:
        with torch.device("meta"):
            model = build(name)
        count = sum(parameter.numel() for parameter in model.parameters())
        assert f"| `{name}` | {model.resolution} | {count / 1e6:.1f} M" in page
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert [cell.strip() for cell in row.split("|")][5] == str(RECIPES[name].batch_size)


def test_unknown_model_is_named_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="quick"):
        build("nonesuch")


@every
def test_geometry_is_taken_by_every_model_and_told_to_those_that_can_be(name: str) -> None:
    takes = "geometry" in MODELS[name].model_fields
    model = build(name, {**SMALL.get(name, {}), **({"geometry": "dlib68"} if takes else {})}).eval()
    assert (model.geometry is not None) == takes == RECIPES[name].geometry
    described = torch.randn(2, 99, generator=torch.Generator().manual_seed(0))
    batch = faces(model, 2)
    with torch.no_grad():
        one, other = (drawn(model(batch, "a", "b", part)) for part in (described, described.flip(0)))
    assert torch.equal(one, other) != takes
    assert bool(model.adaptable("a")) == takes


@every
def test_several_sides_at_once_are_encoded_as_one_by_one(name: str) -> None:
    model = small(name).eval()
    batch: dict[Side, torch.Tensor] = {"a": faces(model, 3), "b": faces(model, 2).flip(3)}
    with torch.no_grad():
        codes = model.encode_sides(batch)
        for side, pictures in batch.items():
            assert torch.allclose(codes[side], model.encode(pictures, side), atol=1e-5)
