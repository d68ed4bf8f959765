"""Losses between a picture and its target: for each picture a mean weighted by pixel, and the mean of
those over the batch. So the loss of a batch is the mean of the losses of its parts, however it is parted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def weighted_l1(output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute difference of (N, 3, H, W) pictures weighted by (N, 1, H, W), no unit."""
    return _weighted((output - target).abs(), weights)


def dssim(output: Tensor, target: Tensor, weights: Tensor, window: int = 7, stride: int = 3) -> Tensor:
    """Structural dissimilarity ``(1 - SSIM) / 2``, 0 alike to 1, of luma, weighted by pixel.

    SSIM after Wang et al. 2004 with its usual constants (for a range of 1), on uniform windows
    ``stride`` pixels apart; that costs a small part of a Gaussian window at every pixel.
    """
    x, y = luma(output), luma(target)
    n = x.shape[0]
    moments = F.avg_pool2d(torch.cat([x, y, x * x, y * y, x * y, weights]), window, stride)
    mx, my, xx, yy, xy, weight = moments.split(n)
    vx, vy, vxy = xx - mx * mx, yy - my * my, xy - mx * my
    c1, c2 = 0.01**2, 0.03**2
    ssim = ((2 * mx * my + c1) * (2 * vxy + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return _weighted((1 - ssim) / 2, weight)


def detail_l1(output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean absolute difference of what a 3x3 mean takes away from the luma: fine detail
    counts by itself, however small its share of the picture's contrast."""
    difference = luma(output - target)
    fine = difference - F.avg_pool2d(difference, 3, stride=1, padding=1, count_include_pad=False)
    return _weighted(fine.abs(), weights)


def luma(image: Tensor) -> Tensor:
    """BT.601 luma (N, 1, H, W) of (N, 3, H, W) pictures."""
    return 0.299 * image[:, :1] + 0.587 * image[:, 1:2] + 0.114 * image[:, 2:]


def _weighted(values: Tensor, weights: Tensor) -> Tensor:
    """Mean over pictures of the means of (N, C, H, W) ``values`` weighted by (N, 1, H, W)."""
    one = values.mean(dim=1, keepdim=True) * weights
    return (one.sum(dim=(1, 2, 3)) / weights.sum(dim=(1, 2, 3))).mean()
