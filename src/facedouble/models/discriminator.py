"""The discriminator of adversarial training: is this a real picture of the person?"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

_LEAK = 0.2


class Discriminator(nn.Module):
    """Judges patches, not whole pictures (PatchGAN, Isola et al. 2017): a score for each place.

    Shown beside a picture is the bent input it was restored from (conditional, the same paper), so
    that it is not enough to draw some face. 4x4 convolutions of stride 2 from ``filters`` on, doubled at
    each, three of them up to 64 pixels and four above; then a 3x3 convolution to one channel. Every
    convolution is normalised by its largest singular value (Miyato et al. 2018), which keeps the
    scores from running away, and with it the gradients that the generator learns from.

    There is no batch normalisation: with the small batches of a processor its statistics are noise.
    """

    def __init__(self, resolution: int, filters: int = 32) -> None:
        super().__init__()
        channels = 6
        self.layers = nn.ModuleList()
        for i in range(3 if resolution <= 64 else 4):
            width = filters * 2**i
            self.layers.append(spectral_norm(nn.Conv2d(channels, width, 4, stride=2, padding=1)))
            channels = width
        self.score = spectral_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, pictures: Tensor, inputs: Tensor) -> Tensor:
        """Scores (N, 1, r, r), no unit, higher for real, of pictures (N, 3, R, R) and the inputs
        (N, 3, R, R) that belong to them, both 0..1."""
        x = torch.cat([pictures, inputs], dim=1) * 2 - 1
        for layer in self.layers:
            x = F.leaky_relu(layer(x), _LEAK)
        scores: Tensor = self.score(x)
        return scores
