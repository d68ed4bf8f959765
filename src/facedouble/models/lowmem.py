"""``lowmem``: ``original`` for machines with little memory."""

from __future__ import annotations

from facedouble.models.original import Original


class LowMem(Original):
    """:class:`Original` without its fourth convolution and with half its bottleneck.

    That leaves 61 of its 82 million parameters, and with the optimizer's two moments and the averaged
    weights a quarter less memory.
    """

    def __init__(self, filters: int = 128, bottleneck: int = 512) -> None:
        super().__init__(filters, bottleneck, convolutions=3)
