import copy

import pytest
import torch

from facedouble.errors import SettingsError
from facedouble.models.base import build
from facedouble.models.double import Double
from facedouble.types import Side

SMALL = {"resolution": 96, "filters": 16, "bottleneck": 64, "inner": 48, "channels": (32, 24, 16)}


def small(**changes: object) -> Double:
    torch.manual_seed(0)
    return Double(**{**SMALL, "residuals": 0, **changes})  # type: ignore[arg-type]


def faces(n: int, offset: float = 0.0) -> torch.Tensor:
    return torch.rand(n, 3, 96, 96, generator=torch.Generator().manual_seed(n)) * 0.5 + offset


def test_before_training_it_answers_with_the_persons_mean_picture() -> None:
    model = small().eval()
    mean_a, mean_b = faces(4).mean(0), faces(5, 0.4).mean(0)
    model.prepare({"a": mean_a, "b": mean_b})
    with torch.no_grad():
        assert (model(faces(3), "a", "b").picture - mean_b).abs().mean() < 0.06
        assert (model(faces(3), "a", "a").picture - mean_a).abs().mean() < 0.06


def test_calibrated_codes_of_either_side_have_mean_0_and_deviation_1() -> None:
    model = small().eval()
    sides: dict[Side, torch.Tensor] = {"a": faces(70), "b": faces(90, 0.4) ** 2}
    for side, batch in sides.items():
        model.calibrate(batch.split(64), side)
        with torch.no_grad():
            code = model.encode(batch, side)
        assert code.mean(0).abs().max() < 1e-3
        assert (code.std(0, unbiased=False) - 1).abs().max() < 0.05


def test_noise_is_what_was_drawn_and_fades_with_strength() -> None:
    model = small()
    batch = faces(4)

    def spread(strength: float) -> float:
        noise: dict[Side, dict[str, torch.Tensor]] = {"a": model.draw_noise(4, strength)}
        with torch.no_grad():
            noisy = model.encode_sides({"a": batch}, noise)["a"]
            return float((noisy - model.encode(batch, "a")).std())

    assert spread(1.0) == pytest.approx(model.noise, rel=0.2)
    assert spread(0.1) == pytest.approx(model.noise / 10, rel=0.2)
    assert Double(96, filters=4, bottleneck=8, inner=8, channels=(8, 8, 8), noise=0).draw_noise(4, 1.0) == {}


def test_until_parted_both_sides_use_one_decoder() -> None:
    model = small().eval()
    code = torch.randn(2, 64)
    with torch.no_grad():
        assert torch.equal(model.decode(code, "a").picture, model.decode(code, "b").picture)
        model.split_decoders()
        assert torch.equal(model.decode(code, "a").picture, model.decode(code, "b").picture)
        next(model.decoders["b"].parameters()).add_(0.1)
        assert not torch.allclose(model.decode(code, "a").picture, model.decode(code, "b").picture)


def test_a_copy_and_a_loaded_one_know_whether_they_have_parted() -> None:
    model, fresh = small().eval(), small().eval()
    model.split_decoders()
    code = torch.randn(2, 64)
    with torch.no_grad():
        next(model.decoders["b"].parameters()).add_(0.1)
        before = {name: value.clone() for name, value in fresh.state_dict().items()}
        wanted = model.decode(code, "b").picture
        fresh.load_state_dict(model.state_dict())
        for other in (fresh, copy.deepcopy(model)):
            assert torch.equal(other.decode(code, "b").picture, wanted)
        model.load_state_dict(before)
        assert torch.equal(model.decode(code, "b").picture, model.decode(code, "a").picture)


def test_liae_draws_b_from_the_shared_layer_alone_and_a_from_its_own_as_well() -> None:
    model = small(topology="liae").eval()
    code = torch.randn(2, 64)
    with torch.no_grad():
        before = {side: model.decode(code, side).picture for side in ("a", "b")}
        for parameter in model.expand["a"].parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        assert torch.equal(model.decode(code, "b").picture, before["b"])
        assert not torch.allclose(model.decode(code, "a").picture, before["a"])
    assert set(model.decoders) == {"both"}


def test_both_sides_at_once_give_the_codes_of_each_alone() -> None:
    model = small().eval()
    inputs: dict[Side, torch.Tensor] = {"a": faces(2), "b": faces(3)}
    with torch.no_grad():
        together = model.encode_sides(inputs)
        for side, batch in inputs.items():
            assert torch.allclose(together[side], model.encode(batch, side), atol=1e-5)


@pytest.mark.parametrize("resolution", [96, 128, 160, 192, 224, 256, 320, 512])
def test_every_multiple_of_32_draws_its_own_size(resolution: int) -> None:
    channels = (8, 8, 8) if resolution <= 160 else (8, 8, 8, 8)
    model = Double(resolution, filters=4, bottleneck=8, inner=8, channels=channels).eval()
    with torch.no_grad():
        picture, mask = model(torch.rand(1, 3, resolution, resolution), "a", "b")
    assert picture.shape == (1, 3, resolution, resolution)
    assert mask is not None
    assert mask.shape == (1, 1, resolution, resolution)


@pytest.mark.parametrize("topology", ["df", "liae"])
@pytest.mark.parametrize("resolution", range(96, 513, 32))
def test_the_registered_double_takes_every_resolution(resolution: int, topology: str) -> None:
    arguments = {"resolution": resolution, "topology": topology}
    with torch.device("meta"):
        assert build("double", arguments).resolution == resolution


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"resolution": 100}, "multiple of 32"),
        ({"resolution": 544}, "from 32 to 512"),
        ({"resolution": 256}, "must be 4 numbers"),
        ({"topology": "star"}, "df, liae"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        build("quick", changes)
