"""``iae``: intermediate autoencoder; the people differ in their bottleneck alone."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from facedouble.models.base import Decoded, SwapModel
from facedouble.models.layers import ToGrid, encoder, initialise, upscales
from facedouble.settings.base import field
from facedouble.settings.train import Architecture
from facedouble.types import Side


class IAE(SwapModel):
    """One encoder, one decoder, and three intermediate layers between them: A's, B's, and one that
    belongs to both.

    A face goes through its person's intermediate layer and through the common one; the decoder gets
    both answers side by side. The swap takes the other person's layer. The decoder draws both people,
    so what they have in common is learned from both; the person is told apart by half of the code.

    Shapes: 64x64x3 by four convolutions to 4x4x1024; each intermediate layer is dense to
    ``bottleneck``, dense to 4x4x512; together 4x4x1024, upscaled to 8x8x512 … 64x64x64, and drawn by
    a 5x5 convolution with a sigmoid.
    """

    resolution = 64

    joint_encoder = True

    def __init__(self, filters: int = 128, bottleneck: int = 1024) -> None:
        super().__init__()
        widths = (filters, filters * 2, filters * 4, filters * 8)
        self.encoder = encoder(widths)
        self.between = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(filters * 8 * 4 * 4, bottleneck), ToGrid(bottleneck, filters * 4, 4)
                )
                for name in ("a", "b", "both")
            }
        )
        self.decoder = nn.Sequential(
            *upscales((filters * 8, filters * 4, filters * 2, filters, filters // 2)),
            nn.Conv2d(filters // 2, 3, 5, padding=2),
            nn.Sigmoid(),
        )
        initialise(self, even=True)

    def encode(self, faces: Tensor, side: Side) -> Tensor:
        """Faces to (N, 4·4·``filters``·8), what both people's intermediate layers take."""
        code: Tensor = self.encoder(faces).flatten(1)
        return code

    def decode(self, code: Tensor, side: Side) -> Decoded:
        both = torch.cat([self.between[side](code), self.between["both"](code)], dim=1)
        return Decoded(self.decoder(both.contiguous(memory_format=torch.channels_last)))


class IAEArchitecture(Architecture):
    """One decoder, a bottleneck for each person."""

    kind: Literal["iae"] = "iae"
    filters: int = field(128, "filters of the first convolution; the others follow", min=1, max=1024)
    bottleneck: int = field(1024, "length of the code", min=1, max=8192)

    def build(self) -> IAE:
        return IAE(**self.model_dump(exclude={"kind"}))
