import pytest
import torch
import torch.nn.functional as F

from facedouble.training.box_filter import fine_detail, window_means


def planes(height: int = 31, width: int = 40) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.rand(3, 1, height, width, generator=random, dtype=torch.float32).requires_grad_()


def same(found: torch.Tensor, wanted: torch.Tensor, of: torch.Tensor) -> None:
    weights = torch.rand(wanted.shape, generator=torch.Generator().manual_seed(1))
    mine, theirs = (torch.autograd.grad((values * weights).sum(), of)[0] for values in (found, wanted))
    assert torch.allclose(found, wanted, atol=1e-6)
    assert torch.allclose(mine, theirs, atol=1e-6)


@pytest.mark.parametrize(("window", "stride"), [(7, 3), (7, 2), (2, 2), (1, 1), (31, 5)])
def test_means_and_their_gradient_are_those_of_pytorch(window: int, stride: int) -> None:
    of = planes()
    same(window_means(of, window, stride), F.avg_pool2d(of, window, stride), of)


@pytest.mark.parametrize("size", [(2, 3), (31, 40)])
def test_fine_detail_is_what_a_mean_of_the_neighbours_takes_away(size: tuple[int, int]) -> None:
    of = planes(*size)
    mean = F.avg_pool2d(of, 3, stride=1, padding=1, count_include_pad=False)
    same(fine_detail(of), of - mean, of)
