"""Sets up a training from facesets and settings, before the first step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facedouble.device import choose_device, choose_precision, compiles, limit_memory, records_graphs
from facedouble.errors import SettingsError
from facedouble.faceset.store import Faceset
from facedouble.files import path_text
from facedouble.models import checkpoint
from facedouble.models.card import ModelCard
from facedouble.models.extraction import finding_record
from facedouble.models.geometry_record import geometry_record
from facedouble.run.run import Run
from facedouble.settings.recipe import FillingBatch, Recipe
from facedouble.settings.train import TrainSettings
from facedouble.training import memory, parallel, schedule
from facedouble.training.adversary import Adversary
from facedouble.training.architecture import resolve_architecture
from facedouble.training.batch import Shard
from facedouble.training.batch_growth import batch_scale, scaled_recipe
from facedouble.training.crop_cache import MemoryCache
from facedouble.training.dataset import Dataset
from facedouble.training.loading import load
from facedouble.training.memory import MemoryEstimate
from facedouble.training.objective import Objective
from facedouble.training.pair_batch import PairBatch
from facedouble.training.parallel import World
from facedouble.training.recorded_step import recorded_on_cuda
from facedouble.training.schedule import StepConfig
from facedouble.training.step import Step
from facedouble.training.train_state import TrainState
from facedouble.training.update import Update
from facedouble.training.warp.pairs import Pairs, make_pairs
from facedouble.types import SIDES, Side


@dataclass(frozen=True)
class Setup:
    """The ``dataset`` of both sides, the ``recipe`` followed, the ``state`` that changes, the ``step``
    that changes it, whether it begins from nothing (``fresh``), and what memory it will take
    (``estimate``)."""

    recipe: Recipe
    device: torch.device
    world: World
    dataset: Dataset
    state: TrainState
    step: Step
    fresh: bool
    estimate: MemoryEstimate

    @property
    def faces(self) -> int:
        """Faces in an iteration: both sides, all processes."""
        return len(SIDES) * self.recipe.batch_size

    def pairs(self, config: StepConfig) -> dict[Side, Pairs]:
        """This process's shard of the next batch, as training pairs."""
        random, size = self.state.random, self.state.network.resolution
        share = Shard(self.world.rank, self.world.size)
        pairs = {}
        for side in SIDES:
            batch = self.dataset.training[side].draw(self.recipe.batch_size, random, share)
            warp, strength = self.recipe.warp, config.augmentation
            pairs[side] = make_pairs(batch, size, warp, strength, random, self.state.network.geometry)
        return pairs


def prepare(
    facesets: Mapping[Side, Sequence[Path]],
    folder: Path,
    settings: TrainSettings,
    world: World,
    run: Run,
) -> Setup:
    """Build the model of ``folder``, or restore it, and load the faces; nothing is written.

    Says what will be trained and what memory it takes. Raises what ``train`` raises.
    """
    device = parallel.local_device(choose_device(settings.compute.device), world)
    if settings.compute.compile and not compiles(device):
        raise SettingsError(
            "compute.compile",
            problem=f"is for GPUs; on {device.type} the first step would take minutes and nothing be gained",
        )
    free = memory.free_memory(device)  # before anything is there that the estimate counts
    limit = int(settings.compute.memory_limit * 1e9)
    if limit:
        limit_memory(device, limit)
        free = limit if free is None else min(free, limit)
    precision = choose_precision(settings.compute.precision, device)
    recipe = _for_world(settings.recipe, world)
    architecture = resolve_architecture(settings, facesets, folder)

    torch.manual_seed(settings.seed)
    network = architecture.build().to(device)
    if recipe.batch_size < network.min_faces_per_side:
        raise SettingsError(
            "recipe.batch_size",
            recipe.batch_size,
            f"{architecture.kind} needs at least {network.min_faces_per_side} faces of each side in a step",
        )
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    geometry = network.geometry
    if world.size > 1:
        parallel.synchronise_batch_norm(network)

    data = load(
        facesets,
        resolution=network.resolution,
        coverage=recipe.coverage,
        device=device,
        balanced=settings.balance_poses,
        memory=limit // 2 if limit else None,
        geometry=geometry,
        run=run,
    )
    means = {side: faces.mean_face for side, faces in data.training.items()}
    network.prepare(means)
    described = {
        side: own.geometry.numpy() for side, own in data.training.items() if own.geometry is not None
    }
    network.fit_geometry(described)

    card = ModelCard(
        architecture=architecture.dump(),
        resolution=network.resolution,
        coverage=recipe.coverage,
        facesets={side: [path_text(path) for path in paths] for side, paths in facesets.items()},
        extraction={side: [_found_with(path) for path in paths] for side, paths in facesets.items()},
        colour={side: faces.colour.tolist() for side, faces in data.training.items()},
        settings=settings.dump(),
        geometry=None if geometry is None else geometry_record(geometry),
    )
    adversary = Adversary(recipe.adversary, device, precision) if recipe.adversary.weight else None
    state = TrainState(network, recipe, card, settings.seed, adversary, device, world)
    fresh = not checkpoint.exists(folder)
    if not fresh:
        state.resume(folder, run)
        run.notice(
            "train.resumed",
            f"{folder}: resumed from iteration {state.card.iteration}",
            iteration=state.card.iteration,
        )
    elif settings.from_model:
        state.start_from(settings.from_model, means, described, run)

    update = Update(
        network,
        Objective(recipe, network, device, precision),
        adversary,
        state.optimizer,
        device=device,
        precision=precision,
        world=world,
        compiled=settings.compute.compile,
    )
    recordable = records_graphs(device) and world.size == 1 and not settings.compute.compile
    recorded = recorded_on_cuda(device) if recordable else None
    step = Step(update, 2 * recipe.batch_size // world.size, recorded, run)
    run.notice("train.setup", _description(state, data, recipe, precision))
    estimate = _estimate_memory(state, step, data, settings)
    if isinstance(recipe.batch_growth, FillingBatch):
        estimate = _fill(recipe.batch_growth, state, step, estimate, free, run)
        recipe = state.recipe
    fitting = (
        step.micro_batch
        if free is None
        else max(estimate.fitting_micro_batch(step.micro_batch, free), step.min_micro_batch)
    )
    if fitting < step.micro_batch:
        step.micro_batch = fitting
        run.warn(
            "train.micro_batches",
            f"a whole batch does not fit into memory: {fitting} faces at a time, gradients accumulated; the "
            "batch size stays the same",
            micro_batch=fitting,
        )
    run.notice(
        "train.memory",
        estimate.describe(step.micro_batch, free),
        total=estimate.total(step.micro_batch),
        free=free,
    )
    return Setup(recipe, device, world, data, state, step, fresh, estimate)


def _found_with(path: Path) -> dict[str, Any]:
    """How the faces of a faceset were found, for the model's record."""
    with Faceset.open(path) as faceset:
        schemes = sorted({face.scheme for face in faceset.faces()})
        return finding_record(faceset.source.settings, schemes)


def _description(state: TrainState, data: Dataset, recipe: Recipe, precision: torch.dtype) -> str:
    network, size = state.network, state.world.size
    count = sum(parameter.numel() for parameter in network.parameters())
    faces = ", ".join(
        f"{len(trained)} faces of {side.upper()} ({len(data.held_out[side])} more held out)"
        for side, trained in data.training.items()
    )
    return (
        f"{state.card.kind}: {network.resolution} pixels, {count / 1e6:.1f} M parameters, {faces}, "
        f"batches of 2 x {recipe.batch_size}, on {state.device} in "
        f"{'bf16' if precision is torch.bfloat16 else 'fp32'}" + (f", {size} processes" if size > 1 else "")
    )


def _estimate_memory(state: TrainState, step: Step, data: Dataset, settings: TrainSettings) -> MemoryEstimate:
    config = schedule.step_config(state.recipe, settings, state.card, 1.0)  # with the adversary
    size, device = state.network.resolution, state.device

    def run(faces: int) -> Tensor:
        picture = torch.rand(faces // len(SIDES), 3, size, size, device=device)
        one = torch.ones_like(picture[:, :1])
        pairs = {side: Pairs(picture, picture, one, one) for side in SIDES}
        return step.update.losses(PairBatch(pairs, {}), config, eager=True)[0]

    stores = [side.store for part in (data.training, data.held_out) for side in part.values()]
    faces = sum(math.prod(store.shape) for store in stores if isinstance(store, MemoryCache))

    _, channels, high, wide = stores[0].shape
    drawn = 4 * state.recipe.batch_size // state.world.size  # bytes of a number for each face of a side
    # Input, target, weight and mask of the batch learned from and the next; a recorded step reads a copy.
    batches = 2 if step.recorded is None else 3
    pairs = batches * len(SIDES) * drawn * 8 * size * size
    # One side after the other: as stored, and what is sampled (two grids of places, five planes, three).
    making = drawn * (channels * high * wide + 12 * size * size)
    network, adversary, perceptual = state.network, state.adversary, step.update.objective.perceptual
    discriminators = None if adversary is None else adversary.discriminators
    per_face, copies = memory.kept_for_backward(
        nn.ModuleList([network, *([discriminators] if discriminators else [])]), run
    )
    return memory.estimate(
        network,
        discriminators,
        None if perceptual is None else perceptual.network,
        faces=faces,
        pairs=pairs,
        per_face=per_face,
        making=making,
        copies=copies,
        gradient_copies=1 if step.update.threads is None else len(SIDES),
    )


def _fill(
    growth: FillingBatch, state: TrainState, step: Step, estimate: MemoryEstimate, free: int | None, run: Run
) -> MemoryEstimate:
    """Have ``state`` and ``step`` take a batch that fills the memory; that chosen before, where there is one.
    Returns what it will take."""
    recipe, card = state.recipe, state.card
    if not card.batch_scale:
        in_step = len(SIDES) * recipe.batch_size // state.world.size
        found = 1 if free is None else batch_scale(growth, estimate, recipe.batch_size, in_step, free)
        card.batch_scale = int(state.world.broadcast(found)[0])
    scale = card.batch_scale
    state.recipe = scaled_recipe(recipe, growth, scale)
    step.micro_batch *= scale
    run.notice(
        "train.batch_filled",
        f"batches of 2 x {state.recipe.batch_size}, {scale} times the recipe's, fill the memory; the "
        f"learning rate is {state.recipe.learning_rate:.3g} instead of {recipe.learning_rate:.3g}",
        batch_scale=scale,
    )
    return estimate.of_batch(scale)


def _for_world(recipe: Recipe, world: World) -> Recipe:
    """The recipe with a batch that the processes can share evenly."""
    rest = recipe.batch_size % world.size
    return recipe.replace(batch_size=recipe.batch_size + world.size - rest) if rest else recipe
