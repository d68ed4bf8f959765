"""The faces of both sides, and batches of them.

Pictures are kept as uint8 (``store.py``). Which faces are drawn depends on the generator alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.training.batch import Batch, Shard
from facedouble.training.crop_cache import CropCache, chunks
from facedouble.training.preprocess import FaceCrop
from facedouble.types import FloatArray, Side

_ALONE = Shard()


@dataclass(frozen=True)
class SideDataset:
    """Some faces of one side, N of them; ``N`` may be 0 for those held out.

    ``store`` keeps their pictures, ``landmarks`` (N, P, 2) float32 are in units of ``Batch`` and follow
    ``scheme``, ``colours`` (N, 2, 3) their colour statistics. ``sampling_weights`` (N,) is how often each
    is drawn, any scale; ``None`` for evenly. ``geometry`` (N, K) float32 is what the faces do, for models
    that are told (``faces/geometry.py``). ``others`` are the landmarks (M, P, 2) of the other side and
    ``like`` (N, K) which of them are most like each face here.
    """

    resolution: int
    store: CropCache
    landmarks: Tensor
    colours: FloatArray
    scheme: LandmarkScheme
    sampling_weights: Tensor | None = None
    geometry: Tensor | None = None
    others: Tensor | None = None
    like: Tensor | None = None

    def __len__(self) -> int:
        return self.store.shape[0]

    @property
    def colour(self) -> FloatArray:
        """Mean colour statistics (2, 3)."""
        mean: FloatArray = self.colours.mean(axis=0)
        return mean

    def draw(self, count: int, generator: torch.Generator, share: Shard = _ALONE) -> Batch:
        """This process's share of ``count`` faces drawn at random, with their landmarks."""
        if self.sampling_weights is None:
            chosen = torch.randint(len(self), (count,), generator=generator)
        else:
            chosen = torch.multinomial(self.sampling_weights, count, replacement=True, generator=generator)
        part = share.of(count)
        own = chosen[part]
        neighbours = None
        if self.others is not None and self.like is not None:
            neighbours = self.others[self.like[own]].to(self.store.device)
        landmarks = self.landmarks[own].to(self.store.device)
        geometry = None if self.geometry is None else self.geometry[own].to(self.store.device)
        return Batch(self.store.take(own), landmarks, neighbours, count, part, self.scheme, geometry)

    def some(self, most: int) -> Tensor:
        """Numbers of at most ``most`` faces, evenly spread."""
        return torch.linspace(0, len(self) - 1, min(most, len(self))).round().long()

    def pictures(self, most: int) -> Tensor:
        """The pictures of :meth:`some` (n, 3, R, R) float32 0..1 at the model's resolution, not moved."""
        return self._reduce(self.some(most), slice(0, 3))

    def geometry_of(self, most: int) -> Tensor | None:
        """What the faces of :meth:`some` do (n, K), on the training device."""
        return None if self.geometry is None else self.geometry[self.some(most)].to(self.store.device)

    def batches(self, most: int) -> Iterator[Tensor]:
        """The same, some at a time: all of them may be more than there is memory for."""
        return self._reduced(self.some(most), slice(0, 3))

    def masks(self, most: int) -> Tensor:
        """Where the pictures of :meth:`pictures` show the face, (n, 1, R, R) float32 0..1."""
        return self._reduce(self.some(most), slice(4, 5))

    @property
    def mean_face(self) -> Tensor:
        """Mean picture (3, R, R) float32 0..1 at the model's resolution."""
        # Summed as they are: a float copy of every face would be four times as large.
        total = sum(part[:, :3].sum(dim=0, keepdim=True, dtype=torch.float32) for part in chunks(self.store))
        assert isinstance(total, Tensor)
        return F.adaptive_avg_pool2d(total / (255 * len(self)), self.resolution)[0]

    def _reduce(self, chosen: Tensor, channels: slice) -> Tensor:
        return torch.cat(list(self._reduced(chosen, channels)))

    def _reduced(self, chosen: Tensor, channels: slice) -> Iterator[Tensor]:
        for part in chosen.split(64):
            yield F.adaptive_avg_pool2d(self.store.take(part)[:, channels].float() / 255, self.resolution)


@dataclass(frozen=True)
class Dataset:
    """The faces of both sides: those trained on, and those held out, of which there may be none."""

    training: dict[Side, SideDataset]
    held_out: dict[Side, SideDataset]
    crops: dict[Side, list[FaceCrop]]
    """Where the crops of both lie."""

    @property
    def scheme(self) -> LandmarkScheme:
        """What the landmarks of both sides are."""
        return self.training["a"].scheme

    @property
    def evaluation(self) -> dict[Side, SideDataset]:
        """The faces to evaluate on: those held out where there are any, else those trained on."""
        return {
            side: self.held_out[side] if len(self.held_out[side]) else self.training[side]
            for side in self.training
        }
