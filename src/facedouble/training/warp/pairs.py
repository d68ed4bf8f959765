"""Training pairs made on whole batches, on their device, without a loop over pictures.

Everything is one sampling grid for the target and one for the input (``grid_sample``).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from facedouble.faces.geometry import Geometry
from facedouble.settings.recipe import Warp
from facedouble.training.batch import MAX_WEIGHT, Batch, RandomDraws
from facedouble.training.registry import WARPS
from facedouble.training.warp.colour_jitter import jitter_oklab, jitter_rgb
from facedouble.training.warp.interpolation import affine_places, sample, smooth
from facedouble.training.warp.kinds import WarpContext
from facedouble.training.warp.occluders import Occluders


@dataclass(frozen=True)
class Pairs:
    """``inputs`` (N, 3, R, R) and ``targets`` (N, 3, R, R) about 0..1; ``weights`` (N, 1, R, R) of the
    target's pixels in the loss; ``face`` (N, 1, R, R) 0..1, where the target shows the face and the
    input does not hide it: what a learned mask should say. ``geometry`` (N, K) is what the target's face
    does, for models that are told."""

    inputs: Tensor
    targets: Tensor
    weights: Tensor
    face: Tensor
    geometry: Tensor | None = None


def make_pairs(
    batch: Batch,
    resolution: int,
    warp: Warp,
    strength: float,
    generator: torch.Generator,
    geometry: Geometry | None = None,
) -> Pairs:
    """Pairs of side ``resolution`` from a batch as :meth:`SideDataset.draw` returns it.

    Both pictures are turned, scaled, shifted and mirrored alike. The input alone is bent as well, its
    colours are changed, and something may lie before the face. ``strength`` 0..1 scales the context.
    ``geometry`` says what the batch's geometry means.
    """
    draws = RandomDraws(batch, generator)
    affine = _affine(warp, draws)
    grid = affine_places(affine, resolution)
    stored = batch.pixels.float()
    sampled = sample(stored, grid).div_(255)
    targets, weights, face = sampled[:, :3], sampled[:, 3:4] * MAX_WEIGHT, sampled[:, 4:]
    inputs, bent = targets, grid
    if strength > 0 and warp.kind != "none":
        context = WarpContext(batch, draws, affine, 2 * warp.displacement * strength, strength, resolution)
        coarse = WARPS[warp.kind](context)
        bent = grid + smooth(coarse.permute(0, 3, 1, 2), resolution).permute(0, 2, 3, 1)
        inputs = sample(stored[:, :3], bent).div_(255)
    inputs = jitter_oklab(jitter_rgb(inputs, warp, draws), warp, draws)
    if warp.occlusion:
        patches, hit = Occluders.drawn(warp.occlusion, draws)
        covering = patches.coverage(bent[hit], 2 / resolution)
        inputs = inputs.index_copy(0, hit, patches.over(inputs[hit], covering))
        face = face.index_copy(0, hit, face[hit] * (1 - patches.coverage(grid[hit], 2 / resolution)))
    return Pairs(
        inputs.contiguous(),
        targets.contiguous(),
        weights.contiguous(),
        face.contiguous(),
        None if geometry is None or batch.geometry is None else moved(batch.geometry, affine, geometry),
    )


def moved(described: Tensor, affine: Tensor, geometry: Geometry) -> Tensor:
    """What faces (N, K) do in pictures made with ``affine`` (N, 2, 3), see :class:`WarpContext`."""
    roll, size, across, down = geometry.placement
    linear, shift = affine[:, :, :2], affine[:, :, 2]
    result = described.clone()
    result[:, [across, down]] -= shift
    # The matrix leads from the made picture to the stored one, so faces move the other way.
    determinant = linear[:, 0, 0] * linear[:, 1, 1] - linear[:, 0, 1] * linear[:, 1, 0]
    other_way = result[:, torch.from_numpy(geometry.mirrored)] * torch.from_numpy(geometry.signs).to(result)
    result = torch.where((determinant < 0)[:, None], other_way, result)
    scale, angle = determinant.abs().sqrt(), torch.atan2(linear[:, 1, 0], linear[:, 1, 1])
    cosine, sine = torch.cos(angle), torch.sin(angle)
    x, y = result[:, across], result[:, down]
    result[:, [across, down]] = (
        torch.stack([cosine * x + sine * y, cosine * y - sine * x], 1) / scale[:, None]
    )
    result[:, roll] -= torch.rad2deg(angle)
    result[:, size] -= torch.log(scale)
    return result


def _affine(warp: Warp, draws: RandomDraws) -> Tensor:
    """Matrices (N, 2, 3) from places of the made pictures to places of the stored ones."""
    angle = draws.symmetric() * torch.pi / 180 * warp.rotation
    scale = 1 + draws.symmetric() * warp.zoom
    mirror = torch.where(draws.uniform() < warp.flip, -1.0, 1.0)
    shift = draws.symmetric(2) * 2 * warp.shift
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = [
        torch.stack([cosine * mirror, -sine * mirror, shift[:, 0]], dim=1),
        torch.stack([sine, cosine, shift[:, 1]], dim=1),
    ]
    return torch.stack(rows, dim=1)
