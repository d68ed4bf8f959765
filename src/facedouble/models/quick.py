"""``quick``: a compact autoencoder for minutes of training, without a GPU if need be."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from facedouble.models.base import SwapModel
from facedouble.models.layers import LEAK, Downscale, Upscale, initialise
from facedouble.types import Side


class Quick(SwapModel):
    """Shared encoder and dense bottleneck; for each side an upscaling decoder and a mean picture.

    What is done for speed: pixels are folded into channels before the first convolution and
    unfolded after the last (Shi et al. 2016), so no convolution runs at full resolution; only 3x3
    kernels. What is done so that little training is enough: each decoder adds what it says to its
    person's mean picture, itself a parameter, so training begins at the person and not at noise;
    and until :meth:`part` both sides use one decoder, which makes the code mean the same for both
    (the shared half of "Unsupervised image-to-image translation", Liu et al. 2017, is the same idea).

    ``resolution`` is a multiple of 16; ``filters`` those of the first convolution; ``bottleneck``
    the length of the code; ``channels`` those after each of the decoder's three upscales.
    """

    parted: Tensor

    def __init__(
        self,
        resolution: int = 96,
        filters: int = 32,
        bottleneck: int = 256,
        inner: int = 192,
        channels: Sequence[int] = (96, 48, 24),
    ) -> None:
        super().__init__()
        if resolution % 16:
            raise ValueError("resolution must be a multiple of 16")
        self.resolution, self.inner, self.grid = resolution, inner, resolution // 16
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            Downscale(12, filters, 3),
            Downscale(filters, filters * 2, 3),
            Downscale(filters * 2, filters * 4, 3),
        )
        self.dense = nn.Sequential(
            nn.Linear(filters * 4 * self.grid**2, bottleneck),
            nn.Linear(bottleneck, inner * self.grid**2),
            nn.LeakyReLU(LEAK),
        )
        self.decoders = nn.ModuleDict({side: self._decoder(inner, channels) for side in ("a", "b")})
        self.mean = nn.ParameterDict(
            {side: nn.Parameter(torch.full((3, resolution, resolution), 0.5)) for side in ("a", "b")}
        )
        self.register_buffer("parted", torch.tensor(False))
        initialise(self)
        for decoder in self.decoders.values():
            # Small, so that the first answer is the mean picture.
            with torch.no_grad():
                next(decoder[-2].parameters()).mul_(0.1)  # type: ignore[index]

    @staticmethod
    def _decoder(inner: int, channels: Sequence[int]) -> nn.Sequential:
        layers: list[nn.Module] = []
        before = inner
        for filters in channels:
            layers.append(Upscale(before, filters))
            before = filters
        return nn.Sequential(*layers, nn.Conv2d(before, 12, 3, padding=1), nn.PixelShuffle(2))

    def prepare(self, mean_faces: dict[Side, Tensor]) -> None:
        with torch.no_grad():
            for side, picture in mean_faces.items():
                self.mean[side].copy_(picture)

    def part(self) -> list[tuple[nn.Parameter, nn.Parameter]]:
        pairs = list(zip(self.decoders["a"].parameters(), self.decoders["b"].parameters(), strict=True))
        with torch.no_grad():
            for old, new in pairs:
                new.copy_(old)
        self.parted.fill_(True)
        return pairs

    def encode(self, faces: Tensor) -> Tensor:
        # Rows before channels in memory, whatever came in, so that the dense layer sees one order.
        flat = self.encoder(faces).contiguous().flatten(1)
        code: Tensor = self.dense(flat).view(-1, self.inner, self.grid, self.grid)
        return code.contiguous(memory_format=torch.channels_last)

    def decode(self, code: Tensor, side: Side) -> Tensor:
        decoder = self.decoders[side if self.parted else "a"]
        picture: Tensor = decoder(code) + self.mean[side]
        return picture
