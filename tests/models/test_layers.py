import pytest
import torch
import torch.nn.functional as F
from torch import nn

from facedouble.models.layers import (
    LEAK,
    Convolution,
    FoldPixels,
    Residual,
    UnfoldPixels,
    Upscale,
    initialise,
)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(4, 3, 1, 1), (8, 5, 2, 2), (6, 3, 1, 0), (7, 5, 2, 2), (8, 3, 1, 1)],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_convolution_on_a_small_map_is_a_convolution(
    size: int, kernel: int, stride: int, padding: int, layout: torch.memory_format
) -> None:
    """Its answers and all three gradients, as PyTorch's own has them, whichever way it takes."""
    torch.manual_seed(0)
    mine = Convolution(6, 10, kernel, stride=stride, padding=padding).to(memory_format=layout)  # type: ignore[call-overload]
    theirs = nn.Conv2d(6, 10, kernel, stride=stride, padding=padding)
    theirs.load_state_dict(mine.state_dict())
    picture = torch.randn(3, 6, size, size)
    inputs = [picture.clone().contiguous(memory_format=layout).requires_grad_() for _ in range(2)]
    answers = [layer(x) for layer, x in zip((mine, theirs), inputs, strict=True)]
    one, other = answers
    assert torch.allclose(one, other, atol=1e-5)
    wanted = torch.randn_like(answers[1])
    for answer in answers:
        (answer * wanted).sum().backward()
    assert torch.allclose(inputs[0].grad, inputs[1].grad, atol=1e-4)  # type: ignore[arg-type]
    for own, right in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(own.grad, right.grad, atol=1e-4)  # type: ignore[arg-type]


def test_a_small_map_in_mixed_precision_keeps_the_weights_gradient_in_full() -> None:
    torch.manual_seed(0)
    layer = Convolution(6, 10, 3, padding=1).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    picture = torch.randn(3, 6, 4, 4)
    full = layer(picture)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = layer(picture)
    mixed.float().square().sum().backward()
    assert mixed.dtype == torch.bfloat16
    assert torch.allclose(full, mixed.float(), atol=0.05)
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype == torch.float32
    assert layer.weight.grad.stride() == layer.weight.stride(), "or the optimizer would lay it out anew"


def test_a_residual_block_begins_as_nearly_nothing() -> None:
    torch.manual_seed(0)
    block = Residual(16)
    initialise(block)
    x = torch.rand(2, 16, 8, 8)
    with torch.no_grad():
        change = block(x) - x
    assert 0 < float(change.abs().mean()) < 0.3 * float(x.mean())


def test_even_upscales_begin_without_a_pattern_and_can_learn_one() -> None:
    torch.manual_seed(0)
    layer = Upscale(8, 4)
    initialise(layer, even=True)
    x = torch.rand(2, 8, 6, 6)
    drawn = layer(x)
    blocks = nn.functional.interpolate(drawn[:, :, ::2, ::2], scale_factor=2)
    assert torch.allclose(drawn, blocks, atol=1e-6)
    assert float(drawn.detach().std()) > 0.1
    dots = (torch.arange(12) % 2).float().expand(2, 4, 12, 12)
    (drawn * dots).sum().backward()
    weight = layer.convolution.weight.grad
    assert weight is not None
    assert not torch.allclose(weight[0], weight[1]), "the four learn apart"


def alike(found: torch.Tensor, wanted: torch.Tensor, *of: torch.Tensor) -> None:
    """The same numbers, and the same gradients with respect to ``of``."""
    weights = torch.rand(wanted.shape, generator=torch.Generator().manual_seed(1))
    slopes = [torch.autograd.grad((values.float() * weights).sum(), of) for values in (found, wanted)]
    assert torch.allclose(found, wanted, atol=1e-5)
    for one, other in zip(*slopes, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(4, 4), (6, 10)])
def test_an_upscale_is_a_convolution_and_a_pixel_shuffle(
    layout: torch.memory_format, size: tuple[int, int]
) -> None:
    layer = Upscale(6, 5).to(memory_format=layout)  # type: ignore[call-overload]
    assert layer.convolution.bias is not None
    torch.nn.init.normal_(layer.convolution.bias)
    x = torch.randn(2, 6, *size).contiguous(memory_format=layout).requires_grad_()
    plain = F.conv2d(x, layer.convolution.weight, layer.convolution.bias, padding=1)
    wanted = F.pixel_shuffle(F.leaky_relu(plain, LEAK), 2)
    alike(layer(x), wanted, x, *layer.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype is torch.bfloat16
        assert torch.allclose(layer(x).float(), wanted, atol=0.05)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_pixels_are_folded_and_unfolded_as_pytorch_does(layout: torch.memory_format) -> None:
    x = torch.randn(2, 8, 6, 10).contiguous(memory_format=layout).requires_grad_()
    alike(FoldPixels()(x), F.pixel_unshuffle(x, 2), x)
    alike(UnfoldPixels()(x), F.pixel_shuffle(x, 2), x)
    assert torch.equal(UnfoldPixels()(FoldPixels()(x)), x)
    assert FoldPixels()(x).is_contiguous(memory_format=torch.channels_last)
    assert UnfoldPixels()(x).is_contiguous()


def test_without_values_nothing_is_initialised(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch imports its compiler to draw numbers that are kept nowhere: over a second in every command."""
    monkeypatch.setattr(nn.init, "kaiming_normal_", None)
    with torch.device("meta"):
        initialise(nn.Sequential(Upscale(4, 8), Residual(8)), even=True)
