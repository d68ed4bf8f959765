"""``lowmem``: ``original`` for machines with little memory."""

from __future__ import annotations

from typing import Literal

from facedouble.models.original import Original
from facedouble.settings.base import field
from facedouble.settings.train import Architecture


class LowMem(Original):
    """:class:`Original` without its fourth convolution and with half its bottleneck.

    That leaves 61 of its 82 million parameters, and with the optimizer's two moments and the averaged
    weights a quarter less memory.
    """

    def __init__(self, filters: int = 128, bottleneck: int = 512, *, same_padding: bool = False) -> None:
        super().__init__(filters, bottleneck, convolutions=3, same_padding=same_padding)


class LowMemArchitecture(Architecture):
    """The classic with one convolution and half the bottleneck less."""

    kind: Literal["lowmem"] = "lowmem"
    filters: int = field(128, "filters of the first convolution; the others follow", min=1, max=1024)
    bottleneck: int = field(512, "length of the code", min=1, max=8192)
    same_padding: bool = field(False, "pad as TensorFlow does, for weights of the first faceswap")

    def build(self) -> LowMem:
        return LowMem(**self.model_dump(exclude={"kind"}))
