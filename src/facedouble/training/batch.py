"""A batch of faces, as it passes from the dataset to the warps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from facedouble.faces.schemes.scheme import LandmarkScheme

CHANNELS = 5
"""Channels of a cached crop: R, G, B, the loss weight, the face mask."""

MAX_WEIGHT = 4.0
"""The loss weight that is stored as 255."""


@dataclass(frozen=True, slots=True)
class Shard:
    """The shard of the global batch that process ``rank`` of ``world`` takes.

    Every process draws the random numbers of the global batch from a generator in the same state and keeps
    its own range of them, so that the shards together are what one process would have drawn.
    """

    rank: int = 0
    world: int = 1

    def of(self, total: int) -> slice:
        """This process's range of a batch of ``total`` faces."""
        return slice(self.rank * total // self.world, (self.rank + 1) * total // self.world)


@dataclass(frozen=True, slots=True)
class Batch:
    """N faces of one side, on the training device.

    ``pixels`` (N, 5, S, S) uint8, S at least the model's resolution: R, G, B in the standard
    colouring, the loss weight in units of ``MAX_WEIGHT``/255, the face mask. ``landmarks``
    (N, P, 2) in the picture's own units: x and y from -1 at its left and upper edge to 1 at the right
    and lower one (as ``grid_sample`` counts with ``align_corners=False``). ``neighbours`` (N, K, P, 2)
    are the landmarks of the K nearest faces of the other side; ``None`` where there is no other side.
    ``total`` is the size of the global batch, ``part`` the range of it that this is. ``scheme``
    says what the landmarks are. ``geometry`` (N, K) is what the faces do, for models that are told.
    """

    pixels: Tensor
    landmarks: Tensor
    neighbours: Tensor | None
    total: int
    part: slice
    scheme: LandmarkScheme
    geometry: Tensor | None = None

    def __len__(self) -> int:
        return int(self.pixels.shape[0])


class RandomDraws:
    """Random numbers for a batch: drawn on the CPU for the global batch, so that they depend neither on the
    device nor on the shard, and cut to the batch's own range."""

    def __init__(self, batch: Batch, generator: torch.Generator) -> None:
        self._total, self._part, self._generator = batch.total, batch.part, generator
        self._device = batch.pixels.device

    def symmetric(self, *shape: int) -> Tensor:
        """(N, *shape), uniform in -1..1."""
        return self.uniform(*shape) * 2 - 1

    def uniform(self, *shape: int) -> Tensor:
        """(N, *shape), uniform in 0..1."""
        return self._own(torch.rand((self._total, *shape), generator=self._generator))

    def normal(self, *shape: int) -> Tensor:
        """(N, *shape), standard normal."""
        return self._own(torch.randn((self._total, *shape), generator=self._generator))

    def integers(self, below: int) -> Tensor:
        """(N,) integers in 0..``below`` - 1."""
        return self._own(torch.randint(below, (self._total,), generator=self._generator))

    def some(self, probability: float) -> Tensor:
        """Numbers (n,) of faces, each of which is among them with this ``probability``. Chosen on the CPU:
        how many there are decides shapes, and to ask a device means to wait for it."""
        chosen = torch.rand(self._total, generator=self._generator)[self._part] < probability
        return chosen.nonzero()[:, 0].to(self._device, non_blocking=True)

    def _own(self, values: Tensor) -> Tensor:
        return values[self._part].to(self._device, non_blocking=True)
