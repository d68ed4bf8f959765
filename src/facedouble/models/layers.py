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
        return self.convolve(input, self.weight, self.bias)

    def convolve(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution with ``weight`` and ``bias`` in place of its own, of the same shapes."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        padding = int(self.padding[0])
        side = [(length + 2 * padding - kernel) // stride + 1 for length in input.shape[2:]]
        if input.device.type != "cpu" or side[0] * side[1] > _SMALL_MAP or torch.compiler.is_exporting():
            return F.conv2d(input, weight, bias, stride, padding)
        windows: Tensor = _Windows.apply(input, kernel, stride, padding)  # type: ignore[no-untyped-call]
        answers = F.linear(windows, weight.permute(0, 2, 3, 1).reshape(self.out_channels, -1), bias)
        return answers.view(-1, *side, self.out_channels).permute(0, 3, 1, 2)


class SamePadded(Convolution):
    """A convolution of stride 2 that pads as TensorFlow's "same" does: on a side of even length a row less
    before than behind (https://www.tensorflow.org/api_docs/python/tf/nn, notes on padding)."""

    def __init__(self, channels: int, filters: int, kernel: int) -> None:
        super().__init__(channels, filters, kernel, stride=2)
        before = (kernel - 2) // 2
        self._edges = (before, kernel - 2 - before) * 2

    def forward(self, input: Tensor) -> Tensor:
        return self.convolve(F.pad(input, self._edges), self.weight, self.bias)


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
    """Convolution of stride 2 and LeakyReLU: (N, C, H, W) to (N, filters, H/2, W/2). With ``same_padding`` it
    is :class:`SamePadded`."""

    def __init__(self, channels: int, filters: int, kernel: int = 5, *, same_padding: bool = False) -> None:
        convolution = (
            SamePadded(channels, filters, kernel)
            if same_padding
            else Convolution(channels, filters, kernel, stride=2, padding=kernel // 2)
        )
        super().__init__(convolution, nn.LeakyReLU(LEAK))


class Upscale(nn.Module):
    """3x3 convolution to four times the filters, LeakyReLU, pixel shuffle (Shi et al. 2016):
    (N, C, H, W) to (N, filters, 2H, 2W)."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.convolution = Convolution(channels, filters * 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        convolution = self.convolution
        if torch.compiler.is_exporting():  # what follows, in the words of any runtime
            return F.pixel_shuffle(F.leaky_relu(convolution(x), LEAK), 2)
        filters = convolution.out_channels // 4
        # Four filters after the other make the four pixels of one. With all filters of one of the pixels
        # beside each other, the shuffle moves whole rows of memory instead of single numbers.
        weight = as_computed(convolution.weight).permute(0, 2, 3, 1)
        kernel = weight.shape[1:]
        weight = weight.reshape(filters, 4, -1).transpose(0, 1).reshape(-1, *kernel).permute(0, 3, 1, 2)
        bias = convolution.bias
        if bias is not None:
            bias = bias.view(filters, 4).T.reshape(-1)
        drawn = F.leaky_relu(convolution.convolve(x, weight, bias), LEAK).permute(0, 2, 3, 1)
        count, high, wide, _ = drawn.shape
        pixels = drawn.reshape(count, high, wide, 2, 2, filters).permute(0, 1, 3, 2, 4, 5)
        return pixels.reshape(count, 2 * high, 2 * wide, filters).permute(0, 3, 1, 2)


class FoldPixels(nn.Module):
    """Each square of four pixels into channels, as ``nn.PixelUnshuffle(2)``: (N, C, 2H, 2W) planes to
    (N, 4C, H, W), laid out for the convolutions that follow."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            return F.pixel_unshuffle(x, 2)
        count, channels, high, wide = x.shape
        x = as_computed(x)  # before it is moved: that is half as much to move
        squares = x.contiguous().view(count, channels, high // 2, 2, wide // 2, 2)
        folded = squares.permute(0, 1, 3, 5, 2, 4).reshape(count, 4 * channels, high // 2, wide // 2)
        return folded.contiguous(memory_format=torch.channels_last)


class UnfoldPixels(nn.Module):
    """Four channels into each square of four pixels, as ``nn.PixelShuffle(2)``: (N, 4C, H, W) to planes
    (N, C, 2H, 2W), as losses and frames want them."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            return F.pixel_shuffle(x, 2)
        count, channels, high, wide = x.shape
        squares = x.contiguous().view(count, channels // 4, 2, 2, high, wide).permute(0, 1, 4, 2, 5, 3)
        return squares.reshape(count, channels // 4, 2 * high, 2 * wide)


def as_computed(tensor: Tensor) -> Tensor:
    """``tensor`` in the precision in which autocast has a convolution calculate."""
    kind = tensor.device.type
    return tensor.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else tensor


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


def encoder(widths: tuple[int, ...], *, same_padding: bool = False) -> nn.Sequential:
    """A :class:`Downscale` for each width, from 3 channels: (N, 3, R, R) to (N, widths[-1], r, r),
    r being R halved ``len(widths)`` times."""
    steps = pairwise((3, *widths))
    return nn.Sequential(*(Downscale(*step, same_padding=same_padding) for step in steps))


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

    Does nothing to a module on the device "meta", which has no values.
    """
    if any(parameter.is_meta for parameter in module.parameters()):
        return  # PyTorch would import its compiler for it, which takes more than a second
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
