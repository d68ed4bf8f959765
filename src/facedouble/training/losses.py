"""Losses between pictures and targets: a weighted mean over the pixels of each picture, then the mean over
the batch. So the loss of a batch is the mean over its micro-batches, however it is divided.

Losses of structure and detail compare :func:`luma`, which all of them share.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from facedouble.training.box_filter import fine_detail, window_means

_C1, _C2 = 0.01**2, 0.03**2
"""What keeps SSIM's fractions from 0/0, for pictures of the range 0..1 (Wang et al. 2004)."""

_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of multi-scale SSIM, finest first, as measured on people (Wang et al. 2003)."""


_LUMA = (0.299, 0.587, 0.114)  # BT.601


def weighted_l1(output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute difference of (N, 3, H, W) pictures weighted by (N, 1, H, W), no unit."""
    return _weighted((output - target).abs(), weights)


def dssim(output: Tensor, target: Tensor, weights: Tensor, window: int = 7, stride: int = 3) -> Tensor:
    """Structural dissimilarity ``(1 - SSIM) / 2``, 0 alike to 1, of luma (N, 1, H, W), weighted by pixel.

    SSIM after Wang et al. 2004 with its usual constants (for a range of 1), on uniform windows
    ``stride`` pixels apart; that costs a small part of a Gaussian window at every pixel.
    """
    luminance, structure, weight = _similarity(output, target, weights, window, stride)
    return _weighted((1 - luminance * structure) / 2, weight)


def ms_dssim(output: Tensor, target: Tensor, weights: Tensor, window: int = 7, stride: int = 2) -> Tensor:
    """Multi-scale structural dissimilarity ``(1 - MS-SSIM) / 2``, 0 alike to 1/2, of luma (N, 1, H, W).

    Multi-scale SSIM after Wang et al. 2003, weighted by pixel: the picture is halved up to four times,
    as often as a ``window`` fits twice into it; at each size contrast and structure are compared, at the
    smallest luminance as well, and the answers are multiplied, each to the power of the measured
    importance of its size (scaled to a sum of 1 where there are fewer than five sizes). The windows are
    uniform, ``stride`` pixels apart. Structure that is the opposite of the target's counts as none.
    """
    x, y = output, target
    count = 1
    while count < len(_SCALE_WEIGHTS) and min(x.shape[2:]) >> count >= 2 * window:
        count += 1
    powers = [weight / sum(_SCALE_WEIGHTS[:count]) for weight in _SCALE_WEIGHTS[:count]]
    product = torch.ones((), device=x.device)
    for scale, power in enumerate(powers):
        if scale:
            x, y, weights = (window_means(plane, 2, 2) for plane in (x, y, weights))
        luminance, structure, weight = _similarity(x, y, weights, window, stride)
        likeness = luminance * structure if scale == count - 1 else structure
        mean = (likeness * weight).mean(dim=(1, 2, 3)) / weight.mean(dim=(1, 2, 3))
        # A fractional power has no slope to learn from at nothing, and no value below.
        product = product * mean.clamp(min=1e-4) ** power
    loss: Tensor = ((1 - product) / 2).mean()
    return loss


def detail_l1(output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean absolute difference of what a 3x3 mean takes away from the luma (N, 1, H, W): fine detail
    counts by itself, however small its share of the picture's contrast."""
    return _weighted(fine_detail(output - target).abs(), weights)


def mask_l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of masks (N, 1, H, W) 0..1, 0 alike to 1."""
    return (output - target).abs().mean()


def luma(image: Tensor) -> Tensor:
    """BT.601 luma (N, 1, H, W) of (N, 3, H, W) pictures."""
    plane: Tensor = _Luma.apply(image)  # type: ignore[no-untyped-call]
    return plane


class _Luma(torch.autograd.Function):
    """The gradient of a channel by itself would be a picture of zeros with one channel filled."""

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        red, green, blue = _LUMA
        plane = image[:, :1] * red
        return plane.add_(image[:, 1:2], alpha=green).add_(image[:, 2:], alpha=blue)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return torch.cat([gradient * part for part in _LUMA], dim=1)


def _similarity(
    x: Tensor, y: Tensor, weights: Tensor, window: int, stride: int
) -> tuple[Tensor, Tensor, Tensor]:
    """SSIM's two factors, luminance and contrast with structure, of planes (N, 1, H, W), and the mean of
    ``weights``, for each window (N, 1, h, w)."""
    # What the output has no part in by itself, so that no gradient of it is worked out.
    my, yy, weight = window_means(torch.cat([y, y * y, weights]), window, stride).chunk(3)
    mx, xx, xy = window_means(torch.cat([x, x * x, x * y]), window, stride).chunk(3)
    vx, vy, vxy = xx - mx * mx, yy - my * my, xy - mx * my
    luminance = (2 * mx * my + _C1) / (mx * mx + my * my + _C1)
    structure = (2 * vxy + _C2) / (vx + vy + _C2)
    return luminance, structure, weight


def _weighted(values: Tensor, weights: Tensor) -> Tensor:
    """Mean over pictures of the means of (N, C, H, W) ``values`` weighted by (N, 1, H, W)."""
    sums = (values * weights).sum(dim=(1, 2, 3))
    return (sums / (values.shape[1] * weights.sum(dim=(1, 2, 3)))).mean()
