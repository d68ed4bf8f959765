"""``original``: the classic 64 pixel autoencoder of 2017 that the field began with."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from facedouble.models.base import Decoded
from facedouble.models.classic import Classic
from facedouble.models.layers import ToGrid, Upscale, encoder, initialise, upscales
from facedouble.settings.base import field
from facedouble.settings.train import Architecture
from facedouble.types import Side


class Original(Classic):
    """5x5 stride-2 convolutions, a dense bottleneck, and three upscales for each side.

    Shapes for the standard size: 64x64x3 by four convolutions of 128, 256, 512 and 1024 filters to
    4x4x1024, dense to ``bottleneck``, dense to 4x4x1024, upscale to 8x8x512; each decoder upscales to
    16x16x256, 32x32x128 and 64x64x64, and a 5x5 convolution with a sigmoid draws the picture.

    ``filters`` are those of the first convolution, the others follow from it; ``convolutions`` is how
    many there are. ``same_padding``: the convolutions pad as TensorFlow does, which the weights of 2018 want.
    """

    resolution = 64

    def __init__(
        self,
        filters: int = 128,
        bottleneck: int = 1024,
        convolutions: int = 4,
        *,
        same_padding: bool = False,
    ) -> None:
        super().__init__()
        widths = tuple(filters * 2**i for i in range(convolutions))
        side = self.resolution >> convolutions
        self.encoder = encoder(widths, same_padding=same_padding)
        self.dense = nn.Sequential(
            nn.Linear(widths[-1] * side * side, bottleneck), ToGrid(bottleneck, filters * 8, 4)
        )
        self.upscale = Upscale(filters * 8, filters * 4)
        self.decoders = nn.ModuleDict(
            {
                side: nn.Sequential(
                    *upscales((filters * 4, filters * 2, filters, filters // 2)),
                    nn.Conv2d(filters // 2, 3, 5, padding=2),
                    nn.Sigmoid(),
                )
                for side in ("a", "b")
            }
        )
        initialise(self, even=True)

    def decode(self, code: Tensor, side: Side) -> Decoded:
        return Decoded(self.decoders[side](code))


class OriginalArchitecture(Architecture):
    """The classic 64-pixel autoencoder."""

    kind: Literal["original"] = "original"
    filters: int = field(128, "filters of the first convolution; the others follow", min=1, max=1024)
    bottleneck: int = field(1024, "length of the code", min=1, max=8192)
    same_padding: bool = field(False, "pad as TensorFlow does, for weights of the first faceswap")

    def build(self) -> Original:
        return Original(**self.model_dump(exclude={"kind"}))
