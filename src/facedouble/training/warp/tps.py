"""Thin plate splines: the smoothest bending of a plane that moves some points as told.

Bookstein 1989, "Principal warps: thin-plate splines and the decomposition of deformations".
"""

from __future__ import annotations

import torch
from torch import Tensor


def spline(points: Tensor, values: Tensor, stiffness: float = 0.0) -> Tensor:
    """The spline that takes ``values`` (N, K, 2) at ``points`` (N, K, 2): coefficients (N, K + 3, 2).

    ``stiffness`` above 0 lets it miss them a little where it would have to bend sharply (smoothing
    splines, Wahba 1990). At least three points must not lie on a line.
    """
    n, k, _ = points.shape
    system = points.new_zeros(n, k + 3, k + 3)
    system[:, :k, :k] = _kernel(points, points) + stiffness * torch.eye(k).to(points)
    affine = torch.cat([torch.ones_like(points[..., :1]), points], dim=2)
    system[:, :k, k:] = affine
    system[:, k:, :k] = affine.transpose(1, 2)
    right = torch.cat([values, values.new_zeros(n, 3, values.shape[2])], dim=1)
    # Without a look at whether it could be solved, for which the processor would wait for a GPU.
    solved: Tensor = torch.linalg.solve_ex(system, right).result
    return solved


def value(points: Tensor, coefficients: Tensor, at: Tensor) -> Tensor:
    """The spline's values (N, M, 2) at the places ``at`` (N, M, 2)."""
    k = points.shape[1]
    bent = _kernel(at, points) @ coefficients[:, :k]
    return bent + coefficients[:, k : k + 1] + at @ coefficients[:, k + 1 :]


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """``r² log r²`` of the distances of (N, M, 2) to (N, K, 2) points: (N, M, K)."""
    # By the product a·b, as the differences would be four times as much to go through.
    square = a.square().sum(2)[:, :, None] + b.square().sum(2)[:, None]
    square = square.baddbmm_(a, b.transpose(1, 2), alpha=-2).clamp_(min=torch.finfo(a.dtype).tiny)
    return square * square.log()
