"""Faces drawn for one step, as they pass from the data to the warps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from facedouble.faces.schemes.scheme import LandmarkScheme

CHANNELS = 5
"""Of a stored face: R, G, B, the loss weight and the mask of the face."""

MAX_WEIGHT = 4.0
"""The loss weight that 255 stands for."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part of the whole batch this process takes: number ``rank`` of ``world`` parts.

    Every process draws the random numbers of the whole batch from a generator in the same state, and
    keeps its own run of them: put together the parts are what one process would have drawn.
    """

    rank: int = 0
    world: int = 1

    def of(self, total: int) -> slice:
        """The run of ``total`` faces that is this process's."""
        return slice(self.rank * total // self.world, (self.rank + 1) * total // self.world)


@dataclass(frozen=True, slots=True)
class Batch:
    """N faces of one side, on the training device.

    ``pixels`` (N, 5, S, S) uint8, S at least the model's resolution: R, G, B in the standard
    colouring, the loss weight in units of ``MAX_WEIGHT``/255, the mask of the face. ``landmarks``
    (N, P, 2) in the picture's own units: x and y from -1 at its left and upper edge to 1 at the right
    and lower one (as ``grid_sample`` counts with ``align_corners=False``). ``neighbours`` (N, K, P, 2)
    are those of K faces of the other side that are most like each; ``None`` where there is no other
    side. ``total`` is the size of the whole batch, ``part`` which run of it this is. ``scheme``
    says what the landmarks are.
    """

    pixels: Tensor
    landmarks: Tensor
    neighbours: Tensor | None
    total: int
    part: slice
    scheme: LandmarkScheme

    def __len__(self) -> int:
        return int(self.pixels.shape[0])


class RandomDraws:
    """Random numbers for a batch: drawn for the whole batch on the processor, so that they do not depend
    on device or share, and cut to the batch's own part."""

    def __init__(self, batch: Batch, generator: torch.Generator) -> None:
        self._total, self._part, self._generator = batch.total, batch.part, generator
        self._device = batch.pixels.device

    def symmetric(self, *shape: int) -> Tensor:
        """(N, *shape) even in -1..1."""
        return self.uniform(*shape) * 2 - 1

    def uniform(self, *shape: int) -> Tensor:
        """(N, *shape) even in 0..1."""
        return self._own(torch.rand((self._total, *shape), generator=self._generator))

    def normal(self, *shape: int) -> Tensor:
        """(N, *shape) of the normal distribution."""
        return self._own(torch.randn((self._total, *shape), generator=self._generator))

    def integers(self, below: int) -> Tensor:
        """(N,) whole numbers from 0 to ``below`` - 1."""
        return self._own(torch.randint(below, (self._total,), generator=self._generator))

    def _own(self, values: Tensor) -> Tensor:
        return values[self._part].to(self._device, non_blocking=True)
