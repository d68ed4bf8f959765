"""The training loop."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from facedouble.config import TrainSettings
from facedouble.errors import TrainingError
from facedouble.events import Listener, Noted, StageFinished, ignore
from facedouble.models import checkpoint
from facedouble.training import memory, parallel, schedule
from facedouble.training.parallel import World
from facedouble.training.prefetch import Prefetcher
from facedouble.training.reporter import Reporter
from facedouble.training.schedule import StopReason
from facedouble.training.setup import Setup, prepare

_DRY_STEPS = 3


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a training ended. ``faces_seen`` counts both sides, over all runs of this model."""

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
    listener: Listener = ignore,
    stop: threading.Event | None = None,
) -> TrainResult:
    """Train ``model`` on the faces of both sides, or train it on if it is there already.

    Ends at a limit of ``settings``, counted over all runs of the model, at Ctrl-C, or when ``stop`` is
    set; the model is saved in each case. Raises ``TrainingError``, ``ModelError``, ``InputError``,
    ``SettingsError`` or ``OutputError``; what was saved before stays as it was.
    """
    settings = settings or TrainSettings()
    arguments = (list(facesets_a), list(facesets_b), model, settings)
    with _asked_to_stop(stop or threading.Event()) as asked:
        if settings.gpus > 1 and not parallel.is_distributed():
            result: TrainResult = parallel.launch(settings.gpus, _train, arguments, listener, asked)
            return result
        return _train(*arguments, listener=listener, stop=asked)


def _train(
    facesets_a: Sequence[Path],
    facesets_b: Sequence[Path],
    folder: Path,
    settings: TrainSettings,
    *,
    listener: Listener,
    stop: threading.Event,
) -> TrainResult:
    with parallel.process_group() as world:
        listener = listener if world.is_main else ignore
        setup = prepare({"a": facesets_a, "b": facesets_b}, folder, settings, world, listener)
        if settings.dry_run:
            return _try_out(setup, folder, settings, listener)
        with Prefetcher(setup.pairs, setup.training.random) as ahead:
            return _loop(setup, ahead, folder, settings, world, listener, stop)


def _loop(
    setup: Setup,
    ahead: Prefetcher,
    folder: Path,
    settings: TrainSettings,
    world: World,
    listener: Listener,
    stop: threading.Event,
) -> TrainResult:
    training = setup.training
    if world.is_main:
        checkpoint.check_writable(folder)
    watch = Reporter(folder, settings, setup.data, listener) if world.is_main else None
    start = time.perf_counter() - training.card.seconds  # of all runs
    saved, saved_iteration = time.perf_counter(), -1 if setup.fresh else training.card.iteration
    rollbacks = 0

    def read() -> bool:
        """Losses not read yet are taken in and told. False if they have exploded: then all is as at the
        last save, but for a lower learning rate."""
        nonlocal start, saved_iteration, rollbacks
        if not training.pending:
            return True
        if training.flush_losses():
            if watch is not None:
                watch.step(training.card, training.smoothed, training.ema)
            return True
        rollbacks += 1
        ahead.rewind()
        _go_back(setup, folder, rollbacks, listener)
        start = time.perf_counter() - training.card.seconds
        saved_iteration = training.card.iteration
        return False

    while True:
        if training.pending_due and not read():
            continue
        card = training.card
        # What the first process sees, all of them do. A fresh model is saved before its first step, so
        # that there is something to go back to.
        share, reason, due = world.broadcast(
            schedule.progress(settings, card),
            schedule.stop_reason(settings, card, training.smoothed, stop.is_set()),
            schedule.save_due(settings, card.iteration - saved_iteration, time.perf_counter() - saved)
            or saved_iteration < 0,
        )
        if (due or reason) and not read():
            continue
        if (due or reason) and card.iteration != saved_iteration:
            ahead.rewind()
            if watch is not None:
                training.calibrate(setup.data.training)
                watch.measure(card, training.ema, last=reason == StopReason.FINISHED)
                with watch.saving():
                    training.save(folder)
                watch.draw(card, training.ema)
            saved, saved_iteration = time.perf_counter(), card.iteration
        if reason:
            break

        if not card.decoders_split and share >= setup.recipe.shared_decoder_until:
            training.split_decoders()
        config = schedule.step_config(setup.recipe, settings, card, share)
        expected = schedule.after(setup.recipe, settings, card)
        losses = setup.step(ahead.take(config, expected), config)
        card.iteration += 1
        card.faces_seen += setup.faces
        card.seconds = time.perf_counter() - start
        training.update_ema()
        training.record_losses(losses)

    return _ended(setup, folder, StopReason(int(reason)).text, listener)


def _go_back(setup: Setup, folder: Path, rollbacks: int, listener: Listener) -> None:
    """After the losses have exploded: be as the last save was, with a lower learning rate."""
    training, lost = setup.training, setup.training.card.iteration
    if rollbacks > schedule.MAX_ROLLBACKS:
        raise TrainingError(
            f"the losses exploded {rollbacks} times, at last at iteration {lost}; what was saved before is "
            "good: go on from it with a lower --learning-rate"
        )
    rate = training.card.learning_rate_scale * schedule.ROLLBACK_FACTOR
    training.resume(folder, listener)
    training.card.learning_rate_scale = rate
    listener(
        Noted(
            f"the losses exploded at iteration {lost}; back to iteration {training.card.iteration}, from now "
            f"on with {rate:.2g} of the learning rate",
            warning=True,
        )
    )


def _ended(setup: Setup, folder: Path, stopped: str, listener: Listener) -> TrainResult:
    card, smoothed = setup.training.card, setup.training.smoothed
    text = f"{card.iteration} iterations, {card.faces_seen} faces seen, {stopped}"
    listener(StageFinished("train", card.seconds, text))
    return TrainResult(
        model=folder,
        iteration=card.iteration,
        faces_seen=card.faces_seen,
        seconds=card.seconds,
        loss_a=smoothed.get("a", math.nan),
        loss_b=smoothed.get("b", math.nan),
        stopped=stopped,
    )


def _try_out(setup: Setup, folder: Path, settings: TrainSettings, listener: Listener) -> TrainResult:
    """A few steps on the real faces that change nothing on disk, and what they took."""
    training, recipe = setup.training, setup.recipe
    alone = recipe.adversarial_from if recipe.adversarial else 1.0  # share of the training
    early = _step_seconds(setup, settings, 0.0)
    late = _step_seconds(setup, settings, 1.0) if alone < 1 else early
    text = f"{early:.3g} s an iteration, {setup.faces / early:.0f} faces/s"
    if alone < 1:
        text += f", and {late:.3g} s with the discriminators, from {alone:.0%} of the training on"
    peak = memory.peak_memory(setup.device)
    if peak is not None:
        text += f", {peak / 1e9:.1f} GB at the most"
    if settings.iterations:
        done = schedule.progress(settings, training.card)
        seconds = max(0.0, alone - done) * early + min(1 - alone, 1 - done) * late
        text += f"; the iterations left take about {seconds * settings.iterations / 60:.0f} minutes"
    listener(Noted(f"dry run: {text}; nothing was written"))
    return _ended(setup, folder, "dry run", listener)


def _step_seconds(setup: Setup, settings: TrainSettings, progress: float) -> float:
    """The shortest of a few steps as they are at this share of the training."""
    config = schedule.step_config(setup.recipe, settings, setup.training.card, progress)
    times = []
    for _ in range(_DRY_STEPS):
        start = time.perf_counter()
        setup.step(setup.pairs(config), config).tolist()
        setup.training.update_ema()
        times.append(time.perf_counter() - start)
    return min(times)


@contextmanager
def _asked_to_stop(asked: threading.Event) -> Iterator[threading.Event]:
    """``asked``, which the first Ctrl-C sets, so that a step is finished and saved; the second one
    interrupts as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)

    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
