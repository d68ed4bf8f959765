"""The network in a conversion: crops of the frame in, faces of the model's person out."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from facedouble.conversion.drawn_landmarks import DrawnLandmarks
from facedouble.conversion.face_network import FaceNetwork
from facedouble.conversion.light import usual_brightness, without_light
from facedouble.conversion.plan import Adaptation, PlannedFace
from facedouble.conversion.registry import RUNTIMES
from facedouble.conversion.visibility import visible_in_view
from facedouble.errors import ConversionError, InputError
from facedouble.faces.align import extract_crop, map_points
from facedouble.faces.geometry import describe_faces
from facedouble.faces.network_input import InputCrop, network_input
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.reference_set import ReferenceSet
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings
from facedouble.types import OTHER_SIDE, Face, FloatArray, Image, Mask, Side

_BATCH_MULTIPLE = 4


@dataclass(frozen=True, slots=True)
class DrawnFace:
    """What the network draws for one face: ``picture`` (R, R, 3) float32 about 0..1 in the standard
    colouring, and ``mask`` (R, R) float32 0..1 if the model learns one."""

    picture: FloatArray
    mask: Mask | None


class Swapper:
    """A loaded model, ready to draw its person's face. ``crop`` may run in any thread, ``draw`` in only one
    at a time."""

    def __init__(
        self, network: FaceNetwork, side: Side, references: Mapping[Side, ReferenceSet] | None = None
    ) -> None:
        self.network, self.card, self.side = network, network.card, side
        self._adaptation = ""
        self.references: Mapping[Side, ReferenceSet] = references or {}
        """Real pictures of both people, as far as the model has some."""
        self.view = InputCrop(network.resolution, self.card.coverage)

    @cached_property
    def drawn_landmarks(self) -> DrawnLandmarks:
        """Finds landmarks on drawn faces, of the scheme that the references of its person follow."""
        return DrawnLandmarks(self.references[self.side].scheme, self.view, self.network.device)

    @cached_property
    def usual_brightness(self) -> FloatArray | None:
        """The brightness that is usual in pictures of the performer, if the model holds some."""
        references = self.references.get(OTHER_SIDE[self.side])
        return None if references is None else usual_brightness(references, self.view)

    @property
    def fingerprint(self) -> str:
        """The model's weights and the person it draws."""
        return f"{self.network.fingerprint} {self.side}"

    @property
    def adapted_fingerprint(self) -> str:
        """The same with what was adapted to the clip."""
        return f"{self.fingerprint} {self._adaptation}".rstrip()

    @classmethod
    def load(cls, model: Path, settings: ConvertSettings, run: Run | None = None) -> Swapper:
        """Load the ``model``, a folder or what the runtime that the settings name has instead of it."""
        side: Side = "a" if settings.swap_model else "b"
        load = RUNTIMES[settings.compute.runtime]
        network, references = load(model, side, settings.compute, run or Run())
        return cls(network, side, references)

    def crop(self, image: Image, planned: PlannedFace) -> FloatArray:
        """The network's input for a face: (R, R, 3) float32 0..1 in the standard colouring."""
        alignment = self.view.alignment(planned.face.alignment, planned.face.crop_size)
        crop = without_light(extract_crop(image, alignment, self.view.resolution), planned.light)
        landmarks = map_points(alignment, planned.face.smoothed)
        visible = visible_in_view(planned, self.view)
        return network_input(crop, landmarks, scheme_of(planned.face), planned.statistics, visible)

    def describe(self, faces: Sequence[Face]) -> Sequence[FloatArray | None]:
        """What the faces of a clip do, as the model is told it; ``None`` if it is not. Raises ``InputError``
        for landmarks that do not tell."""
        geometry = self.network.geometry
        if geometry is None:
            return [None] * len(faces)
        other = next((face for face in faces if not geometry.describes(face)), None)
        if other is not None:
            raise InputError(
                f"this model is told what faces do by landmarks of {geometry.name}, and the faces of this "
                f"clip have those of {other.scheme}; extract the clip with {geometry.name}"
            )
        return list(describe_faces(faces, geometry, self.view.coverage))

    def apart(self) -> Self:
        """The same model, for another clip: what one of them adopts is not the other's."""
        other = copy.copy(self)
        other.network = copy.copy(self.network)
        return other

    def adopt(self, adaptation: Adaptation) -> None:
        """Draw with these tensors in place of the model's own; with none, as the model is. Raises
        ``InputError`` for tensors that are not of this model."""
        digest = adaptation_digest(adaptation)
        if digest != self._adaptation:
            self.network.adopt(adaptation)
            self._adaptation = digest

    def draw(
        self, crops: Sequence[FloatArray], geometry: Sequence[FloatArray | None] | None = None
    ) -> list[DrawnFace]:
        """Draw the model's person for crops made by :meth:`crop` of faces that do what :meth:`describe` says,
        in one call of the network, as adapted to the clip."""
        return self._draw(crops, geometry, OTHER_SIDE[self.side], adapted=True)

    def redraw(
        self, crops: Sequence[FloatArray], geometry: Sequence[FloatArray | None] | None = None
    ) -> list[DrawnFace]:
        """Draw the model's person for crops of that person, as trained."""
        return self._draw(crops, geometry, self.side, adapted=False)

    def _draw(
        self,
        crops: Sequence[FloatArray],
        geometry: Sequence[FloatArray | None] | None,
        source: Side,
        *,
        adapted: bool,
    ) -> list[DrawnFace]:
        if not crops:
            return []
        # Kernels differ in the last bit with the batch size, and a result must not depend on how many faces
        # happened to be drawn together.
        padding = -len(crops) % _BATCH_MULTIPLE
        batch = np.stack([*crops, *[crops[0]] * padding]).transpose(0, 3, 1, 2)
        told = self._told(geometry, padding)
        pictures, masks = self.network.draw(batch, told, source, self.side, adapted=adapted)
        drawn = pictures.transpose(0, 2, 3, 1)
        return [
            DrawnFace(drawn[number], None if masks is None else masks[number]) for number in range(len(crops))
        ]

    def _told(self, geometry: Sequence[FloatArray | None] | None, padding: int) -> FloatArray | None:
        """What to tell the network: (N, K) and the first ``padding`` times more, or ``None`` if it is not
        told. Raises ``ConversionError`` for geometry that is missing or another model's."""
        wanted = self.network.geometry
        if wanted is None:
            return None
        if geometry is None or any(own is None or own.shape != (wanted.count,) for own in geometry):
            raise ConversionError(
                f"this model is told what faces do by landmarks of {wanted.name}, and the plan does not say "
                "it; plan the conversion anew with this model"
            )
        known = [own for own in geometry if own is not None]
        return np.stack([*known, *[known[0]] * padding])


def adaptation_digest(adaptation: Adaptation) -> str:
    """SHA-256 of what was adapted to a clip; empty for nothing."""
    if not adaptation:
        return ""
    digest = hashlib.sha256()
    for name in sorted(adaptation):
        digest.update(name.encode())
        digest.update(adaptation[name].tobytes())
    return digest.hexdigest()
