"""Building blocks that several models use."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facedouble.models.base import Decoded

LEAK = 0.1


_SMALL_MAP = 16
"""Places of an answer up to which one matrix product is faster than the processor's convolution."""


class Convolution(nn.Conv2d):
    """A convolution that keeps a processor busy on small feature maps as well.

    The same numbers as ``nn.Conv2d``, to rounding. On a map of 4x4, where the classic encoders end,
    the processor's convolutions reach half the rate of a matrix product, so there the windows are laid
    side by side and multiplied by the weights (Chellapilla et al. 2006). ``benchmarks/README.md`` has
    the figures.
    """

    def forward(self, input: Tensor) -> Tensor:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        padding = int(self.padding[0])
        side = [(length + 2 * padding - kernel) // stride + 1 for length in input.shape[2:]]
        if input.device.type != "cpu" or side[0] * side[1] > _SMALL_MAP:
            return super().forward(input)
        windows: Tensor = _Windows.apply(input, kernel, stride, padding)  # type: ignore[no-untyped-call]
        weight = self.weight.permute(0, 2, 3, 1).reshape(self.out_channels, -1)
        answers = F.linear(windows, weight, self.bias)
        return answers.view(-1, *side, self.out_channels).permute(0, 3, 1, 2)


class _Windows(torch.autograd.Function):
    """What a convolution multiplies: (N, C, H, W) to (N·h·w, k·k·C), a row for each place of its answer."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
        rows = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
        # (N, h, w, C, k, k), a view; laid out so that whole pixels are copied.
        windows = rows.unfold(1, kernel, stride).unfold(2, kernel, stride).permute(0, 1, 2, 4, 5, 3)
        ctx.shapes = (rows.shape, windows.shape)
        ctx.settings = (kernel, stride, padding)
        return windows.reshape(-1, kernel * kernel * x.shape[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (rows, windows), (kernel, stride, padding) = ctx.shapes, ctx.settings
        each = gradient.view(windows)
        total = gradient.new_zeros(rows)
        high, wide = stride * windows[1], stride * windows[2]
        for i in range(kernel):
            for j in range(kernel):
                total[:, i : i + high : stride, j : j + wide : stride] += each[:, :, :, i, j]
        inner = total[:, padding : rows[1] - padding, padding : rows[2] - padding]
        return inner.permute(0, 3, 1, 2), None, None, None


class Downscale(nn.Sequential):
    """Convolution of stride 2 and LeakyReLU: (N, C, H, W) to (N, filters, H/2, W/2)."""

    def __init__(self, channels: int, filters: int, kernel: int = 5) -> None:
        super().__init__(
            Convolution(channels, filters, kernel, stride=2, padding=kernel // 2), nn.LeakyReLU(LEAK)
        )


class Upscale(nn.Module):
    """3x3 convolution to four times the filters, LeakyReLU, pixel shuffle (Shi et al. 2016):
    (N, C, H, W) to (N, filters, 2H, 2W)."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.convolution = Convolution(channels, filters * 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(F.leaky_relu(self.convolution(x), LEAK), 2)


class Residual(nn.Module):
    """Two 3x3 convolutions around which the input is carried (He et al. 2016); the shape stays."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.second(F.leaky_relu(self.first(x), LEAK))
        return F.leaky_relu(x + inner, LEAK)


class ToGrid(nn.Module):
    """A dense layer that ends in a feature map: (N, C) to (N, filters, side, side)."""

    def __init__(self, channels: int, filters: int, side: int) -> None:
        super().__init__()
        self.dense = nn.Linear(channels, filters * side * side)
        self.shape = (filters, side, side)

    def forward(self, code: Tensor) -> Tensor:
        grid: Tensor = self.dense(code).view(-1, *self.shape)
        # The convolutions that follow would otherwise lay out their own input again and again.
        return grid.contiguous(memory_format=torch.channels_last)


def encoder(widths: tuple[int, ...]) -> nn.Sequential:
    """A :class:`Downscale` for each width, from 3 channels: (N, 3, R, R) to (N, widths[-1], r, r),
    r being R halved ``len(widths)`` times."""
    return nn.Sequential(*(Downscale(before, after) for before, after in pairwise((3, *widths))))


def upscales(widths: tuple[int, ...], *, residual: bool = False) -> list[nn.Module]:
    """An :class:`Upscale` between each width and the next, each with a :class:`Residual` after it
    if so wanted."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers.append(Upscale(before, after))
        if residual:
            layers.append(Residual(after))
    return layers


def picture_and_mask(drawn: Tensor) -> Decoded:
    """Four channels (N, 4, R, R) of any range as a picture and its mask, each 0..1."""
    bounded = torch.sigmoid(drawn)
    return Decoded(bounded[:, :3], bounded[:, 3:])


def initialise(module: nn.Module, *, even: bool = False) -> None:
    """He initialisation (He et al. 2015) of every convolution and dense layer for LeakyReLU.

    With ``even`` each :class:`Upscale` begins as an enlargement by nearest neighbours: the four pixels
    that it makes of one have the same weights at first (Aitken et al. 2017, "Checkerboard artifact free
    sub-pixel convolution"). Otherwise a decoder first has to unlearn a pattern of dots.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, a=LEAK)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, Residual):
                # Begins as nearly nothing beside what it carries, so that depth does not add variance.
                layer.second.weight.mul_(0.1)
            elif isinstance(layer, Upscale) and even:
                weight = layer.convolution.weight
                weight.copy_(weight[::4].repeat_interleave(4, dim=0))
