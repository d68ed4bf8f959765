"""Measures on held-out faces, of drawings that are known."""

from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from facedouble.models.base import Decoded, SwapModel
from facedouble.training.dataset import Dataset
from facedouble.training.held_out_metrics import HeldOutEvaluator, box, ssim_map
from facedouble.types import Side


class Mirror(SwapModel):
    """Draws what it is given, or a fixed picture of each side, or what it is given made worse."""

    resolution = 64

    def __init__(self, fixed: dict[Side, Tensor] | None = None, blur: int = 0) -> None:
        super().__init__()
        self.fixed, self.blur = fixed, nn.AvgPool2d(blur, 1, blur // 2) if blur else nn.Identity()

    def encode(self, faces: Tensor, side: Side) -> Tensor:
        return faces

    def decode(self, code: Tensor, side: Side) -> Decoded:
        picture = code if self.fixed is None else self.fixed[side].expand_as(code)
        return Decoded(self.blur(picture))


@pytest.fixture(scope="module")
def measurer(faces: Dataset) -> HeldOutEvaluator:
    return HeldOutEvaluator(faces)


def test_who_draws_the_source_itself_restores_all_and_swaps_nothing(measurer: HeldOutEvaluator) -> None:
    measures = measurer.measure(Mirror())
    assert measures.ssim == measures.ssim_eyes == measures.ssim_mouth == pytest.approx(1)
    assert (measures.mouth, measures.eyes, measures.pose) == pytest.approx((0, 0, 0))
    assert measures.to_a < 0.45 < 0.6 < measures.to_b
    assert measures.own_b < 0.45
    assert all(np.isfinite(value) for value in asdict(measures).values())


def test_who_draws_the_mean_of_b_is_b_and_keeps_no_expression(
    faces: Dataset, measurer: HeldOutEvaluator
) -> None:
    means = {side: known.mean_face[None] for side, known in faces.training.items()}
    measures = measurer.measure(Mirror(means))
    assert measures.to_b < measures.to_a - 0.2
    assert measures.ssim < 0.9
    assert measures.pose > 0.5
    assert measures.mouth > 0.001
    assert measures.eyes > 0.001


def test_softer_is_worse_in_all_that_is_restored(measurer: HeldOutEvaluator) -> None:
    sharp, soft = measurer.measure(Mirror(blur=3)), measurer.measure(Mirror(blur=9))
    assert soft.ssim < sharp.ssim < 0.999
    assert soft.ssim_mouth < sharp.ssim_mouth - 0.2
    assert soft.ssim_eyes < sharp.ssim_eyes - 0.2
    assert soft.score < sharp.score


def test_ssim_is_that_of_its_definition() -> None:
    random = torch.Generator().manual_seed(0)
    x, y = torch.rand(1, 1, 32, 32, generator=random), torch.rand(1, 1, 32, 32, generator=random)
    found = ssim_map(x.expand(-1, 3, -1, -1), y.expand(-1, 3, -1, -1))
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    a, b = (t[0, 0, 10:21, 7:18].double().numpy() for t in (x, y))
    ma, mb = (window * a).sum(), (window * b).sum()
    va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
    cov = (window * (a - ma) * (b - mb)).sum()
    expected = (2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
    assert float(found[0, 0, 15, 12]) == pytest.approx(expected, abs=1e-4)


def test_a_box_holds_its_landmarks_and_little_more() -> None:
    points = torch.tensor([[[-0.5, -0.25], [0.5, 0.25]]])
    mask = box(points, 40)[0, 0]
    rows, columns = mask.any(dim=1).nonzero().flatten(), mask.any(dim=0).nonzero().flatten()
    assert (int(columns[0]), int(columns[-1])) == (6, 33)  # -0.7..0.7 of -1..1
    assert (int(rows[0]), int(rows[-1])) == (11, 28)  # -0.45..0.45
    assert float(mask.sum()) == 28 * 18
