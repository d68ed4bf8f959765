"""The network that finds what hides a face: a U-Net on the aligned crop."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 256
"""Side in pixels of the crops that the network takes."""

CHANNELS = 8
"""R, G, B of the crop; R, G, B of the same face unhidden; the face's hull; where a hand was found."""

_BLOCK = 4  # pixels of a side that are folded into channels, and unfolded at the end
_WIDTHS = (32, 64, 96, 128)


class OcclusionNetwork(nn.Module):
    """Where a face is visible, (N, ``CHANNELS``, 256, 256) to logits (N, 1, 256, 256).

    A U-Net (Ronneberger et al. 2015). Blocks of 4x4 pixels are folded into channels first and unfolded last
    (Shi et al. 2016), so that it works at a quarter of the resolution and draws edges at the full one.
    Channels 0 to 5 are colours less 0.5; a face that is not known unhidden is 0 there.
    """

    def __init__(self, widths: Sequence[int] = _WIDTHS) -> None:
        super().__init__()
        first = widths[0]
        self.stem = nn.Sequential(_layer(CHANNELS * _BLOCK**2, first, 1), _layer(first, first))
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(
            nn.Sequential(_layer(narrow, wide, stride=2), _layer(wide, wide)) for narrow, wide in steps
        )
        self.up = nn.ModuleList(
            nn.Sequential(_layer(narrow + wide, narrow, 1), _layer(narrow, narrow))
            for narrow, wide in reversed(steps)
        )
        self.head = nn.Conv2d(first, _BLOCK**2, 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        found = self.stem(F.pixel_unshuffle(pictures, _BLOCK))
        skipped = [found]
        for step in self.down:
            found = step(found)
            skipped.append(found)
        found = skipped.pop()
        for step in self.up:
            larger = F.interpolate(found, scale_factor=2.0, mode="nearest")
            found = step(torch.cat([larger, skipped.pop()], dim=1))
        logits: Tensor = F.pixel_shuffle(self.head(found), _BLOCK)
        return logits


def _layer(given: int, made: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(given, made, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(made),
        nn.ReLU(inplace=True),
    )
