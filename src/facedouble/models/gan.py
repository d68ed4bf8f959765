"""``gan`` and ``gan128``: an autoencoder whose decoders also draw the mask, trained adversarially."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator
from torch import Tensor, nn

from facedouble.models.base import Decoded
from facedouble.models.classic import Classic
from facedouble.models.layers import (
    Residual,
    ToGrid,
    Upscale,
    encoder,
    initialise,
    picture_and_mask,
    upscales,
)
from facedouble.settings.base import field, problem
from facedouble.settings.train import Architecture
from facedouble.types import Side


class Gan(Classic):
    """The generator: as ``original``, but each decoder ends in a residual block and draws four
    channels, the picture and the mask of where to lay it.

    The design is that of the first adversarial face swappers: two discriminators, one a person, judge
    what their person's decoder draws (``training/adversary.py``). They are no part of this network,
    since a swap does not need them.

    ``resolution`` is 64 or 128 (any power of two from 32). Stride-2 convolutions lead down to 4x4, from
    ``filters`` of them, doubled at each up to ``filters * 16``; dense to ``bottleneck``, dense to 4x4, and
    upscales back, of which the first is common to both people.
    """

    def __init__(self, resolution: int = 64, filters: int = 64, bottleneck: int = 1024) -> None:
        super().__init__()
        steps = resolution.bit_length() - 3
        self.resolution = resolution
        widths = tuple(min(filters * 2**i, filters * 16) for i in range(steps))
        # Down from 4x4: 16, 8, 4, 2, 1 times the filters, as many as it takes.
        back = tuple(max(filters * 16 >> i, filters) for i in range(steps + 1))
        self.encoder = encoder(widths)
        self.dense = nn.Sequential(nn.Linear(widths[-1] * 4 * 4, bottleneck), ToGrid(bottleneck, back[0], 4))
        self.upscale = Upscale(back[0], back[1])
        self.decoders = nn.ModuleDict(
            {
                side: nn.Sequential(
                    *upscales(back[1:]), Residual(back[-1]), nn.Conv2d(back[-1], 4, 5, padding=2)
                )
                for side in ("a", "b")
            }
        )
        initialise(self, even=True)

    def decode(self, code: Tensor, side: Side) -> Decoded:
        return picture_and_mask(self.decoders[side](code))


class GanArchitecture(Architecture):
    """A learned mask, trained against two discriminators."""

    kind: Literal["gan"] = "gan"
    resolution: int = field(64, "side of the picture, a power of two", unit="pixels", min=32, max=1024)
    filters: int = field(64, "filters of the first convolution; the others follow", min=1, max=1024)
    bottleneck: int = field(1024, "length of the code", min=1, max=8192)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.resolution.bit_count() != 1:
            raise problem("resolution", "must be a power of two", self.resolution)
        return self

    def build(self) -> Gan:
        return Gan(**self.model_dump(exclude={"kind"}))


class Gan128Architecture(GanArchitecture):
    """The same at 128 pixels."""

    kind: Literal["gan128"] = "gan128"  # type: ignore[assignment]
    resolution: int = field(128, "side of the picture, a power of two", unit="pixels", min=32, max=1024)
