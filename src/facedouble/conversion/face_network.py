"""What a conversion asks of the network that draws faces, whatever runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from facedouble.conversion.plan import Adaptation, PlannedFace
from facedouble.conversion.stored_view import stored_input, stored_view
from facedouble.faces.geometry import Geometry
from facedouble.faces.network_input import InputCrop
from facedouble.faceset.reference_set import ReferenceSet
from facedouble.faceset.store import Faceset
from facedouble.models.card import ModelCard
from facedouble.run.run import Run
from facedouble.settings.compute import ConvertCompute
from facedouble.settings.convert import ClipAdaptation
from facedouble.types import FloatArray, Mask, Side

_MAX_FACES = 1000
_BATCH = 16

PRIOR_FACES = 16.0
"""Where statistics are taken anew, what is known from training counts as so many faces."""


@dataclass(frozen=True, slots=True)
class ClipFaces:
    """The ``faces`` of one clip that are replaced, and the faceset at ``path`` that holds their crops, open
    as ``store``. ``view`` is what the network sees of them."""

    faces: Sequence[PlannedFace]
    path: Path
    store: Faceset
    view: InputCrop

    def inputs(self, run: Run) -> Iterator[FloatArray]:
        """What the network sees of the faces, at most a thousand, evenly spread: batches (n, 3, R, R)."""
        count = min(_MAX_FACES, len(self.faces))
        positions = np.linspace(0, len(self.faces) - 1, count).round().astype(int)
        for start in range(0, len(positions), _BATCH):
            run.check()
            chosen = [self.faces[position] for position in positions[start : start + _BATCH]]
            pictures = [
                stored_input(planned, *stored_view(planned, self.store, self.view), self.view)
                for planned in chosen
            ]
            yield np.stack(pictures).transpose(0, 3, 1, 2)


class FaceNetwork(Protocol):
    """A trained model, ready to draw.

    ``card`` describes it; ``fingerprint`` differs whenever its weights do, ``numerics`` whenever it
    calculates otherwise. ``geometry``: how what faces do is described to it, if it is told. ``device``: where
    it runs, by the name that settings have for it.
    """

    card: ModelCard

    @property
    def fingerprint(self) -> str: ...

    @property
    def numerics(self) -> str: ...

    @property
    def resolution(self) -> int: ...

    @property
    def geometry(self) -> Geometry | None: ...

    @property
    def device(self) -> str: ...

    def draw(
        self, faces: FloatArray, told: FloatArray | None, source: Side, target: Side, *, adapted: bool
    ) -> tuple[FloatArray, Mask | None]:
        """Faces (N, 3, R, R) of ``source``, as :func:`~facedouble.faces.network_input.network_input` makes
        them, drawn as ``target``: pictures (N, 3, R, R), and masks (N, R, R) of models that learn one.
        ``told`` (N, K) is what they do. ``adapted``: as adapted to the clip."""
        ...

    def adopt(self, adaptation: Adaptation) -> None:
        """Draw with these tensors in place of its own; with none, as it was trained. Raises ``InputError``
        for tensors that are not of this model."""
        ...

    def adapt(
        self, clip: ClipFaces, side: Side, settings: ClipAdaptation, progress: Path, run: Run
    ) -> Adaptation:
        """What the network has in place of its own tensors for the faces of ``side`` in one clip.
        ``progress`` is a file in which unfinished training is kept. Raises ``SettingsError`` for training of
        one that cannot be trained."""
        ...


LoadNetwork = Callable[[Path, Side, ConvertCompute, Run], tuple[FaceNetwork, Mapping[Side, ReferenceSet]]]
"""Loads a model to draw a side's person, with the pictures of people that it has. Raises ``ModelError`` and
``SettingsError``."""


def check_adaptation(adaptation: Adaptation, own: dict[str, tuple[int, ...]]) -> str:
    """The name of the first tensor that does not fit a network's ``own`` shapes; empty if all do."""
    for name, array in adaptation.items():
        if array.shape != own.get(name) or array.dtype != "float32" or not np.isfinite(array).all():
            return name
    return ""


def joined_statistics(
    codes: npt.NDArray[np.float32], mean: FloatArray, variance: FloatArray, prior: float
) -> tuple[FloatArray, FloatArray]:
    """Mean and variance (C,) of ``codes`` (N, C) together with ``prior`` codes that have ``mean`` and
    ``variance`` (Chan et al. 1979)."""
    share = len(codes) / (len(codes) + prior)
    new_mean = codes.mean(axis=0, dtype=np.float64)
    together = mean + share * (new_mean - mean)
    known = variance + np.square(mean - together)
    new = codes.var(axis=0, dtype=np.float64) + np.square(new_mean - together)
    return together.astype(np.float32), (known + share * (new - known)).astype(np.float32)
