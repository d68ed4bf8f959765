"""Things that lie before the face: hands, hair, microphones, as smooth patches of other colours.

A patch is an ellipse, long or round, with a soft edge, known by its formula. It is laid over the stored
picture, so that it can be asked for both where the input is sampled and where the target is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from facedouble.training.batch import RandomDraws
from facedouble.training.warp.interpolation import smooth

_COUNT = 2  # ellipses of a patch: overlapping or apart
_REACH = 0.9  # of the half picture in which their centres lie
_AXES = (0.1, 0.55)  # half axes, in units of the half picture
_COLOURS = 4  # points a side of the field of colours
_CONTRAST = 0.08
_TINT = 0.1


@dataclass(frozen=True, slots=True)
class Occluders:
    """Two ellipses for each of N pictures: ``centres`` (N, 2, 2), ``axes`` (N, 2, 2) and ``turns``
    (N, 2) in units of ``Batch``; ``colours`` (N, 3, G, G) as a coarse field."""

    centres: Tensor
    axes: Tensor
    turns: Tensor
    colours: Tensor

    @classmethod
    def drawn(cls, probability: float, draws: RandomDraws) -> tuple[Self, Tensor]:
        """Occluders for some pictures of a batch, each with this ``probability``, and which pictures those
        are (N,): the others cost nothing."""
        low, high = _AXES
        # Mostly between dark hair and pale hands, around the standard colouring's skin; not often green.
        base = 0.5 + draws.symmetric(1, 1, 1) * 0.4 + draws.normal(3, 1, 1) * _TINT
        every = (
            draws.symmetric(_COUNT, 2) * _REACH,
            low * (high / low) ** draws.uniform(_COUNT, 2),
            draws.symmetric(_COUNT) * torch.pi / 2,
            base + draws.normal(3, _COLOURS, _COLOURS) * _CONTRAST,
        )
        hit = draws.some(probability)
        return cls(*(values[hit] for values in every)), hit

    def coverage(self, places: Tensor, pixel: float) -> Tensor:
        """How much of each place (N, H, W, 2) is hidden, (N, 1, H, W) 0..1. The edge is about two
        pixels wide; ``pixel`` is the width of one."""
        n, height, width, _ = places.shape
        cosine, sine = torch.cos(self.turns), torch.sin(self.turns)
        # Each ellipse is the unit circle in axes of its own: (N, 2 ellipses, 2 axes, x and y).
        own = torch.stack([torch.stack([cosine, sine], -1), torch.stack([-sine, cosine], -1)], dim=2)
        own = own / self.axes[..., None]
        from_centre = (own @ self.centres[..., None]).view(n, 1, 2 * _COUNT)
        axes = own.view(n, 2 * _COUNT, 2).transpose(1, 2)
        within = torch.baddbmm(-from_centre, places.flatten(1, 2), axes)
        radius = within.unflatten(2, (_COUNT, 2)).norm(dim=3)
        smallest = self.axes.amin(dim=2)[:, None] / (2 * pixel)
        hidden: Tensor = (0.5 - (radius - 1) * smallest).amax(dim=2).clamp(0, 1)
        return hidden.view(n, 1, height, width)

    def over(self, pictures: Tensor, covering: Tensor) -> Tensor:
        """Pictures (N, 3, R, R) with the patch's colours where ``covering`` (N, 1, R, R) says."""
        covered: Tensor = torch.lerp(pictures, smooth(self.colours, pictures.shape[-1]), covering)
        return covered
