"""A model adapted to the clip that is converted, before the first frame.

Codes of footage that nobody trained on lie elsewhere than those of training. Taken anew over the clip's
faces, their mean and deviation bring them back (adaptive batch normalisation, Li et al. 2016): seconds, and
no training. Alone that would lose what all faces of the clip have in common, such as a shout; a model that
is told what faces do keeps it. What was adapted is part of the plan, so that frames may be made anywhere with
the same result; the model's folder stays as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from facedouble.conversion.plan import Adaptation, PlannedFace
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import stored_input, stored_view
from facedouble.errors import ConversionError
from facedouble.faceset.store import Faceset
from facedouble.files import read_regular
from facedouble.models.base import SwapModel
from facedouble.models.tensor_files import write_tensors
from facedouble.run.run import Run
from facedouble.settings.convert import ClipAdaptation as AdaptationSettings
from facedouble.training.clip_adaptation import ClipAdaptation
from facedouble.training.loading import load_faces
from facedouble.training.preprocess import FaceCrop
from facedouble.types import OTHER_SIDE

_MAX_FACES = 1000
_PRIOR = 16.0  # faces: what is known from training counts as so many
_BATCH = 16
_SAVE_EVERY = 100  # iterations
_MAX_BYTES = 1 << 33


def adapt_to_clip(
    faces: Sequence[PlannedFace],
    faceset: Path,
    swapper: Swapper,
    settings: AdaptationSettings,
    progress: Path,
    run: Run | None = None,
) -> Adaptation:
    """What the model has in place of its own tensors for a clip in which these ``faces`` are replaced;
    nothing for a model that is not told what faces do.

    ``progress`` is a file in which unfinished training is kept, and from which it resumes. Raises
    ``SettingsError`` for training of a model that cannot be adapted.
    """
    run = run or Run()
    if swapper.network.geometry is None or not faces:
        if settings.iterations:
            run.warn(
                "convert.not_adapted", "the model is not told what faces do, so it is not adapted to the clip"
            )
        return {}
    network = copy.deepcopy(swapper.network)
    side = OTHER_SIDE[swapper.side]
    with Faceset.open(faceset) as store:
        if settings.iterations:
            _train(network, faces, faceset, store, swapper, settings.iterations, progress, run)
        if settings.statistics or settings.iterations:
            network.calibrate_to_clip(_inputs(faces, store, swapper, run), side, _PRIOR)
    return changed_tensors(swapper.network, network)


def changed_tensors(before: SwapModel, after: SwapModel) -> Adaptation:
    """The tensors of ``after`` that differ from those of ``before``, as arrays by name."""
    own = before.state_dict()
    return {
        name: tensor.detach().cpu().contiguous().numpy()
        for name, tensor in after.state_dict().items()
        if not torch.equal(tensor, own[name])
    }


def _inputs(faces: Sequence[PlannedFace], store: Faceset, swapper: Swapper, run: Run) -> Iterator[Tensor]:
    """What the network sees of the faces, at most a thousand, evenly spread: batches (n, 3, R, R)."""
    positions = np.linspace(0, len(faces) - 1, min(_MAX_FACES, len(faces))).round().astype(int)
    for start in range(0, len(positions), _BATCH):
        run.check()
        chosen = [faces[position] for position in positions[start : start + _BATCH]]
        pictures = [stored_input(planned, *stored_view(planned, store, swapper.view)) for planned in chosen]
        yield torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2)).to(swapper.device)


def _train(
    network: SwapModel,
    faces: Sequence[PlannedFace],
    faceset: Path,
    store: Faceset,
    swapper: Swapper,
    iterations: int,
    progress: Path,
    run: Run,
) -> None:
    crops = [
        FaceCrop(planned.face, faceset, store.crop_path(planned.face), planned.statistics, planned.geometry)
        for planned in faces
    ]
    data = load_faces(crops, network.resolution, swapper.card.coverage, swapper.device, run)
    side, recipe = OTHER_SIDE[swapper.side], swapper.card.read_settings().recipe
    network.calibrate_to_clip(data.batches(_MAX_FACES), side, _PRIOR)
    adaptation = ClipAdaptation(network, recipe, data, side, iterations, swapper.device, swapper.precision)
    if progress.exists():
        try:
            adaptation.restore(load(read_regular(progress, _MAX_BYTES)))
        except (OSError, SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
            progress.unlink(missing_ok=True)
            raise ConversionError(
                "what was kept of an unfinished adaptation is damaged, and was removed; convert again"
            ) from error
    for iteration in adaptation.steps(run):
        if iteration % _SAVE_EVERY == 0 or iteration == iterations:
            write_tensors(progress, adaptation.tensors(), {})
