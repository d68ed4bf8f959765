"""Conversion: every frame of a source with the new face in it, written as a clip or a folder."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch

from facedouble.config import ConvertSettings, ExtractSettings
from facedouble.conversion.blend import blend
from facedouble.conversion.marking import make_marking
from facedouble.conversion.patch import Patch
from facedouble.conversion.steps import Step, make_steps
from facedouble.device import choose_device, choose_precision
from facedouble.errors import InputError
from facedouble.events import Listener, Progressed, StageFinished, StageStarted, ignore
from facedouble.extraction.extract import extract
from facedouble.faces.align import apply, cut, recrop
from facedouble.faces.colour import smooth_statistics
from facedouble.faces.view import View, look
from facedouble.faceset import Faceset
from facedouble.models import checkpoint
from facedouble.models.base import SwapModel
from facedouble.types import Alignment, Face, FloatArray, Frame, Image, Side
from facedouble.video import open_sink, open_source
from facedouble.video.source import source_hash

OTHER: dict[Side, Side] = {"a": "b", "b": "a"}
_PATCH_SIZE = 256


@dataclass(frozen=True, slots=True)
class ConvertResult:
    """What was written. ``left_out`` counts faces whose crop was deleted from the faceset; ``marked``
    says whether it is marked as synthetic."""

    output: Path
    frames: int
    frames_swapped: int
    faces_swapped: int
    left_out: int
    marked: bool
    seconds: float


def convert(
    source: Path,
    model: Path,
    output: Path,
    settings: ConvertSettings | None = None,
    *,
    faceset: Path | None = None,
    listener: Listener = ignore,
) -> ConvertResult:
    """Write ``source`` to ``output`` with the faces of ``faceset`` replaced by the model's person.

    Without ``faceset`` the faces are found first. Faces whose crop was deleted from the faceset
    stay as they are and are counted. Raises ``InputError`` (also for the faceset of another
    source), ``ModelError``, ``SettingsError`` or ``OutputError``; on any of them nothing appears
    under the output's name.
    """
    settings = settings or ConvertSettings()
    if faceset is None:
        with tempfile.TemporaryDirectory(prefix="facedouble-") as folder:
            found = Path(folder) / "faces"
            extract(source, found, ExtractSettings(), listener=listener)
            return convert(source, model, output, settings, faceset=found, listener=listener)

    start = time.perf_counter()
    swapper = Swapper.load(model, settings, listener)
    steps = make_steps(settings)
    plan, left_out = _plan(source, faceset)
    frames = open_source(source)
    details: dict[str, str | int | float | bool] = {
        "model": model.name,
        "architecture": swapper.card.trainer,
        "iteration": swapper.card.iteration,
    }
    marking = make_marking(settings, source, output, details)
    count = swapped = faces = 0
    listener(StageStarted("convert", frames.info.frames or None, "frames"))
    with open_sink(
        output,
        frames.info,
        settings.video,
        audio_from=source if frames.info.has_audio else None,
        overwrite=settings.overwrite,
        marking=marking,
    ) as sink:
        for batch in _batches(frames.frames(), settings.batch_size):
            for frame, image, replaced in swapper.swap(batch, plan, steps):
                sink.write(frame, image)
                count += 1
                swapped += replaced > 0
                faces += replaced
            listener(Progressed("convert", count))
    seconds = time.perf_counter() - start
    listener(StageFinished("convert", seconds, f"{count} frames, {faces} faces replaced"))
    return ConvertResult(output, count, swapped, faces, left_out, marking is not None, seconds)


@dataclass(frozen=True, slots=True)
class Planned:
    """A face to replace, and the colour statistics (2, 3) of its surroundings in time."""

    face: Face
    colour: FloatArray


def _plan(source: Path, faceset: Path) -> tuple[dict[int, list[Planned]], int]:
    """The faces to replace by frame, and how many were deleted from the faceset."""
    with Faceset.open(faceset) as store:
        if not store.complete:
            raise InputError(f"{faceset}: its extraction did not finish; run extract again with -s")
        record = store.source
        if record.sha256 != source_hash(source):
            raise InputError(f"{faceset} holds the faces of another source ({record.path}), not of {source}")
        every = [face for face in store.every_face() if face.cut]
        kept = {face.key for face in store.faces(blurry=True)}
    plan: dict[int, list[Planned]] = {}
    for face, colour in zip(every, smooth_statistics(every), strict=True):
        if face.key in kept:
            plan.setdefault(face.frame_index, []).append(Planned(face, colour))
    return plan, len(every) - len(kept)


class Swapper:
    """A loaded model, ready to replace faces in frames."""

    def __init__(
        self,
        network: SwapModel,
        card: checkpoint.ModelCard,
        side: Side,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self.network, self.card, self.side = network, card, side
        self.device, self.precision = device, precision

    @classmethod
    def load(cls, model: Path, settings: ConvertSettings, listener: Listener = ignore) -> Swapper:
        """The model in ``model``, on the device the settings name."""
        device = choose_device(settings.device)
        precision = choose_precision(settings.precision, device)
        network, card = checkpoint.load(model, listener=listener)
        network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(network, card, "a" if settings.swap_model else "b", device, precision)

    def swap(
        self, frames: Sequence[Frame], plan: dict[int, list[Planned]], steps: Sequence[Step]
    ) -> Iterator[tuple[Frame, Image, int]]:
        """Each frame, its image with the faces of ``plan`` replaced, and how many were.

        The network is called once for all frames given.
        """
        planned = [(frame, item) for frame in frames for item in plan.get(frame.index, ())]
        decoded = self.decode([self._crop(frame.image, item) for frame, item in planned])
        patches: dict[int, list[Patch]] = {}
        for (frame, item), picture in zip(planned, decoded, strict=True):
            patch = self._patch(item, picture)
            for step in steps:
                patch = step(patch)
            patches.setdefault(frame.index, []).append(patch)
        for frame in frames:
            todo = patches.get(frame.index, [])
            image = frame.image.copy() if todo else frame.image
            for patch in todo:
                blend(image, patch)
            yield frame, image, len(todo)

    def alignment(self, face: Face) -> Alignment:
        """Alignment of the part of the crop that the model sees, in the model's pixels."""
        return View(self.network.resolution, self.card.coverage).of(face.alignment, face.crop_size)

    def _crop(self, image: Image, item: Planned) -> FloatArray:
        alignment = self.alignment(item.face)
        crop = cut(image, alignment, self.network.resolution)
        return look(crop, apply(alignment, item.face.steady), item.colour)

    def decode(self, crops: Sequence[FloatArray]) -> list[FloatArray]:
        """Crops (R, R, 3) in the standard colouring to faces (R, R, 3) of the model's person."""
        if not crops:
            return []
        batch = torch.from_numpy(np.stack(crops).transpose(0, 3, 1, 2)).to(self.device)
        batch = batch.contiguous(memory_format=torch.channels_last)
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16),
        ):
            faces = self.network(batch, OTHER[self.side], self.side)
        return list(faces.float().permute(0, 2, 3, 1).cpu().numpy())

    def _patch(self, item: Planned, picture: FloatArray) -> Patch:
        resolution = self.network.resolution
        size = max(_PATCH_SIZE, resolution)
        alignment = recrop(self.alignment(item.face), resolution, 1.0, size)
        if size != resolution:
            picture = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_LANCZOS4))
        return Patch(
            face=item.face,
            picture=picture,
            mask=np.ones((size, size), dtype=np.float32),
            alignment=alignment,
            landmarks=apply(alignment, item.face.steady),
            source_colour=item.colour,
            model_colour=self.card.statistics(self.side),
        )


def _batches(frames: Iterator[Frame], size: int) -> Iterator[list[Frame]]:
    while batch := list(islice(frames, size)):
        yield batch
