"""The kinds of warp: how the input of a training pair is displaced relative to its target.

Each is a function from a :class:`WarpContext` to displacements (N, G, G, 2): how far from where it would be
sampled each place of a coarse G by G grid over the picture is sampled instead, in the units of
``Batch``. The grid's outermost points are the centres of the outermost pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from facedouble.errors import TrainingError
from facedouble.training.batch import Batch, RandomDraws
from facedouble.training.warp.interpolation import smooth
from facedouble.training.warp.tps import spline, value


@dataclass(frozen=True, slots=True)
class WarpContext:
    """What a bend may look at. ``affine`` (N, 2, 3) takes places of the made picture to places of the
    stored one. ``amount`` is the deviation wanted, in units of ``Batch`` (the picture is 2 wide).
    ``strength`` 0..1 is how much of a bend without a deviation of its own is done."""

    batch: Batch
    draws: RandomDraws
    affine: Tensor
    amount: float
    strength: float
    resolution: int


WarpFunction = Callable[[WarpContext], Tensor]

_GRID = 5  # points a side of the jittered grid
_SCALES = (4, 8, 16)  # of the elastic bend
_CONTROL = 4  # points a side that the thin plate spline takes hold of
_FINE = 33  # points a side at which splines are calculated
_STIFFNESS = 1e-3


def none(context: WarpContext) -> Tensor:
    """No bend."""
    return context.affine.new_zeros(len(context.batch), 2, 2, 2)


def grid(context: WarpContext) -> Tensor:
    """Every point of a coarse grid jittered by itself, smooth in between: the warp of the first
    face-swapping autoencoders (2017)."""
    return (context.draws.normal(2, _GRID, _GRID) * context.amount).permute(0, 2, 3, 1)


def tps(context: WarpContext) -> Tensor:
    """A thin plate spline through a few jittered points: bends as a whole, and outside them evenly."""
    moved = context.draws.normal(_CONTROL**2, 2) * context.amount
    weights = _spline_weights(_CONTROL, _FINE).to(moved)
    return (weights @ moved).view(-1, _FINE, _FINE, 2)


def elastic(context: WarpContext) -> Tensor:
    """Jittered grids of several scales, each half as strong as the next coarser one (compare the elastic
    distortions of Simard et al. 2003); the deviations add up to ``amount``."""
    strengths = [0.5**i for i in range(len(_SCALES))]
    norm = context.amount / sum(s * s for s in strengths) ** 0.5
    fine = 2 * _SCALES[-1] + 1
    total = context.affine.new_zeros(len(context.batch), 2, fine, fine)
    for scale, strength in zip(_SCALES, strengths, strict=True):
        total += smooth(context.draws.normal(2, scale, scale) * (norm * strength), fine)
    return total.permute(0, 2, 3, 1)


def landmark(context: WarpContext) -> Tensor:
    """The landmarks of the face brought to those of a face of the other side that is like it in pose and
    expression, so that the encoder cannot tell the two people apart by where things are; and a grid bend
    of half the amount. The border stays. Raises ``TrainingError`` for a batch without another side."""
    batch = context.batch
    if batch.neighbours is None:
        raise TrainingError("the landmark warp needs the faces of both sides")
    chosen = batch.neighbours[torch.arange(len(batch)), context.draws.integers(batch.neighbours.shape[1])]
    handles = batch.scheme.warp_handles
    own = batch.landmarks[:, handles]
    target = torch.lerp(own, chosen[:, handles], context.strength)
    border = _border(own).expand(len(batch), -1, -1)
    points = torch.cat([target, border], dim=1)
    values = torch.cat([own - target, torch.zeros_like(border)], dim=1)
    # Landmarks lie in the stored picture, so that is where the spline is; the made one looks into it.
    seen = _lattice(_FINE).to(own) * (1 - 1 / context.resolution)
    places = seen @ context.affine[:, :, :2].transpose(1, 2) + context.affine[:, None, :, 2]
    moved = value(points, spline(points, values, _STIFFNESS), places).view(-1, _FINE, _FINE, 2)
    jitter = smooth(context.draws.normal(2, _GRID, _GRID) * (context.amount / 2), _FINE)
    return moved + jitter.permute(0, 2, 3, 1)


def _border(like: Tensor) -> Tensor:
    steps = torch.tensor([-1.0, -0.33, 0.33, 1.0])
    points = [(float(x), float(y)) for x in steps for y in steps if max(abs(x), abs(y)) == 1]
    return like.new_tensor(points)[None]


@lru_cache(maxsize=4)
def _spline_weights(control: int, fine: int) -> Tensor:
    """How much each of ``control``² points moves each of ``fine``² places: (fine², control²). Every picture
    has the same control points, so the system is solved once."""
    points = _lattice(control) * 0.8
    unit = torch.eye(control**2, dtype=torch.float64)[None]
    return value(points, spline(points, unit), _lattice(fine))[0].float()


def _lattice(side: int) -> Tensor:
    steps = torch.linspace(-1, 1, side, dtype=torch.float64)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y], dim=-1).view(1, -1, 2)
