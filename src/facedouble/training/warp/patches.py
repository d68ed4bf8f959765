"""Things that lie before the face: hands, hair, microphones, as smooth patches of other colours.

A patch is an ellipse, long or round, with a soft edge, known by its formula. It is laid over the stored
picture, so that it can be asked for both where the input is sampled and where the target is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from facedouble.training.batch import Draws
from facedouble.training.warp.bends import smooth

_COUNT = 2  # ellipses of a patch: overlapping or apart
_REACH = 0.9  # of the half picture in which their centres lie
_AXES = (0.1, 0.55)  # half axes, in units of the half picture
_COLOURS = 4  # points a side of the field of colours
_CONTRAST = 0.08


@dataclass(frozen=True, slots=True)
class Patches:
    """Two ellipses for each of N pictures: ``centres`` (N, 2, 2), ``axes`` (N, 2, 2) and ``turns``
    (N, 2) in units of ``Batch``; ``colours`` (N, 3, G, G) as a coarse field; ``there`` (N,) 0 or 1."""

    centres: Tensor
    axes: Tensor
    turns: Tensor
    colours: Tensor
    there: Tensor

    @classmethod
    def drawn(cls, probability: float, draws: Draws) -> Self:
        low, high = _AXES
        base = draws.unit(3, 1, 1) * 0.8 + 0.1
        return cls(
            centres=draws.even(_COUNT, 2) * _REACH,
            axes=low * (high / low) ** draws.unit(_COUNT, 2),
            turns=draws.even(_COUNT) * torch.pi / 2,
            colours=base + draws.normal(3, _COLOURS, _COLOURS) * _CONTRAST,
            there=(draws.unit() < probability).float(),
        )

    def covering(self, places: Tensor, pixel: float) -> Tensor:
        """How much of each place (N, H, W, 2) is hidden, (N, 1, H, W) 0..1. The edge is about two
        pixels wide; ``pixel`` is the width of one."""
        away = places[:, :, :, None] - self.centres[:, None, None]
        cosine, sine = (f(self.turns)[:, None, None] for f in (torch.cos, torch.sin))
        along = away[..., 0] * cosine + away[..., 1] * sine
        across = away[..., 1] * cosine - away[..., 0] * sine
        axes = self.axes[:, None, None]
        radius = torch.sqrt((along / axes[..., 0]).square() + (across / axes[..., 1]).square())
        distance = (radius - 1) * axes.amin(dim=-1)
        hidden = (0.5 - distance / (2 * pixel)).clamp(0, 1).amax(dim=-1)
        return (hidden * self.there[:, None, None])[:, None]

    def over(self, pictures: Tensor, covering: Tensor) -> Tensor:
        """Pictures (N, 3, R, R) with the patch's colours where ``covering`` (N, 1, R, R) says."""
        return torch.lerp(pictures, smooth(self.colours, pictures.shape[-1]), covering)
