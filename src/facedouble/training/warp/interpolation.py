"""Values over a picture: where it is sampled, and coarse values made fine.

What PyTorch has for both (``affine_grid``, bicubic ``interpolate``) gives the same and takes several times
as long on a processor.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from facedouble.device import samples_border


def affine_places(affine: Tensor, size: int) -> Tensor:
    """Where each pixel's centre of a picture comes to lie by ``affine`` (N, 2, 3): (N, size, size, 2), as
    ``affine_grid`` says without aligned corners."""
    middles = (torch.arange(size, device=affine.device, dtype=affine.dtype) * 2 + 1) / size - 1
    across = affine[:, :, 0, None] * middles  # (N, 2, size)
    down = affine[:, :, 1, None] * middles + affine[:, :, 2, None]
    places = affine.new_empty(len(affine), size, size, 2)
    for axis in (0, 1):
        torch.add(down[:, axis, :, None], across[:, axis, None, :], out=places[..., axis])
    return places


def sample(pictures: Tensor, places: Tensor) -> Tensor:
    """Pictures (N, C, S, S) at ``places`` (N, H, W, 2), bilinear in between: (N, C, H, W). Beyond the
    border it is as at the border."""
    if not samples_border(pictures.device):
        return sample_within(pictures, places)
    return F.grid_sample(pictures, places, padding_mode="border", align_corners=False)


def sample_within(pictures: Tensor, places: Tensor) -> Tensor:
    """The same, by bringing places beyond the border to it."""
    edge = 1 - 1 / pictures.shape[-1]
    return F.grid_sample(pictures, places.clamp(-edge, edge), align_corners=False)


def smooth(coarse: Tensor, size: int) -> Tensor:
    """Coarse (N, C, G, G) values over a picture of ``size``, (N, C, size, size), bicubic in between; the
    outermost are those of the outermost pixels."""
    weights = _interpolation(coarse.shape[-1], size).to(coarse)
    return weights @ coarse @ weights.T


@lru_cache(maxsize=16)
def _interpolation(coarse: int, size: int) -> Tensor:
    """What each of ``coarse`` values in a row is worth at each of ``size`` places: (size, coarse)."""
    unit = torch.eye(coarse)[None, :, :, None].expand(-1, -1, -1, 2)
    fine = F.interpolate(unit, size=(size, 2), mode="bicubic", align_corners=True)
    return fine[0, :, :, 0].T.contiguous()
