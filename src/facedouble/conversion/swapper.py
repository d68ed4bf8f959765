"""The network in a conversion: crops of the frame in, faces of the model's person out."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facedouble.conversion.drawn_landmarks import DrawnLandmarks
from facedouble.conversion.light import usual_brightness, without_light
from facedouble.conversion.plan import Adaptation, PlannedFace
from facedouble.device import choose_device, choose_precision
from facedouble.errors import ConversionError, InputError
from facedouble.faces.align import extract_crop, map_points
from facedouble.faces.geometry import describe_faces
from facedouble.faces.network_input import InputCrop, network_input
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.reference_set import ReferenceSet, load_references
from facedouble.models import checkpoint
from facedouble.models.base import SwapModel
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
        self,
        network: SwapModel,
        card: checkpoint.ModelCard,
        side: Side,
        device: torch.device,
        precision: torch.dtype,
        references: Mapping[Side, ReferenceSet] | None = None,
    ) -> None:
        self.network, self.card, self.side = network, card, side
        self._for_clip, self._adaptation = network, ""
        self.references: Mapping[Side, ReferenceSet] = references or {}
        """Real pictures of both people, as far as the model's folder has some."""
        self.device, self.precision = device, precision
        self.view = InputCrop(network.resolution, card.coverage)

    @cached_property
    def drawn_landmarks(self) -> DrawnLandmarks:
        """Finds landmarks on drawn faces, of the scheme that the references of its person follow."""
        return DrawnLandmarks(self.references[self.side].scheme, self.view, str(self.device))

    @cached_property
    def usual_brightness(self) -> FloatArray | None:
        """The brightness that is usual in pictures of the performer, if the model holds some."""
        references = self.references.get(OTHER_SIDE[self.side])
        return None if references is None else usual_brightness(references, self.view)

    @property
    def fingerprint(self) -> str:
        """The model's weights and the person it draws."""
        return f"{self.card.saves[0].weights_sha256} {self.side}"

    @property
    def adapted_fingerprint(self) -> str:
        """The same with what was adapted to the clip."""
        return f"{self.fingerprint} {self._adaptation}".rstrip()

    @classmethod
    def load(cls, model: Path, settings: ConvertSettings, run: Run | None = None) -> Swapper:
        """Load the model in folder ``model`` onto the device that the settings name."""
        device = choose_device(settings.compute.device)
        precision = choose_precision(settings.compute.precision, device)
        network, card = checkpoint.load(model, run=run)
        network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        side: Side = "a" if settings.swap_model else "b"
        return cls(network, card, side, device, precision, load_references(model))

    def crop(self, image: Image, planned: PlannedFace) -> FloatArray:
        """The network's input for a face: (R, R, 3) float32 0..1 in the standard colouring."""
        alignment = self.view.alignment(planned.face.alignment, planned.face.crop_size)
        crop = without_light(extract_crop(image, alignment, self.view.resolution), planned.light)
        landmarks = map_points(alignment, planned.face.smoothed)
        return network_input(crop, landmarks, scheme_of(planned.face), planned.statistics)

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

    def adopt(self, adaptation: Adaptation) -> None:
        """Draw with these tensors in place of the model's own; with none, as the model is. Raises
        ``InputError`` for tensors that are not of this model."""
        digest = adaptation_digest(adaptation)
        if digest == self._adaptation:
            return
        self._for_clip, self._adaptation = self.network, digest
        if not adaptation:
            return
        adapted = copy.deepcopy(self.network)
        own = adapted.state_dict()
        for name, array in adaptation.items():
            if (
                name not in own
                or array.shape != tuple(own[name].shape)
                or array.dtype != "float32"
                or not np.isfinite(array).all()
            ):
                self._adaptation = ""
                raise InputError(f"what was adapted to the clip does not fit the model ({name:.80})")
            own[name].copy_(torch.from_numpy(array))
        self._for_clip = adapted

    def draw(
        self, crops: Sequence[FloatArray], geometry: Sequence[FloatArray | None] | None = None
    ) -> list[DrawnFace]:
        """Draw the model's person for crops made by :meth:`crop` of faces that do what :meth:`describe` says,
        in one call of the network, as adapted to the clip."""
        return self._draw(self._for_clip, crops, geometry, OTHER_SIDE[self.side])

    def redraw(
        self, crops: Sequence[FloatArray], geometry: Sequence[FloatArray | None] | None = None
    ) -> list[DrawnFace]:
        """Draw the model's person for crops of that person, as trained."""
        return self._draw(self.network, crops, geometry, self.side)

    def _draw(
        self,
        network: SwapModel,
        crops: Sequence[FloatArray],
        geometry: Sequence[FloatArray | None] | None,
        source: Side,
    ) -> list[DrawnFace]:
        if not crops:
            return []
        # Kernels differ in the last bit with the batch size, and a result must not depend on how many faces
        # happened to be drawn together.
        padding = -len(crops) % _BATCH_MULTIPLE
        batch = torch.from_numpy(np.stack([*crops, *[crops[0]] * padding]).transpose(0, 3, 1, 2)).to(
            self.device
        )
        batch = batch.contiguous(memory_format=torch.channels_last)
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16),
        ):
            picture, mask = network(batch, source, self.side, self._told(geometry, padding))
        pictures = picture.float().permute(0, 2, 3, 1).cpu().numpy()[: len(crops)]
        masks = [None] * len(crops) if mask is None else mask.float()[: len(crops), 0].cpu().numpy()
        return [DrawnFace(*drawn) for drawn in zip(pictures, masks, strict=True)]

    def _told(self, geometry: Sequence[FloatArray | None] | None, padding: int) -> Tensor | None:
        """What to tell the network: (N, K) and the first ``padding`` times more, or ``None`` if it is not
        told. Raises ``ConversionError`` for
        geometry that is missing or another model's."""
        wanted = self.network.geometry
        if wanted is None:
            return None
        if geometry is None or any(own is None or own.shape != (wanted.count,) for own in geometry):
            raise ConversionError(
                f"this model is told what faces do by landmarks of {wanted.name}, and the plan does not say "
                "it; plan the conversion anew with this model"
            )
        known = [own for own in geometry if own is not None]
        return torch.from_numpy(np.stack([*known, *[known[0]] * padding])).to(self.device)


def adaptation_digest(adaptation: Adaptation) -> str:
    """SHA-256 of what was adapted to a clip; empty for nothing."""
    if not adaptation:
        return ""
    digest = hashlib.sha256()
    for name in sorted(adaptation):
        digest.update(name.encode())
        digest.update(adaptation[name].tobytes())
    return digest.hexdigest()
