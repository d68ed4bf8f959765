"""What the classic autoencoder and those built like it have in common."""

from __future__ import annotations

from torch import Tensor, nn

from facedouble.models.base import SwapModel
from facedouble.types import Side


class Classic(SwapModel):
    """Convolutions, a dense bottleneck and the first upscale for both people, then a decoder for each."""

    joint_encoder = True
    encoder: nn.Module
    dense: nn.Module
    upscale: nn.Module
    decoders: nn.ModuleDict

    def encode(self, faces: Tensor, side: Side) -> Tensor:
        code: Tensor = self.upscale(self.dense(self.encoder(faces).flatten(1)))
        return code
