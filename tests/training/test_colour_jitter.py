"""Oklab, and the jitter of colours in it."""

import pytest
import torch

from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.settings.recipe import Warp
from facedouble.training.batch import Batch, RandomDraws
from facedouble.training.warp.colour_jitter import jitter_oklab, jitter_rgb, oklab, srgb

STILL = Warp()


def pictures(n: int = 4) -> torch.Tensor:
    return torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1


def draws(n: int = 4, seed: int = 0) -> RandomDraws:
    empty = torch.zeros(n, 5, 1, 1, dtype=torch.uint8)
    return RandomDraws(
        Batch(empty, torch.zeros(n, 68, 2), None, n, slice(0, n), DLIB68), torch.Generator().manual_seed(seed)
    )


# sRGB primaries and greys in Oklab, as Ottosson's page and CSS Color 4 give them.
@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((1, 1, 1), (1.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((1, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 1, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 1), (0.45201, -0.03246, -0.31153)),
    ],
)
def test_known_colours(rgb: tuple[float, ...], lab: tuple[float, ...]) -> None:
    found = oklab(torch.tensor(rgb, dtype=torch.float64).view(1, 3, 1, 1)).flatten()
    assert torch.allclose(found, torch.tensor(lab, dtype=torch.float64), atol=2e-4)


def test_there_and_back_is_the_same_also_beyond_the_range() -> None:
    wide = torch.linspace(-0.3, 1.4, 3 * 100, dtype=torch.float64).view(1, 3, 10, 10)
    assert torch.allclose(srgb(oklab(wide)), wide, atol=1e-6)
    assert torch.allclose(srgb(oklab(pictures())), pictures(), atol=1e-4)


def test_hue_turns_and_keeps_lightness_and_chroma() -> None:
    changed = oklab(jitter_oklab(pictures(), STILL.replace(hue=10.0), draws()))
    before = oklab(pictures())
    assert torch.allclose(changed[:, 0], before[:, 0], atol=1e-4)
    assert torch.allclose(changed[:, 1:].norm(dim=1), before[:, 1:].norm(dim=1), atol=1e-4)
    turned = torch.atan2(changed[:, 2], changed[:, 1]) - torch.atan2(before[:, 2], before[:, 1])
    turned = torch.remainder(turned + torch.pi, 2 * torch.pi) - torch.pi
    assert float(turned.std(dim=(1, 2)).max()) < 0.02, "all pixels of a picture by one angle"
    assert float(turned.mean(dim=(1, 2)).std()) > 0.05, "each picture by its own"


def test_lightness_is_lightness_alone_and_chroma_chroma_alone() -> None:
    before = oklab(pictures(64))
    lighter = oklab(jitter_oklab(pictures(64), STILL.replace(lightness=0.1), draws(64)))
    assert torch.allclose(lighter[:, 1:], before[:, 1:], atol=1e-4)
    assert 0.05 < float((lighter - before)[:, 0].mean(dim=(1, 2)).std()) < 0.15
    stronger = oklab(jitter_oklab(pictures(64), STILL.replace(chroma=0.1), draws(64)))
    assert torch.allclose(stronger[:, 0], before[:, 0], atol=1e-4)
    gains = stronger[:, 1:].flatten(1).norm(dim=1) / before[:, 1:].flatten(1).norm(dim=1)
    assert 0.07 < float(gains.std()) < 0.13
    assert abs(float(gains.mean()) - 1) < 0.05


def test_without_amounts_nothing_is_drawn_and_nothing_changes() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    batch = Batch(
        torch.zeros(4, 5, 1, 1, dtype=torch.uint8), torch.zeros(4, 68, 2), None, 4, slice(0, 4), DLIB68
    )
    assert jitter_oklab(pictures(), STILL, RandomDraws(batch, generator)) is not None
    assert torch.equal(jitter_oklab(pictures(), STILL, RandomDraws(batch, generator)), pictures())
    assert torch.equal(jitter_rgb(pictures(), STILL, RandomDraws(batch, generator)), pictures())
    assert torch.equal(generator.get_state(), before)


def test_light_changes_each_channel_by_itself() -> None:
    changed = jitter_rgb(pictures(200), STILL.replace(rgb_gain=0.2), draws(200)) - pictures(200)
    means = changed.mean(dim=(2, 3))
    assert 0.07 < float(means.std()) < 0.14
    assert abs(float(torch.corrcoef(means.T)[0, 1])) < 0.25
