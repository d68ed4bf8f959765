"""The discriminator of adversarial training: is this a real picture of the person?"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

_LEAK = 0.2


class Discriminator(nn.Module):
    """Judges patches, not whole pictures (PatchGAN, Isola et al. 2017), small ones and larger ones.

    Pixels are folded into channels (Shi et al. 2016), so that nothing runs at full resolution; then 3x3
    convolutions, two of them of stride 2. A score is given for patches of some ten pixels, which see
    texture, and for patches of some forty, which see eyes and mouths. Every convolution is normalised by
    its largest singular value (Miyato et al. 2018), which keeps the scores from running away, and with
    them the gradients that the decoder learns from. There is no batch normalisation: with the small
    batches of a processor its statistics are noise.

    ``shown`` is how many pictures are shown together: 1, or 2 where a picture is judged together with
    what it was made from (conditional, Isola et al.).
    """

    def __init__(self, shown: int = 1, filters: int = 32) -> None:
        super().__init__()
        widths = (12 * shown, filters, 2 * filters, 4 * filters, 4 * filters)
        strides = (1, 2, 2, 1)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, after, 3, stride, padding=1))
            for (before, after), stride in zip(pairwise(widths), strides, strict=True)
        )
        self.small = spectral_norm(nn.Conv2d(2 * filters, 1, 3, padding=1))
        self.large = spectral_norm(nn.Conv2d(4 * filters, 1, 3, padding=1))

    def forward(self, *pictures: Tensor) -> list[Tensor]:
        """Scores of the small patches (N, 1, R/4, R/4) and of the large ones (N, 1, R/8, R/8), no unit,
        higher for real, of ``shown`` pictures (N, 3, R, R) 0..1 that belong together."""
        x = F.pixel_unshuffle(torch.cat(pictures, dim=1) * 2 - 1, 2)
        x = x.contiguous(memory_format=torch.channels_last)
        scores = []
        for number, layer in enumerate(self.layers):
            x = F.leaky_relu(layer(x), _LEAK)
            if number == 1:
                scores.append(self.small(x))
        return [*scores, self.large(x)]
