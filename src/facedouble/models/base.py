"""What every model is: one encoder for both people, one decoder for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from facedouble.faces.geometry import Geometry
from facedouble.models.geometry_code import GeometryCode
from facedouble.models.registry import MODELS
from facedouble.types import FloatArray, Side


class Decoded(NamedTuple):
    """What a decoder draws: ``picture`` (N, 3, R, R) about 0..1 in the standard colouring, and, by
    models that learn one, ``mask`` (N, 1, R, R) 0..1, where the picture is to be laid over the frame."""

    picture: Tensor
    mask: Tensor | None = None


class SwapModel(nn.Module, ABC):
    """A shared encoder with a decoder for side A and one for side B.

    Pictures are batches (N, 3, R, R), R, G, B about 0..1 in the standard colouring (see
    ``faces/colour.py``), R the model's ``resolution``. ``geometry`` (N, K) says what each face does
    (``faces/geometry.py``), to models that have a ``geometry_code``; the others ignore it.
    """

    resolution: int
    geometry_code: GeometryCode | None
    """What turns geometry into a part of the code, in models that are told."""
    joint_encoder: bool = False
    """Whether ``encode`` does the same for both sides."""
    min_faces_per_side: int = 1
    """How many of each side have to go through it together in training."""

    def __init__(self) -> None:
        super().__init__()
        self.geometry_code = None

    @property
    def geometry(self) -> Geometry | None:
        """How what faces do is described to this model, if it is told."""
        return None if self.geometry_code is None else self.geometry_code.geometry

    @abstractmethod
    def encode(self, faces: Tensor, side: Side) -> Tensor:
        """Faces (N, 3, R, R) of ``side`` to codes; the shape is the model's own."""

    def draw_noise(self, count: int, strength: float) -> dict[str, Tensor]:
        """The random numbers that make training hard on purpose (noise on the code, say), for ``count``
        faces of one side, by name; ``strength`` 0..1 scales them. Nothing for a model without.

        All that is random in a training step is drawn here, so that sides can be encoded in any order and
        in any thread, and a captured step can be replayed with new numbers.
        """
        return {}

    def encode_sides(
        self,
        faces: Mapping[Side, Tensor],
        noise: Mapping[Side, Mapping[str, Tensor]] | None = None,
        geometry: Mapping[Side, Tensor] | None = None,
        target: Side | None = None,
    ) -> dict[Side, Tensor]:
        """Faces of several sides to their codes, for the decoder of ``target``, or each for its own; in
        training with the ``noise`` that :meth:`draw_noise` returned for each side. A model whose encoder
        takes both sides alike does them in one batch, which is faster."""
        if not self.joint_encoder or len(faces) == 1:
            return {side: self.encode(pictures, side) for side, pictures in faces.items()}
        codes = self.encode(torch.cat(list(faces.values())), next(iter(faces)))
        parts = codes.split([len(pictures) for pictures in faces.values()])
        return dict(zip(faces, parts, strict=True))

    @abstractmethod
    def decode(self, code: Tensor, side: Side) -> Decoded:
        """Codes to faces of ``side``."""

    def forward(self, faces: Tensor, source: Side, target: Side, geometry: Tensor | None = None) -> Decoded:
        """Faces (N, 3, R, R) of ``source`` as faces of ``target``; the swap where they differ."""
        known = None if geometry is None else {source: geometry}
        return self.decode(self.encode_sides({source: faces}, geometry=known, target=target)[source], target)

    def prepare(self, mean_faces: dict[Side, Tensor]) -> None:
        """Take what can be known before training: each side's mean picture (3, R, R)."""

    def fit_geometry(self, described: Mapping[Side, FloatArray]) -> None:
        """Take what can be known of both sides' geometry, (N, K) each, before training."""
        if self.geometry_code is not None:
            self.geometry_code.fit(described)

    def calibrate(self, batches: Iterable[Tensor], side: Side) -> None:
        """Take what has to be known of a side's faces, batches (N, 3, R, R), after training."""

    def calibrate_to_clip(self, batches: Iterable[Tensor], side: Side, prior: float) -> None:
        """Take the statistics of a side's codes anew from faces of one clip, batches (N, 3, R, R): adaptive
        batch normalisation (Li et al. 2016). What is known from training counts as ``prior`` faces."""

    def tensors_of_side(self, side: Side) -> dict[str, str]:
        """By what they mean, the names of the tensors with which pictures of ``side`` alone are encoded:
        ``code_mean`` and ``code_variance`` (C,) of models that normalise codes, and others. Nothing for
        models that encode both sides alike."""
        return {}

    def adaptable(self, side: Side) -> list[nn.Parameter]:
        """What may be trained further on one clip of ``side`` while what the other side is drawn with stays
        as it is; nothing in models that cannot be adapted so."""
        return []

    def split_decoders(self) -> list[tuple[nn.Parameter, nn.Parameter]]:
        """End the time in which both sides share their decoder, where a model has one: from here
        on the decoders learn apart, starting alike. Returns pairs (copied from, copied to)."""
        return []


def build(kind: str, arguments: Mapping[str, Any] | None = None) -> SwapModel:
    """A new network of the model ``kind``, its own arguments changed by ``arguments``. Raises
    ``SettingsError``."""
    return MODELS[kind].read({**(arguments or {}), "kind": kind}).build()
