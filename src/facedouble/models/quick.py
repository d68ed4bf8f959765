"""``quick``: a compact autoencoder for minutes of training, without a GPU if need be."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from facedouble.models.base import Decoded, SwapModel
from facedouble.models.layers import LEAK, Downscale, Upscale, initialise
from facedouble.types import Side

_GAIN = 2.0  # differences from the mean are small; brought to about the range of a picture


class Quick(SwapModel):
    """Shared encoder and dense bottleneck; for each side an upscaling decoder and a mean picture.

    What is done for speed: pixels are folded into channels before the first convolution and
    unfolded after the last (Shi et al. 2016), so no convolution runs at full resolution; only 3x3
    kernels. What is done so that little training is enough: each decoder adds what it says to its
    person's mean picture, itself a parameter, so training begins at the person and not at noise.

    What is done so that A's codes are codes B's decoder knows: the encoder sees how a face differs
    from its person's mean picture; every element of the code is brought to mean 0 and deviation 1
    over the faces of its side (batch normalisation by domain, Chang et al. 2019); and until
    :meth:`part` both sides use one decoder, so that an element means the same for both (compare
    the shared layers of Liu et al. 2017, "Unsupervised image-to-image translation networks").

    ``resolution`` is a multiple of 16; ``filters`` those of the first convolution; ``bottleneck``
    the length of the code, ``noise`` the deviation of what is added to it in training (a code near
    a known one must give a face near the known one); ``inner`` and ``channels`` the channels
    before and after each of the decoder's three upscales.
    """

    parted: Tensor

    def __init__(
        self,
        resolution: int = 96,
        filters: int = 32,
        bottleneck: int = 64,
        noise: float = 0.2,
        inner: int = 192,
        channels: Sequence[int] = (96, 48, 24),
    ) -> None:
        super().__init__()
        if resolution % 16:
            raise ValueError("resolution must be a multiple of 16")
        self.resolution, self.inner, self.noise, self.grid = resolution, inner, noise, resolution // 16
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            Downscale(12, filters, 3),
            Downscale(filters, filters * 2, 3),
            Downscale(filters * 2, filters * 4, 3),
        )
        self.squeeze = nn.Linear(filters * 4 * self.grid**2, bottleneck)
        self.normalise = nn.ModuleDict(
            {side: nn.BatchNorm1d(bottleneck, affine=False) for side in ("a", "b")}
        )
        self.expand = nn.Sequential(nn.Linear(bottleneck, inner * self.grid**2), nn.LeakyReLU(LEAK))
        self.decoders = nn.ModuleDict({side: self._decoder(inner, channels) for side in ("a", "b")})
        self.mean = nn.ParameterDict(
            {side: nn.Parameter(torch.full((3, resolution, resolution), 0.5)) for side in ("a", "b")}
        )
        for side in ("a", "b"):
            self.register_buffer(f"centre_{side}", torch.full((3, resolution, resolution), 0.5))
        self.register_buffer("parted", torch.tensor(False))
        initialise(self)
        for decoder in self.decoders.values():
            # Small, so that the first answer is the mean picture.
            with torch.no_grad():
                next(decoder[-2].parameters()).mul_(0.02)  # type: ignore[index]

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
                self.get_buffer(f"centre_{side}").copy_(picture)

    @torch.no_grad()
    def calibrate(self, faces: Tensor, side: Side) -> None:
        """The code's mean and deviation over these faces, for use outside training."""
        codes = torch.cat([self._squeezed(part, side) for part in faces.split(64)])
        statistics = self.normalise[side]
        statistics.running_mean.copy_(codes.mean(dim=0))  # type: ignore[operator]
        statistics.running_var.copy_(codes.var(dim=0, unbiased=False))  # type: ignore[operator]

    def part(self) -> list[tuple[nn.Parameter, nn.Parameter]]:
        pairs = list(zip(self.decoders["a"].parameters(), self.decoders["b"].parameters(), strict=True))
        with torch.no_grad():
            for old, new in pairs:
                new.copy_(old)
        self.parted.fill_(True)
        return pairs

    def _squeezed(self, faces: Tensor, side: Side) -> Tensor:
        difference = (faces - self.get_buffer(f"centre_{side}")) * _GAIN
        features = self.encoder(difference.contiguous(memory_format=torch.channels_last))
        # Rows before channels in memory, whatever came in, so that the dense layer sees one order.
        squeezed: Tensor = self.squeeze(features.contiguous().flatten(1))
        return squeezed

    def encode(self, faces: Tensor, side: Side) -> Tensor:
        code = self.normalise[side](self._squeezed(faces, side))
        if self.training and self.noise:
            code = code + self.noise * self.hardness * torch.randn_like(code)
        shaped: Tensor = self.expand(code).view(-1, self.inner, self.grid, self.grid)
        return shaped.contiguous(memory_format=torch.channels_last)

    def decode(self, code: Tensor, side: Side) -> Decoded:
        decoder = self.decoders[side if self.parted else "a"]
        return Decoded(decoder(code) + self.mean[side])
