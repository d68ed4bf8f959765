"""``original``: the classic 64 pixel autoencoder of 2017 that the field began with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facedouble.models.base import Decoded, SwapModel
from facedouble.models.layers import Downscale, Upscale, initialise
from facedouble.types import Side


class Original(SwapModel):
    """Four 5x5 stride-2 convolutions, a dense bottleneck, and three upscales for each side.

    Shapes for the standard size: 64x64x3 to 4x4x``filters*8``, dense to ``bottleneck``, dense to
    4x4x``bottleneck``, upscale to 8x8x512; each decoder upscales to 16, 32 and 64 pixels.
    """

    resolution = 64
    one_encoder = True

    def __init__(self, filters: int = 128, bottleneck: int = 1024) -> None:
        super().__init__()
        self.bottleneck = bottleneck
        self.encoder = nn.Sequential(
            Downscale(3, filters),
            Downscale(filters, filters * 2),
            Downscale(filters * 2, filters * 4),
            Downscale(filters * 4, filters * 8),
        )
        self.dense = nn.Sequential(
            nn.Linear(filters * 8 * 4 * 4, bottleneck), nn.Linear(bottleneck, bottleneck * 4 * 4)
        )
        self.upscale = Upscale(bottleneck, filters * 4)
        self.decoders = nn.ModuleDict({side: self._decoder(filters) for side in ("a", "b")})
        initialise(self)

    @staticmethod
    def _decoder(filters: int) -> nn.Sequential:
        return nn.Sequential(
            Upscale(filters * 4, filters * 2),
            Upscale(filters * 2, filters),
            Upscale(filters, filters // 2),
            nn.Conv2d(filters // 2, 3, 5, padding=2),
            nn.Sigmoid(),
        )

    def encode(self, faces: Tensor, side: Side) -> Tensor:
        flat = self.encoder(faces).flatten(1)
        code: Tensor = self.dense(flat).view(-1, self.bottleneck, 4, 4)
        return self.upscale(code.contiguous(memory_format=torch.channels_last))  # type: ignore[no-any-return]

    def decode(self, code: Tensor, side: Side) -> Decoded:
        return Decoded(self.decoders[side](code))
