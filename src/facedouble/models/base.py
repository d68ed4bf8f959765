"""What every model is: one encoder for both people, one decoder for each."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from facedouble.types import Side


class SwapModel(nn.Module, ABC):
    """A shared encoder with a decoder for side A and one for side B.

    Pictures are batches (N, 3, R, R), R, G, B about 0..1 in the standard colouring (see
    ``faces/colour.py``), R the model's ``resolution``.
    """

    resolution: int

    @abstractmethod
    def encode(self, faces: Tensor) -> Tensor:
        """Faces (N, 3, R, R) of either side to codes; the shape is the model's own."""

    @abstractmethod
    def decode(self, code: Tensor, side: Side) -> Tensor:
        """Codes to faces (N, 3, R, R) of ``side``."""

    def forward(self, faces: Tensor, side: Side) -> Tensor:
        """Faces (N, 3, R, R) seen as faces of ``side``; the other side's faces give the swap."""
        return self.decode(self.encode(faces), side)

    def prepare(self, mean_faces: dict[Side, Tensor]) -> None:
        """Take what can be known before training: each side's mean picture (3, R, R)."""

    def part(self) -> list[tuple[nn.Parameter, nn.Parameter]]:
        """End the time in which both sides share their decoder, where a model has one: from here
        on the decoders learn apart, starting alike. Returns pairs (copied from, copied to)."""
        return []
