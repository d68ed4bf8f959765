"""Training pairs made on whole batches: a warped input, and the target it should be restored to.

Everything is one sampling grid for the input and one for the target (``grid_sample``), made on the
batch's device, without a loop over pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from facedouble.models.recipe import Warp

_GRID = 5  # points a side of the grid that bends the input


@dataclass(frozen=True)
class Pairs:
    """``inputs`` (N, 3, R, R), ``targets`` (N, 3, R, R) both 0..1, ``weights`` and ``face`` (N, 1, R, R)."""

    inputs: Tensor
    targets: Tensor
    weights: Tensor
    face: Tensor


def make_pairs(
    batch: Tensor, resolution: int, warp: Warp, strength: float, generator: torch.Generator
) -> Pairs:
    """Pairs from ``batch`` (N, 4, S, S) as :func:`facedouble.training.data.draw` returns them.

    Both pictures are turned, scaled, shifted and mirrored alike. The input is bent as well: a
    coarse grid with every point moved at random, interpolated smoothly (the warp of the first
    face-swapping autoencoders). ``strength`` 0..1 scales the bending.
    """
    n = batch.shape[0]
    device = batch.device

    def uniform(*shape: int) -> Tensor:
        return (torch.rand(shape, generator=generator) * 2 - 1).to(device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device)

    angle = uniform(n) * torch.pi / 180 * warp.rotation
    scale = 1 + uniform(n) * warp.zoom
    mirror = torch.where(torch.rand(n, generator=generator).to(device) < warp.flip, -1.0, 1.0)
    shift = uniform(n, 2) * 2 * warp.shift
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    affine = torch.stack(
        [
            torch.stack([cosine * mirror, -sine * mirror, shift[:, 0]], dim=1),
            torch.stack([sine, cosine, shift[:, 1]], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(affine, [n, 4, resolution, resolution], align_corners=False)
    sampled = F.grid_sample(batch, grid, padding_mode="border", align_corners=False)
    targets, weights = sampled[:, :3], sampled[:, 3:]
    if strength > 0:
        coarse = normal(n, 2, _GRID, _GRID) * (2 * warp.bend * strength)
        bend = F.interpolate(coarse, size=(resolution, resolution), mode="bicubic", align_corners=True)
        bent = grid + bend.permute(0, 2, 3, 1)
        inputs = F.grid_sample(batch[:, :3], bent, padding_mode="border", align_corners=False)
    else:
        inputs = targets
    if warp.light:
        gain = 1 + warp.light * normal(n, 3, 1, 1)
        offset = warp.light / 2 * normal(n, 3, 1, 1)
        inputs = (inputs - 0.5) * gain + 0.5 + offset
    layout = torch.channels_last
    return Pairs(
        inputs.contiguous(memory_format=layout),
        targets.contiguous(memory_format=layout),
        weights.contiguous(),
        (weights >= 0.9).float(),
    )
