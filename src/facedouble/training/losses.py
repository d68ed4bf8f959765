"""Losses between a picture and its target; all means over the batch, weighted by pixel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def weighted_l1(output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute difference of (N, 3, H, W) pictures weighted by (N, 1, H, W), no unit."""
    return ((output - target).abs() * weights).mean() / weights.mean()


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
    loss: Tensor = ((1 - ssim) / 2 * weight).mean() / weight.mean()
    return loss


def detail_l1(output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean absolute difference of what a 3x3 mean takes away from the luma: fine detail
    counts by itself, however small its share of the picture's contrast."""
    difference = luma(output - target)
    fine = difference - F.avg_pool2d(difference, 3, stride=1, padding=1, count_include_pad=False)
    loss: Tensor = (fine.abs() * weights).mean() / weights.mean()
    return loss


def luma(image: Tensor) -> Tensor:
    """BT.601 luma (N, 1, H, W) of (N, 3, H, W) pictures."""
    return 0.299 * image[:, :1] + 0.587 * image[:, 1:2] + 0.114 * image[:, 2:]
