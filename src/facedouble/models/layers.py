"""Building blocks that several models use."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

LEAK = 0.1


class Downscale(nn.Sequential):
    """Convolution of stride 2 and LeakyReLU: (N, C, H, W) to (N, filters, H/2, W/2)."""

    def __init__(self, channels: int, filters: int, kernel: int = 5) -> None:
        super().__init__(
            nn.Conv2d(channels, filters, kernel, stride=2, padding=kernel // 2), nn.LeakyReLU(LEAK)
        )


class Upscale(nn.Module):
    """3x3 convolution to four times the filters, LeakyReLU, pixel shuffle (Shi et al. 2016):
    (N, C, H, W) to (N, filters, 2H, 2W)."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, filters * 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(F.leaky_relu(self.convolution(x), LEAK), 2)


class Residual(nn.Module):
    """Two 3x3 convolutions whose result is added to what came in (He et al. 2016): (N, C, H, W) to
    the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.second(F.leaky_relu(self.first(x), LEAK)), LEAK)


def initialise(module: nn.Module) -> None:
    """He initialisation (He et al. 2015) of every convolution and dense layer for LeakyReLU."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, a=LEAK)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
