"""The part of a code that is told, not learned: what the face does, from its landmarks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from facedouble.faces.geometry import Geometry, lid_components
from facedouble.types import SIDES, FloatArray, Side

_CALM = 1 / 3  # share of a person's faces, those with the mouth most shut, of which the rest is the median
_RANGE = (0.005, 0.995)  # quantiles that bound what a person was seen to do
_ROOM = 1.5  # units beyond that range for what moves the head as a whole, which is extrapolated well
_WHOLE = ("yaw", "pitch", "roll", "size", "across", "down")
_NARROW = 0.05  # opening of an eye that is as good as shut
_MAX_LIDS = 2.0  # times as wide as another person's eyes
_MAX_FACES = 100_000  # that quantiles are taken of


class GeometryCode(nn.Module):
    """Geometry (N, K), as :mod:`facedouble.faces.geometry` describes faces, to numbers about -3..3.

    What is told is how far a face is from its own person at rest, so that people of different shape say the
    same. The unit of each component is one for both people: how much of it one of them happens to do is not
    part of it. Lids alone move by shares of the way on which they shut: people's eyes are not equally wide,
    and half shut is half shut. For a decoder of the other person the numbers are bounded by what that person
    was seen to do.
    The statistics are buffers, and so part of the weights.
    """

    unit: Tensor
    eyes: Tensor
    lids: Tensor

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.geometry, self.count = geometry, geometry.count
        eyes = np.arange(self.count)
        for opening, components in lid_components(geometry).items():
            eyes[components] = opening
        self.register_buffer("eyes", torch.from_numpy(eyes), persistent=False)
        lids = np.isin(eyes, list(lid_components(geometry)))
        self.register_buffer("lids", torch.from_numpy(lids), persistent=False)
        for side in SIDES:
            self.register_buffer(f"rest_{side}", torch.zeros(self.count))
            self.register_buffer(f"low_{side}", torch.full((self.count,), -3.0))
            self.register_buffer(f"high_{side}", torch.full((self.count,), 3.0))
        self.register_buffer("unit", torch.from_numpy(geometry.units.copy()))

    @torch.no_grad()
    def fit(self, described: Mapping[Side, FloatArray]) -> None:
        """Take the statistics of both sides' faces, (N, K) each."""
        away = {}
        for side, values in described.items():
            rest = at_rest(values, self.geometry)
            self.get_buffer(f"rest_{side}").copy_(torch.from_numpy(rest))
            away[side] = values - rest
        variance = np.mean([np.square(part).mean(axis=0) for part in away.values()], axis=0)
        unit = np.maximum(np.sqrt(variance), self.geometry.units)
        self.unit.copy_(torch.from_numpy(unit))
        room = np.array([_ROOM if name in _WHOLE else 0.0 for name in self.geometry.components])
        for side, part in away.items():
            low, high = np.quantile(part[:_MAX_FACES] / unit, _RANGE, axis=0)
            self.get_buffer(f"low_{side}").copy_(torch.from_numpy(low - room))
            self.get_buffer(f"high_{side}").copy_(torch.from_numpy(high + room))

    def forward(self, described: Tensor | None, faces: Tensor, source: Side, target: Side) -> Tensor:
        """What to tell the decoder of ``target`` of each of the ``faces`` (N, ...) of ``source``: (N, K).
        Faces that are not ``described`` are at rest."""
        if described is None:
            return faces.new_zeros(len(faces), self.count)
        told: Tensor = (described.to(faces) - self.get_buffer(f"rest_{source}")) / self.unit
        if source == target:
            return told
        told = told * self._lid_ratio(source, target)
        return torch.clamp(told, self.get_buffer(f"low_{target}"), self.get_buffer(f"high_{target}"))

    def _lid_ratio(self, source: Side, target: Side) -> Tensor:
        """By how much lids of ``target`` move further than those of ``source``, where both shut them: (K,),
        1 for all else. Eyes that are wide at rest have a longer way."""
        wide, other = (
            self.get_buffer(f"rest_{side}").index_select(0, self.eyes) for side in (target, source)
        )
        ratio = (wide / other.clamp(min=_NARROW)).clamp(1 / _MAX_LIDS, _MAX_LIDS)
        return torch.where(self.lids, ratio, 1.0)


def at_rest(described: FloatArray, geometry: Geometry) -> FloatArray:
    """A person at rest (K,), from what N faces do (N, K): the median of those with the mouth most shut. The
    mouth says it best; lids shut now and then in any mood."""
    mouth = described[:, geometry.components.index("mouth_open")]
    calm = described[mouth <= np.quantile(mouth, _CALM)]
    rest: FloatArray = np.median(calm, axis=0).astype(np.float32)
    return rest
