"""``highres``: the classic layout at 128 or 256 pixels, with a learned mask."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator
from torch import Tensor, nn

from facedouble.models.base import Decoded
from facedouble.models.classic import Classic
from facedouble.models.layers import ToGrid, Upscale, encoder, initialise, picture_and_mask, upscales
from facedouble.settings.base import field, problem
from facedouble.settings.train import Architecture
from facedouble.types import Side


class HighRes(Classic):
    """Stride-2 convolutions down to 8x8, a dense bottleneck, and residual upscales for each side.

    The bottleneck's grid is 8x8 and not the 4x4 of ``original``: where things are in the face is then
    kept in the code more finely. Each upscale is followed by a residual block (He et al. 2016), which
    sharpens what the upscale leaves soft. Each decoder draws a picture and its mask.

    ``resolution`` is a power of two from 64 on: 128 takes four convolutions, of ``filters`` times 1, 2,
    4 and 8, and 256 five. ``inner`` are the channels of the 8x8 grid after the dense layers; each upscale
    halves them, to no fewer than ``filters // 2``.
    """

    def __init__(
        self, resolution: int = 128, filters: int = 128, bottleneck: int = 512, inner: int = 512
    ) -> None:
        super().__init__()
        steps = resolution.bit_length() - 4
        self.resolution = resolution
        widths = tuple(min(filters * 2**i, filters * 8) for i in range(steps))
        back = tuple(max(inner >> i, filters // 2) for i in range(steps + 1))
        self.encoder = encoder(widths)
        self.dense = nn.Sequential(nn.Linear(widths[-1] * 8 * 8, bottleneck), ToGrid(bottleneck, back[0], 8))
        self.upscale = Upscale(back[0], back[1])
        self.decoders = nn.ModuleDict(
            {
                side: nn.Sequential(*upscales(back[1:], residual=True), nn.Conv2d(back[-1], 4, 5, padding=2))
                for side in ("a", "b")
            }
        )
        initialise(self, even=True)

    def decode(self, code: Tensor, side: Side) -> Decoded:
        return picture_and_mask(self.decoders[side](code))


class HighResArchitecture(Architecture):
    """Residual upscales and a learned mask."""

    kind: Literal["highres"] = "highres"
    resolution: int = field(128, "side of the picture, a power of two", unit="pixels", min=64, max=1024)
    filters: int = field(128, "filters of the first convolution; the others follow", min=1, max=1024)
    bottleneck: int = field(512, "length of the code", min=1, max=8192)
    inner: int = field(512, "channels before the first upscale", min=1, max=8192)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.resolution.bit_count() != 1:
            raise problem("resolution", "must be a power of two", self.resolution)
        return self

    def build(self) -> HighRes:
        return HighRes(**self.model_dump(exclude={"kind"}))


class HighRes256Architecture(HighResArchitecture):
    """The same at 256 pixels."""

    kind: Literal["highres256"] = "highres256"  # type: ignore[assignment]
    resolution: int = field(256, "side of the picture, a power of two", unit="pixels", min=64, max=1024)
    filters: int = field(64, "filters of the first convolution; the others follow", min=1, max=1024)
