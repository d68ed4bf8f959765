"""The network in a conversion: crops of the frame in, faces of the model's person out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from facedouble.conversion.drawn_landmarks import DrawnLandmarks
from facedouble.conversion.plan import PlannedFace
from facedouble.device import choose_device, choose_precision
from facedouble.faces.align import extract_crop, map_points
from facedouble.faces.network_input import InputCrop, network_input
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.reference_set import ReferenceSet, load_references
from facedouble.models import checkpoint
from facedouble.models.base import SwapModel
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings
from facedouble.types import OTHER_SIDE, FloatArray, Image, Mask, Side


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
        self.references: Mapping[Side, ReferenceSet] = references or {}
        """Real pictures of both people, as far as the model's folder has some."""
        self.device, self.precision = device, precision
        self.view = InputCrop(network.resolution, card.coverage)

    @cached_property
    def drawn_landmarks(self) -> DrawnLandmarks:
        """Finds landmarks on drawn faces, of the scheme that the references of its person follow."""
        return DrawnLandmarks(self.references[self.side].scheme, self.view, str(self.device))

    @property
    def fingerprint(self) -> str:
        """The model's weights and the person it draws."""
        return f"{self.card.saves[0].weights_sha256} {self.side}"

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
        crop = extract_crop(image, alignment, self.view.resolution)
        landmarks = map_points(alignment, planned.face.smoothed)
        return network_input(crop, landmarks, scheme_of(planned.face), planned.statistics)

    def draw(self, crops: Sequence[FloatArray]) -> list[DrawnFace]:
        """Draw the model's person for crops made by :meth:`crop`, in one call of the network."""
        return self._draw(crops, OTHER_SIDE[self.side])

    def redraw(self, crops: Sequence[FloatArray]) -> list[DrawnFace]:
        """Draw the model's person for crops of that person."""
        return self._draw(crops, self.side)

    def _draw(self, crops: Sequence[FloatArray], source: Side) -> list[DrawnFace]:
        if not crops:
            return []
        batch = torch.from_numpy(np.stack(crops).transpose(0, 3, 1, 2)).to(self.device)
        batch = batch.contiguous(memory_format=torch.channels_last)
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16),
        ):
            picture, mask = self.network(batch, source, self.side)
        pictures = picture.float().permute(0, 2, 3, 1).cpu().numpy()
        masks = [None] * len(crops) if mask is None else mask.float()[:, 0].cpu().numpy()
        return [DrawnFace(*drawn) for drawn in zip(pictures, masks, strict=True)]
