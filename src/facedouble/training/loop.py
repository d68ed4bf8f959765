"""The training loop."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from facedouble.device import choose_device
from facedouble.errors import FullError, TrainingError, setting
from facedouble.models import checkpoint
from facedouble.run.cancel import Cancelled
from facedouble.run.run import Run, operation
from facedouble.settings.train import TrainSettings
from facedouble.training import memory, parallel, schedule
from facedouble.training.prefetch import Prefetcher
from facedouble.training.reference_selection import write_reference_set
from facedouble.training.reporter import Reporter
from facedouble.training.schedule import StepConfig, StopReason
from facedouble.training.setup import Setup, prepare
from facedouble.training.subscribers import subscribers
from facedouble.training.warp.pairs import Pairs
from facedouble.types import SIDES, Side

_DRY_RUN_STEPS = 3
_UNTIL_RECORDED = 6  # steps before the first that is replayed, at most
_PAUSE = 0.2  # seconds between looks whether a pause has ended
_TRY_AGAIN = 5.0  # seconds between attempts to save on a full disk


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a training ended. ``faces_seen`` counts both sides, ``seconds`` and ``iteration`` all runs of this
    model. ``stopped`` is the reason, as text. Losses are smoothed, NaN before the first iteration."""

    model: Path
    iteration: int
    faces_seen: int
    seconds: float
    loss_a: float
    loss_b: float
    stopped: str


def train(
    facesets_a: Sequence[Path],
    facesets_b: Sequence[Path],
    model: Path,
    settings: TrainSettings | None = None,
    *,
    run: Run | None = None,
) -> TrainResult:
    """Train ``model`` on the faces of both sides; a model that is there already is trained further.

    Ends at a limit of ``settings``, counted over all runs of the model, or when the run is cancelled; the
    model is saved in each case, and the result returned: a training may be ended at any time. Raises
    ``TrainingError``, ``ModelError``, ``InputError``, ``SettingsError`` or ``OutputError`` (``BusyError``
    where another run trains the same model); what was saved before stays as it was.
    """
    settings = settings or TrainSettings()
    arguments = (list(facesets_a), list(facesets_b), model, settings)
    with operation("train", run) as run, _exclusive(model, settings, run):
        for path in (*facesets_a, *facesets_b, *((settings.from_model,) if settings.from_model else ())):
            run.reading(path)
        if settings.compute.gpus > 1 and not parallel.is_distributed():
            result: TrainResult = parallel.launch(settings.compute.gpus, _train, arguments, run)
        else:
            result = _train(*arguments, run=run)
        return run.finish(result)


def _exclusive(model: Path, settings: TrainSettings, run: Run) -> AbstractContextManager[None]:
    """The lock of the model's folder, which of several processes the first one holds."""
    writes = not settings.dry_run and (not parallel.is_distributed() or os.environ["RANK"] == "0")
    return run.lock(model, inside=True) if writes else nullcontext()


def _train(
    facesets_a: Sequence[Path], facesets_b: Sequence[Path], folder: Path, settings: TrainSettings, *, run: Run
) -> TrainResult:
    with parallel.process_group(choose_device(settings.compute.device)) as world:
        if not world.is_main:
            run = Run(token=run.token)  # the main process reports
        setup = prepare({"a": facesets_a, "b": facesets_b}, folder, settings, world, run)
        if settings.dry_run:
            return _dry_run(setup, folder, settings, run)
        if world.is_main:
            checkpoint.check_writable(folder)
        followers = subscribers(folder, settings, setup.state.card) if world.is_main else []
        with Prefetcher(setup.pairs, setup.state.random) as batches, run.subscribed(*followers):
            return Trainer(setup, batches, folder, settings, run).fit()


class Trainer:
    """One run of training: steps, saves, and what happens when the losses diverge."""

    def __init__(
        self, setup: Setup, batches: Prefetcher, folder: Path, settings: TrainSettings, run: Run
    ) -> None:
        self.setup, self.state, self.recipe = setup, setup.state, setup.recipe
        self.batches, self.folder, self.settings, self.run = batches, folder, settings, run
        self.reporter = Reporter(folder, settings, setup, run) if setup.world.is_main else None
        self.start = time.perf_counter() - self.state.card.seconds  # of all runs
        self.saved_at = time.perf_counter()
        # A new model is saved before its first step, so that there is something to roll back to.
        self.saved_iteration = -1 if setup.fresh else self.state.card.iteration
        self.rollbacks = 0
        self.references_kept = False

    def fit(self) -> TrainResult:
        """Train until there is a reason to stop, and save."""
        while True:
            if self.state.losses_due and not self.read_losses():
                continue

            progress, stop, save, pause = self.decide()
            save |= pause
            if (save or stop) and not self.read_losses():
                continue
            if (save or stop) and self.state.card.iteration != self.saved_iteration:
                if not self.state.is_finite:
                    self.roll_back()
                    continue
                self.save(final=stop == StopReason.FINISHED)
            if pause and not stop:
                self.hold()
                continue
            if stop:
                if self.reporter is not None:
                    self.reporter.finish(self.state)
                return _result(self.setup, self.folder, stop.text)

            card = self.state.card
            if not card.decoders_split and progress >= self.recipe.shared_decoder_until:
                self.state.split_decoders()
            config = schedule.step_config(self.recipe, self.settings, card, progress)
            expected = schedule.next_step_config(self.recipe, self.settings, card)
            losses = self.setup.step(self.batch(config), config, partial(self.batches.begin, expected))
            card.iteration += 1
            card.faces_seen += self.setup.faces
            card.seconds = time.perf_counter() - self.start
            self.state.update_ema()
            self.state.record_losses(losses)

    def batch(self, config: StepConfig) -> Mapping[Side, Pairs]:
        """The batch of a step. Where there is no memory left for it, the step has to take less."""
        while True:
            try:
                return self.batches.take(config)
            except (RuntimeError, MemoryError) as error:
                self.setup.step.use_less_memory(error)

    def decide(self) -> tuple[float, StopReason, bool, bool]:
        """Progress of the training, whether to stop, to save, and to pause; the main process decides for
        all."""
        card, control = self.state.card, self.run.control
        unsaved = card.iteration - self.saved_iteration
        progress, stop, save, pause = self.setup.world.broadcast(
            schedule.progress(self.settings, card),
            schedule.stop_reason(self.settings, card, self.state.smoothed, self.run.cancelled),
            schedule.save_due(self.settings, unsaved, time.perf_counter() - self.saved_at)
            or self.saved_iteration < 0
            or (control is not None and control.take_save()),
            control is not None and control.paused,
        )
        return progress, StopReason(int(stop)), bool(save), bool(pause)

    def hold(self) -> None:
        """Wait until a pause ends, or the run is cancelled. It does not count as time of training."""
        begun = time.perf_counter()
        self.run.notice("train.paused", f"paused at iteration {self.state.card.iteration}; it is saved")
        while True:
            control = self.run.control
            asked = control is not None and control.paused and not self.run.cancelled
            if not self.setup.world.broadcast(asked)[0]:
                break
            time.sleep(_PAUSE)
        held = time.perf_counter() - begun
        self.start += held
        self.saved_at += held
        self.run.notice("train.resumed", f"resumed after a pause of {held:.0f} s")

    def read_losses(self) -> bool:
        """Read the losses recorded so far, and report them. False if they have diverged: then everything is
        as it was at the last save, but for a lower learning rate."""
        if not self.state.pending:
            return True
        if not self.state.flush_losses():
            self.roll_back()
            return False
        if self.reporter is not None:
            self.reporter.step(self.state)
        return True

    def save(self, *, final: bool) -> None:
        """Save the model, measured on held-out faces if that is due or this is the ``final`` save."""
        self.batches.rewind()
        if self.reporter is not None:
            self.state.calibrate(self.setup.dataset.training)
            self.reporter.measure(self.state, final=final)
            with self.reporter.saving():
                self.save_when_there_is_room()
                self.keep_references()
            self.reporter.draw(self.state)
        self.saved_at, self.saved_iteration = time.perf_counter(), self.state.card.iteration

    def keep_references(self) -> None:
        """Keep real pictures of both people with the model, once in a run."""
        if not self.references_kept:
            for side in SIDES:
                write_reference_set(self.setup.dataset.crops[side], self.folder, side, self.run)
            self.references_kept = True

    def save_when_there_is_room(self) -> None:
        """Save the model. A disk that has become full does not end a training of days: it waits until there
        is room, or until it is cancelled; then it raises ``FullError``."""
        said = False
        while True:
            try:
                return self.state.save(self.folder)
            except FullError as error:
                if self.saved_iteration < 0 or self.run.cancelled:
                    raise
                if not said:
                    said = True
                    self.run.warn(
                        "train.disk_full",
                        f"{error}; training waits: free some space, and it saves and continues, or stop it, "
                        f"which loses what came after iteration {self.saved_iteration}",
                        folder=self.folder,
                        iteration=self.state.card.iteration,
                    )
                with suppress(Cancelled):
                    self.run.token.wait(_TRY_AGAIN)

    def roll_back(self) -> None:
        """Return to the last save, and go on with a lower learning rate."""
        self.batches.rewind()
        self.rollbacks += 1
        state, diverged_at = self.state, self.state.card.iteration
        if self.rollbacks > schedule.MAX_ROLLBACKS:
            raise TrainingError(
                f"the losses exploded {self.rollbacks} times, last at iteration {diverged_at}; the saves "
                f"before that are good: resume with a lower learning rate ({setting('recipe.learning_rate')})"
            )
        scale = state.card.learning_rate_scale * schedule.ROLLBACK_FACTOR
        state.resume(self.folder, self.run)
        state.card.learning_rate_scale = scale
        self.start = time.perf_counter() - state.card.seconds
        self.saved_iteration = state.card.iteration
        self.run.warn(
            "train.diverged",
            f"the losses exploded at iteration {diverged_at}; back to iteration {state.card.iteration}, with "
            f"{scale:.2g} of the learning rate",
            diverged_at=diverged_at,
            iteration=state.card.iteration,
            learning_rate_scale=scale,
        )


def _result(setup: Setup, folder: Path, stopped: str) -> TrainResult:
    card, smoothed = setup.state.card, setup.state.smoothed
    return TrainResult(
        model=folder,
        iteration=card.iteration,
        faces_seen=card.faces_seen,
        seconds=card.seconds,
        loss_a=smoothed.get("a", math.nan),
        loss_b=smoothed.get("b", math.nan),
        stopped=stopped,
    )


def _dry_run(setup: Setup, folder: Path, settings: TrainSettings, run: Run) -> TrainResult:
    """Time a few steps on the real faces; nothing is written."""
    adversary = setup.recipe.adversary
    adversarial_from = adversary.start if adversary.weight else 1.0
    early = _seconds_per_step(setup, settings, 0.0, run)
    late = _seconds_per_step(setup, settings, 1.0, run) if adversarial_from < 1 else early
    text = f"{early:.3g} s an iteration, {setup.faces / early:.0f} faces/s"
    data = {"seconds_per_step": early, "faces_per_second": setup.faces / early}
    if adversarial_from < 1:
        text += f", and {late:.3g} s with the discriminators, from {adversarial_from:.0%} of the training on"
        data["seconds_per_adversarial_step"] = late
    peak = memory.peak_memory(setup.device)
    if peak is not None:
        text += f", {peak / 1e9:.1f} GB at most"
        data["peak_bytes"] = peak
    if settings.limits.iterations:
        done = schedule.progress(settings, setup.state.card)
        seconds = max(0.0, adversarial_from - done) * early + min(1 - adversarial_from, 1 - done) * late
        data["seconds_left"] = seconds * settings.limits.iterations
        text += f"; the iterations left take about {data['seconds_left'] / 60:.0f} minutes"
    run.notice("train.dry_run", f"dry run: {text}; nothing was written", **data)
    return _result(setup, folder, "dry run")


def _seconds_per_step(setup: Setup, settings: TrainSettings, progress: float, run: Run) -> float:
    """The shortest of a few steps as they are at this ``progress`` (0..1) of the training."""
    config = schedule.step_config(setup.recipe, settings, setup.state.card, progress)
    times = []
    count = _DRY_RUN_STEPS + (0 if setup.step.recorded is None else _UNTIL_RECORDED)
    for _ in run.each(range(count)):
        start = time.perf_counter()
        setup.step(setup.pairs(config), config).tolist()
        setup.state.update_ema()
        times.append(time.perf_counter() - start)
    return min(times)
