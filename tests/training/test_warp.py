import torch

from facedouble.models.recipe import Warp
from facedouble.training.warp import make_pairs

STILL = Warp(rotation=0, zoom=0, shift=0, flip=0, bend=0, light=0)


def batch(n: int = 4, size: int = 64) -> torch.Tensor:
    """Smooth pictures, so that sampling between pixels changes little, and a weight of 2."""
    y, x = torch.meshgrid(torch.linspace(0, 1, size), torch.linspace(0, 1, size), indexing="ij")
    planes = [torch.stack([x, y, (x + y) / 2, torch.full_like(x, 2.0)]) * 1.0 for _ in range(n)]
    return torch.stack(planes)


def test_without_movement_the_pair_is_the_reduced_picture_itself() -> None:
    pictures = torch.rand(3, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    pairs = make_pairs(pictures, 32, STILL, 0.0, torch.Generator())
    expected = torch.nn.functional.avg_pool2d(pictures, 2)
    assert torch.allclose(pairs.targets, expected[:, :3], atol=1e-5)
    assert torch.allclose(pairs.inputs, expected[:, :3], atol=1e-5)
    assert torch.allclose(pairs.weights, expected[:, 3:], atol=1e-5)


def test_mirroring_mirrors_input_and_target() -> None:
    settings = Warp(rotation=0, zoom=0, shift=0, flip=1, bend=0, light=0)
    pictures = batch()
    pairs = make_pairs(pictures, 32, settings, 0.0, torch.Generator())
    plain = make_pairs(pictures, 32, STILL, 0.0, torch.Generator())
    assert torch.allclose(pairs.targets, plain.targets.flip(3), atol=1e-5)
    assert torch.allclose(pairs.inputs, plain.inputs.flip(3), atol=1e-5)


def test_bending_bends_the_input_only_by_about_what_it_says() -> None:
    settings = Warp(rotation=0, zoom=0, shift=0, flip=0, bend=0.03, light=0)
    generator = torch.Generator().manual_seed(3)
    pairs = make_pairs(batch(64), 32, settings, 1.0, generator)
    still = make_pairs(batch(64), 32, STILL, 0.0, generator)
    assert torch.allclose(pairs.targets, still.targets, atol=1e-5)
    inner = (slice(None), slice(0, 2), slice(6, -6), slice(6, -6))
    moved = (pairs.inputs - still.inputs)[inner]  # the value is the place, so this is the movement
    assert 0.015 < float(moved.std()) < 0.035
    half = (make_pairs(batch(64), 32, settings, 0.5, generator).inputs - still.inputs)[inner]
    assert 0.4 < float(half.std() / moved.std()) < 0.6


def test_each_picture_is_moved_by_itself_and_a_seed_repeats() -> None:
    settings = Warp()
    one = make_pairs(batch(), 32, settings, 1.0, torch.Generator().manual_seed(5))
    two = make_pairs(batch(), 32, settings, 1.0, torch.Generator().manual_seed(5))
    assert torch.equal(one.inputs, two.inputs)
    assert not torch.allclose(one.inputs[0], one.inputs[1], atol=1e-2)


def test_light_changes_the_input_and_never_the_target() -> None:
    settings = Warp(rotation=0, zoom=0, shift=0, flip=0, bend=0, light=0.2)
    pairs = make_pairs(batch(), 32, settings, 0.0, torch.Generator().manual_seed(1))
    still = make_pairs(batch(), 32, STILL, 0.0, torch.Generator())
    assert torch.equal(pairs.targets, still.targets)
    assert float((pairs.inputs - still.inputs).abs().mean()) > 0.02
