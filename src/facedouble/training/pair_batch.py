"""A batch of training pairs with its noise: its parts, and all of its tensors in a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor

from facedouble.training.warp.pairs import Pairs
from facedouble.types import Side

Noise = Mapping[str, Tensor]
"""What a network drew for the faces of one side (``SwapModel.draw_noise``)."""


@dataclass(frozen=True, slots=True)
class PairBatch:
    """``pairs`` of each side, as many of one as of the other, and the ``noise`` drawn for them."""

    pairs: Mapping[Side, Pairs]
    noise: Mapping[Side, Noise]

    @property
    def count(self) -> int:
        """Faces of each side."""
        return len(next(iter(self.pairs.values())).inputs)

    @property
    def geometry(self) -> dict[Side, Tensor] | None:
        """What the faces do, for models that are told."""
        known = {side: pair.geometry for side, pair in self.pairs.items() if pair.geometry is not None}
        return known or None

    def only(self, side: Side) -> PairBatch:
        """The half of one side."""
        return PairBatch({side: self.pairs[side]}, {side: self.noise[side]})

    def part(self, run: slice) -> PairBatch:
        """Some faces of each side."""
        noise = {side: {name: value[run] for name, value in own.items()} for side, own in self.noise.items()}
        return PairBatch({side: _some(pair, run) for side, pair in self.pairs.items()}, noise)

    def parts(self, micro_batch: int, least: int) -> Iterator[tuple[PairBatch, float, bool]]:
        """Even parts of about ``micro_batch`` faces, ``least`` or more of each side, each with its share of
        all, and if it is the last."""
        count, size = self.count, max(1, micro_batch // len(self.pairs))
        number = max(1, min(math.ceil(count / size), count // least))
        for i in range(number):
            run = slice(i * count // number, (i + 1) * count // number)
            yield self.part(run), (run.stop - run.start) / count, i == number - 1

    def flatten(self) -> list[Tensor]:
        """All tensors, in a fixed order."""
        made = [getattr(pair, entry.name) for pair in self.pairs.values() for entry in fields(pair)]
        made += [value for own in self.noise.values() for value in own.values()]
        return [tensor for tensor in made if tensor is not None]

    def like_this(self, tensors: Sequence[Tensor]) -> PairBatch:
        """The batch made like this one that :meth:`flatten` would make ``tensors`` of."""
        rest = iter(tensors)
        pairs = {}
        for side, pair in self.pairs.items():
            there = [getattr(pair, entry.name) is not None for entry in fields(pair)]
            pairs[side] = Pairs(*(next(rest) if held else None for held in there))  # type: ignore[arg-type]
        return PairBatch(
            pairs, {side: {name: next(rest) for name in own} for side, own in self.noise.items()}
        )


def _some(pairs: Pairs, run: slice) -> Pairs:
    whole = {entry.name: getattr(pairs, entry.name) for entry in fields(pairs)}
    tensors: dict[str, Any] = {name: None if own is None else own[run] for name, own in whole.items()}
    return Pairs(**tensors)
