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
from facedouble.training.ahead import Ahead
from facedouble.training.parallel import World
from facedouble.training.schedule import Stop
from facedouble.training.setup import Setup, prepare
from facedouble.training.watch import Watch

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
        if settings.gpus > 1 and not parallel.started():
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
    with parallel.joined() as world:
        listener = listener if world.first else ignore
        setup = prepare({"a": facesets_a, "b": facesets_b}, folder, settings, world, listener)
        if settings.dry_run:
            return _try_out(setup, folder, settings, listener)
        with Ahead(setup.pairs, setup.training.random) as ahead:
            return _loop(setup, ahead, folder, settings, world, listener, stop)


def _loop(
    setup: Setup,
    ahead: Ahead,
    folder: Path,
    settings: TrainSettings,
    world: World,
    listener: Listener,
    stop: threading.Event,
) -> TrainResult:
    training = setup.training
    if world.first:
        checkpoint.check_writable(folder)
    watch = Watch(folder, settings, setup.data, listener) if world.first else None
    start = time.perf_counter() - training.card.seconds  # of all runs
    saved, saved_iteration = time.perf_counter(), -1 if setup.fresh else training.card.iteration
    mishaps = 0

    def read() -> bool:
        """Losses not read yet are taken in and told. False if they have exploded: then all is as at the
        last save, but for a lower learning rate."""
        nonlocal start, saved_iteration, mishaps
        if not training.unread:
            return True
        if training.read_losses():
            if watch is not None:
                watch.step(training.card, training.smoothed, training.averaged)
            return True
        mishaps += 1
        ahead.rewind()
        _go_back(setup, folder, mishaps, listener)
        start = time.perf_counter() - training.card.seconds
        saved_iteration = training.card.iteration
        return False

    while True:
        if training.many_unread and not read():
            continue
        card = training.card
        # What the first process sees, all of them do. A fresh model is saved before its first step, so
        # that there is something to go back to.
        share, reason, due = world.agree(
            schedule.progress(settings, card),
            schedule.reason_to_stop(settings, card, training.smoothed, stop.is_set()),
            schedule.save_due(settings, card.iteration - saved_iteration, time.perf_counter() - saved)
            or saved_iteration < 0,
        )
        if (due or reason) and not read():
            continue
        if (due or reason) and card.iteration != saved_iteration:
            ahead.rewind()
            if watch is not None:
                training.calibrate(setup.data.training)
                watch.measure(card, training.averaged, last=reason == Stop.FINISHED)
                with watch.saving():
                    training.save(folder)
                watch.draw(card, training.averaged)
            saved, saved_iteration = time.perf_counter(), card.iteration
        if reason:
            break

        if not card.parted and share >= setup.recipe.shared_until:
            training.part()
        phase = schedule.phase(setup.recipe, settings, card, share)
        expected = schedule.after(setup.recipe, settings, card)
        losses = setup.step(ahead.take(phase, expected), phase)
        card.iteration += 1
        card.faces_seen += setup.faces
        card.seconds = time.perf_counter() - start
        training.average()
        training.take(losses)

    return _ended(setup, folder, Stop(int(reason)).words, listener)


def _go_back(setup: Setup, folder: Path, mishaps: int, listener: Listener) -> None:
    """After the losses have exploded: be as the last save was, with a lower learning rate."""
    training, lost = setup.training, setup.training.card.iteration
    if mishaps > schedule.MISHAPS:
        raise TrainingError(
            f"the losses exploded {mishaps} times, at last at iteration {lost}; what was saved before is "
            "good: go on from it with a lower --learning-rate"
        )
    rate = training.card.rate * schedule.FEWER
    training.resume(folder, listener)
    training.card.rate = rate
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
    phase = schedule.phase(setup.recipe, settings, setup.training.card, progress)
    times = []
    for _ in range(_DRY_STEPS):
        start = time.perf_counter()
        setup.step(setup.pairs(phase), phase).tolist()
        setup.training.average()
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
