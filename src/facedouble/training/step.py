"""One training step: noise is drawn and the networks are updated; in smaller parts, if memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from facedouble.device import is_out_of_memory, release_memory
from facedouble.errors import TrainingError, setting
from facedouble.run.run import Run
from facedouble.training.batch import Shard
from facedouble.training.optimizer import places_in_memory, set_rate
from facedouble.training.pair_batch import PairBatch
from facedouble.training.recorded_step import RecordedStep
from facedouble.training.schedule import StepConfig
from facedouble.training.update import Update
from facedouble.training.warp.pairs import Pairs
from facedouble.types import SIDES, Side


def _nothing() -> None:
    """What is done meanwhile where nothing is to be done."""


class Step:
    """Updates the network by one step on training pairs.

    ``micro_batch`` is how many faces go through the network at a time; what is more is done in parts, whose
    gradients are added, the discriminators' as well, so that the step is the same. It gets smaller when
    memory runs out, down to ``min_micro_batch``.

    What it does is ``recorded`` and replayed where that is given, but while an adversary judges.
    """

    def __init__(self, update: Update, micro_batch: int, recorded: RecordedStep | None, run: Run) -> None:
        self.update, self.micro_batch, self.recorded, self.run = update, micro_batch, recorded, run
        self.min_micro_batch = len(SIDES) * update.min_faces

    def __call__(
        self, pairs: Mapping[Side, Pairs], config: StepConfig, meanwhile: Callable[[], None] = _nothing
    ) -> Tensor:
        """The loss of each side, before the step. ``meanwhile`` is called when a thread of its own may begin
        to work beside the step, once or, after a lack of memory, more often. Raises ``TrainingError`` when
        not even the fewest faces at a time fit into memory."""
        set_rate(self.update.optimizer, config.learning_rate)
        batch = PairBatch(pairs, self._noise(pairs, config))
        while True:
            try:
                return self._take(batch, config, meanwhile)
            except (RuntimeError, MemoryError) as error:
                self.use_less_memory(error)

    def use_less_memory(self, error: BaseException) -> None:
        """After a lack of memory: take smaller parts from now on. Any other ``error`` is raised again."""
        if not is_out_of_memory(error) or self.update.world.size > 1:
            raise error
        self.update.forget()
        if self.recorded is not None:
            self.recorded.drop()
        if self.micro_batch <= self.min_micro_batch:
            least = self.update.min_faces
            few = "one face" if least == 1 else f"{least} faces"
            raise TrainingError(
                f"out of memory even with {few} of each side at a time; take a smaller model, or another "
                f"device ({setting('compute.device')})"
            ) from error
        self.micro_batch = (self.micro_batch + 1) // 2
        release_memory(self.update.device)
        self.run.warn(
            "train.out_of_memory",
            f"out of memory: from now on {self.micro_batch} faces at a time, gradients accumulated; the "
            "batch size stays the same",
            micro_batch=self.micro_batch,
        )

    def _take(self, batch: PairBatch, config: StepConfig, meanwhile: Callable[[], None]) -> Tensor:
        """The step, recorded where it can be."""
        if self.recorded is None or self.update.active_adversary(config) is not None:
            return self.update(batch, config, self.micro_batch, meanwhile)
        tensors = batch.flatten()
        # Only these change from one replay to the next; the rest of the config is in the key.
        shapes = tuple(tensor.shape for tensor in tensors)
        places = places_in_memory(self.update.optimizer)
        key = (config.freeze_encoder, self.micro_batch, places, shapes)

        def work(tensors: Sequence[Tensor]) -> Tensor:
            return self.update(batch.like_this(tensors), config, self.micro_batch, _nothing)

        if self.recorded.ready(key):  # nothing else is to work on the device while a step is being recorded
            meanwhile()
            meanwhile = _nothing
        try:
            result = self.recorded(key, tensors, work)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            self.recorded = None
            reason = " ".join(str(error).split())[:200]
            self.run.warn(
                "train.not_recorded",
                f"the step could not be recorded as a CUDA graph ({reason}); it runs without, and slower",
            )
            return self.update(batch, config, self.micro_batch, meanwhile)
        meanwhile()
        return result

    def _noise(self, pairs: Mapping[Side, Pairs], config: StepConfig) -> dict[Side, dict[str, Tensor]]:
        """What makes this step hard on purpose: drawn here, so that it depends neither on threads nor on
        parts, and comes new into a recorded step. As with the faces, every process draws the numbers of the
        global batch and keeps its own range of them."""
        world = self.update.world
        share = Shard(world.rank, world.size)
        noise = {}
        for side, pair in pairs.items():
            total = len(pair.inputs) * world.size
            drawn = self.update.network.draw_noise(total, config.augmentation)
            noise[side] = {name: value[share.of(total)] for name, value in drawn.items()}
        return noise
