import pytest
import torch

from facedouble.models.quick import Quick


def faces(n: int, offset: float = 0.0) -> torch.Tensor:
    return torch.rand(n, 3, 96, 96, generator=torch.Generator().manual_seed(n)) * 0.5 + offset


def test_before_training_it_answers_with_the_persons_mean_picture() -> None:
    torch.manual_seed(0)
    model = Quick().eval()
    mean_a, mean_b = faces(4).mean(0), faces(5, 0.4).mean(0)
    model.prepare({"a": mean_a, "b": mean_b})
    with torch.no_grad():
        assert (model(faces(3), "a", "b").picture - mean_b).abs().mean() < 0.06
        assert (model(faces(3), "a", "a").picture - mean_a).abs().mean() < 0.06


def test_calibrated_codes_of_either_side_have_mean_0_and_deviation_1() -> None:
    torch.manual_seed(0)
    model = Quick().eval()
    model.expand = torch.nn.Identity()  # to look at the code itself
    model.inner, model.grid = 64, 1
    for side, batch in (("a", faces(70)), ("b", faces(90, 0.4) ** 2)):
        model.calibrate(batch, side)
        with torch.no_grad():
            code = model.encode(batch, side).flatten(1)
        assert code.mean(0).abs().max() < 1e-3
        assert (code.std(0, unbiased=False) - 1).abs().max() < 0.05


def test_noise_is_there_in_training_only_and_fades_with_hardness() -> None:
    torch.manual_seed(0)
    model = Quick()
    batch = faces(4)

    def spread() -> float:
        with torch.no_grad():
            return float((model.encode(batch, "a") - model.encode(batch, "a")).abs().mean())

    hard = spread()
    model.hardness = 0.1
    assert 0 < spread() < hard / 5
    model.eval()
    assert spread() == 0


def test_until_parted_both_sides_use_one_decoder() -> None:
    torch.manual_seed(0)
    model = Quick().eval()
    code = torch.randn(2, 192, 6, 6)
    with torch.no_grad():
        assert torch.equal(model.decode(code, "a").picture, model.decode(code, "b").picture)
        model.part()
        assert torch.equal(model.decode(code, "a").picture, model.decode(code, "b").picture)
        next(model.decoders["b"].parameters()).add_(0.1)
        assert not torch.allclose(model.decode(code, "a").picture, model.decode(code, "b").picture)


def test_a_resolution_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="16"):
        Quick(resolution=100)
