"""Adam on a processor, and gradients that are added by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from facedouble.training.optimizer import add_gradients, make_adam, moments, restore_moments

CPU = torch.device("cpu")
RATE, BETAS = 0.01, (0.5, 0.9)

pytestmark = pytest.mark.training


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(6, 8, 3), nn.Conv2d(8, 4, 1), nn.Linear(4, 5))
    return layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def weights(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


@pytest.mark.parametrize("laid", [torch.channels_last, torch.contiguous_format], ids=["alike", "otherwise"])
def test_it_is_pytorch_s_adam_however_gradients_lie(laid: torch.memory_format) -> None:
    """Whatever the order of numbers in memory. A parameter without a gradient stays."""
    mine, theirs = network(), network()
    own = make_adam(mine, RATE, BETAS, CPU)
    other = torch.optim.Adam(theirs.parameters(), lr=RATE, betas=BETAS)
    for _ in range(4):
        for one, two in zip(mine.parameters(), theirs.parameters(), strict=True):
            gradient = torch.randn(one.shape)
            one.grad = gradient.contiguous(memory_format=laid) if one.dim() == 4 else gradient.clone()
            two.grad = gradient
        next(mine.parameters()).grad = next(theirs.parameters()).grad = None
        own.step()
        other.step()
    assert torch.allclose(weights(mine), weights(theirs), atol=1e-6)
    assert torch.equal(next(mine.parameters()), next(network().parameters()))


def test_it_goes_on_from_what_was_saved() -> None:
    one, two = network(), network()
    first, second = (make_adam(module, RATE, BETAS, CPU) for module in (one, two))
    for number in range(4):
        torch.manual_seed(number)
        for parameter in one.parameters():
            parameter.grad = torch.randn_like(parameter)
        first.step()
        if number == 1:
            two.load_state_dict(one.state_dict())
            restore_moments(second, two, moments(first, one))
        if number > 1:
            for parameter, like in zip(two.parameters(), one.parameters(), strict=True):
                parameter.grad = like.grad
            second.step()
    assert torch.equal(weights(one), weights(two))


def test_gradients_add_up() -> None:
    module = network()
    parameters = list(module.parameters())
    parts = [[torch.randn(parameter.shape) for parameter in parameters] for _ in range(2)]
    for part in parts:
        add_gradients(parameters, [None, *(gradient.clone() for gradient in part[1:])])
    assert parameters[0].grad is None
    for parameter, one, two in zip(parameters[1:], parts[0][1:], parts[1][1:], strict=True):
        assert parameter.grad is not None
        assert torch.allclose(parameter.grad, one + two)
        assert parameter.grad.stride() == parameter.stride()
