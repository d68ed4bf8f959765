"""The network of a conversion run by PyTorch, from a model's folder."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from facedouble.conversion.face_network import PRIOR_FACES, ClipFaces, check_adaptation
from facedouble.conversion.plan import Adaptation
from facedouble.device import choose_device, choose_precision
from facedouble.errors import ConversionError, InputError, ModelError, setting
from facedouble.faces.geometry import Geometry
from facedouble.faceset.reference_set import ReferenceSet, load_references
from facedouble.files import read_regular
from facedouble.models import checkpoint
from facedouble.models.base import SwapModel
from facedouble.models.card import ModelCard
from facedouble.models.tensor_files import write_tensors
from facedouble.run.run import Run
from facedouble.settings.compute import ConvertCompute
from facedouble.settings.convert import ClipAdaptation as AdaptationSettings
from facedouble.training.clip_adaptation import ClipAdaptation
from facedouble.training.loading import load_faces
from facedouble.training.preprocess import FaceCrop
from facedouble.types import FloatArray, Mask, Side

_MAX_FACES = 1000  # of which statistics are taken before training
_SAVE_EVERY = 100  # iterations
_MAX_BYTES = 1 << 33


class TorchNetwork:
    """A :class:`~.face_network.FaceNetwork` in PyTorch; ``module`` is the network as it was trained."""

    def __init__(
        self, module: SwapModel, card: ModelCard, device: torch.device, precision: torch.dtype
    ) -> None:
        self.module, self.card = module, card
        self.torch_device, self.precision = device, precision
        self._adapted = module

    @property
    def fingerprint(self) -> str:
        return self.card.saves[0].weights_sha256

    @property
    def numerics(self) -> str:
        return f"{self.torch_device.type} {self.precision}"

    @property
    def resolution(self) -> int:
        return self.module.resolution

    @property
    def geometry(self) -> Geometry | None:
        return self.module.geometry

    @property
    def device(self) -> str:
        return str(self.torch_device)

    def draw(
        self, faces: FloatArray, told: FloatArray | None, source: Side, target: Side, *, adapted: bool
    ) -> tuple[FloatArray, Mask | None]:
        batch = torch.from_numpy(faces).to(self.torch_device)
        batch = batch.contiguous(memory_format=torch.channels_last)
        geometry = None if told is None else torch.from_numpy(told).to(self.torch_device)
        module = self._adapted if adapted else self.module
        with (
            torch.inference_mode(),
            torch.autocast(self.torch_device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16),
        ):
            picture, mask = module(batch, source, target, geometry)
        masks = None if mask is None else mask.float()[:, 0].cpu().numpy()
        return picture.float().cpu().numpy(), masks

    def adopt(self, adaptation: Adaptation) -> None:
        if not adaptation:
            self._adapted = self.module
            return
        adapted = copy.deepcopy(self.module)
        own = adapted.state_dict()
        wrong = check_adaptation(adaptation, {name: tuple(tensor.shape) for name, tensor in own.items()})
        if wrong:
            raise InputError(f"what was adapted to the clip does not fit the model ({wrong:.80})")
        for name, array in adaptation.items():
            own[name].copy_(torch.from_numpy(array))
        self._adapted = adapted

    def adapt(
        self, clip: ClipFaces, side: Side, settings: AdaptationSettings, progress: Path, run: Run
    ) -> Adaptation:
        module = copy.deepcopy(self.module)
        if settings.iterations:
            self._train(module, clip, side, settings.iterations, progress, run)
        if settings.statistics or settings.iterations:
            batches = (torch.from_numpy(batch).to(self.torch_device) for batch in clip.inputs(run))
            module.calibrate_to_clip(batches, side, PRIOR_FACES)
        return changed_tensors(self.module, module)

    def _train(
        self, module: SwapModel, clip: ClipFaces, side: Side, iterations: int, progress: Path, run: Run
    ) -> None:
        crops = [
            FaceCrop(face.face, clip.path, clip.store.crop_path(face.face), face.statistics, face.geometry)
            for face in clip.faces
        ]
        data = load_faces(crops, module.resolution, self.card.coverage, self.torch_device, run)
        recipe = self.card.read_settings().recipe
        module.calibrate_to_clip(data.batches(_MAX_FACES), side, PRIOR_FACES)
        adaptation = ClipAdaptation(module, recipe, data, side, iterations, self.torch_device, self.precision)
        if progress.exists():
            try:
                adaptation.restore(load_tensors(read_regular(progress, _MAX_BYTES)))
            except (OSError, SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
                progress.unlink(missing_ok=True)
                raise ConversionError(
                    "what was kept of an unfinished adaptation is damaged, and was removed; convert again"
                ) from error
        for iteration in adaptation.steps(run):
            if iteration % _SAVE_EVERY == 0 or iteration == iterations:
                write_tensors(progress, adaptation.tensors(), {})


def changed_tensors(before: SwapModel, after: SwapModel) -> Adaptation:
    """The tensors of ``after`` that differ from those of ``before``, as arrays by name."""
    own = before.state_dict()
    return {
        name: tensor.detach().cpu().contiguous().numpy()
        for name, tensor in after.state_dict().items()
        if not torch.equal(tensor, own[name])
    }


def load(
    model: Path, side: Side, compute: ConvertCompute, run: Run
) -> tuple[TorchNetwork, Mapping[Side, ReferenceSet]]:
    """The model in folder ``model`` on the device that ``compute`` names, and the pictures of people that
    are in it. It draws either ``side``. Raises ``ModelError`` and ``SettingsError``."""
    if model.is_file():
        how = setting("compute.runtime", "onnx")
        raise ModelError(f"{model} is a file, and a model is a folder; an exported ONNX file wants {how}")
    device = choose_device(compute.device)
    precision = choose_precision(compute.precision, device)
    module, card = checkpoint.load(model, run=run)
    module = module.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TorchNetwork(module, card, device, precision), load_references(model)
