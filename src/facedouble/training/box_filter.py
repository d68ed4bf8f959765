"""Means over square windows, as losses need them: the same numbers as PyTorch's ``avg_pool2d``, to rounding.

On a processor that takes five times as long on planes that lie one after the other, and longer still for
its gradient. A window is separable: rows are summed as they lie, columns by one product with a band matrix.
Other devices use ``avg_pool2d``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def window_means(planes: Tensor, window: int, stride: int) -> Tensor:
    """The mean of each ``window`` by ``window`` square, ``stride`` pixels apart, of planes (N, 1, H, W):
    (N, 1, h, w)."""
    if planes.device.type != "cpu":
        return F.avg_pool2d(planes, window, stride)
    means: Tensor = _WindowMeans.apply(planes, window, stride)  # type: ignore[no-untyped-call]
    return means


def fine_detail(planes: Tensor) -> Tensor:
    """What a mean of 3x3 pixels takes away from planes (N, 1, H, W); beyond the border nothing counts."""
    if planes.device.type != "cpu":
        return planes - F.avg_pool2d(planes, 3, stride=1, padding=1, count_include_pad=False)
    detail: Tensor = _FineDetail.apply(planes)  # type: ignore[no-untyped-call]
    return detail


class _WindowMeans(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, planes: Tensor, window: int, stride: int) -> Tensor:
        ctx.of, ctx.window, ctx.stride = planes.shape, window, stride
        last = planes.shape[-2] - window + 1  # one past where the last window may begin
        sums = planes[..., 0:last:stride, :].clone()
        for row in range(1, window):
            sums.add_(planes[..., row : row + last : stride, :])
        return sums @ _band(planes.shape[-1], window, stride).to(planes.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        spread = gradient @ _band(ctx.of[-1], ctx.window, ctx.stride).to(gradient.dtype).T
        last = ctx.of[-2] - ctx.window + 1
        total = gradient.new_zeros(ctx.of)
        for row in range(ctx.window):
            total[..., row : row + last : ctx.stride, :] += spread
        return total, None, None


class _FineDetail(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, planes: Tensor) -> Tensor:
        return planes - _sums_of_nine(planes).mul_(_shares(*planes.shape[-2:]))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # A pixel is in the window of another as often as the other way round.
        return gradient - _sums_of_nine(gradient * _shares(*gradient.shape[-2:]))


def _sums_of_nine(planes: Tensor) -> Tensor:
    """The sum of each pixel and its neighbours, as many as there are."""
    rows = planes.clone()
    rows[..., 1:].add_(planes[..., :-1])
    rows[..., :-1].add_(planes[..., 1:])
    sums = rows.clone()
    sums[..., 1:, :].add_(rows[..., :-1, :])
    sums[..., :-1, :].add_(rows[..., 1:, :])
    return sums


@lru_cache(maxsize=16)
def _shares(height: int, width: int) -> Tensor:
    """What one pixel is of its window, (1, 1, H, W): a ninth, and more at the border."""
    return _sums_of_nine(torch.ones(1, 1, height, width)).reciprocal()


@lru_cache(maxsize=16)
def _band(size: int, window: int, stride: int) -> Tensor:
    """What takes a row of ``size`` sums over ``window`` rows to means of windows, (size, n)."""
    starts = torch.arange(0, size - window + 1, stride)
    places = torch.arange(size)[:, None]
    inside = (places >= starts) & (places < starts + window)
    return inside.float() / window**2
