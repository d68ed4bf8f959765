"""What a training reports: progress and losses, held-out metrics, and the preview sheet.

Everything goes out as events of the run; what lies in the model's folder beside its saves is drawn by the
subscribers in ``subscribers.py``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from facedouble.errors import OutputError, setting
from facedouble.run.events import Preview
from facedouble.run.run import Run
from facedouble.settings.train import TrainSettings
from facedouble.training import preview_window
from facedouble.training.held_out_metrics import HeldOutEvaluator
from facedouble.training.preview import COLUMNS, preview
from facedouble.training.train_state import TrainState
from facedouble.video.images import write_png

if TYPE_CHECKING:
    from facedouble.training.setup import Setup

PREVIEW = "preview.png"
_REFRESH = 30.0  # seconds between previews while the window is open
_MAX_MEASURING = 0.05  # share of the time that measuring may take
_MUCH_SAVING = 0.1  # share of the time from which saving is worth a warning,
_SETTLED = 60.0  # after so many seconds
_SPEED_WINDOW = 20.0  # seconds over which speed is measured


class Reporter:
    """Reports a training. Preview and metrics are of held-out faces where there are any, always the same."""

    def __init__(self, folder: Path, settings: TrainSettings, setup: Setup, run: Run) -> None:
        self.folder, self.settings, self.run = folder, settings, run
        shown = setup.dataset.evaluation
        self._faces = {side: faces.pictures(COLUMNS) for side, faces in shown.items()}
        self._geometry = {side: faces.geometry_of(COLUMNS) for side, faces in shown.items()}
        self._evaluator = HeldOutEvaluator(setup.dataset) if settings.monitor.measure else None
        self._began = time.perf_counter()
        self._seconds_measuring = self._seconds_saving = 0.0
        self._warned = False
        self._drawn_at = 0.0
        self._speed: deque[tuple[float, int]] = deque()
        if settings.monitor.preview:
            problem = preview_window.show(folder / PREVIEW)
            if problem:
                run.notice(
                    "train.no_window",
                    f"{problem}, so no window; {folder / PREVIEW} is redrawn every {_REFRESH:.0f} seconds",
                )
        if settings.limits.minutes:
            self._stage = run.stage("train", settings.limits.minutes, "minutes")
        else:
            self._stage = run.stage("train", settings.limits.iterations, "iterations")

    def step(self, state: TrainState) -> None:
        """After an iteration whose losses have been read: progress, losses, speed."""
        card, now = state.card, time.perf_counter()
        self._speed.append((now, card.faces_seen))
        while now - self._speed[0][0] > _SPEED_WINDOW:
            self._speed.popleft()
        (since, before), (until, seen) = self._speed[0], self._speed[-1]
        values = {f"loss/{side}": value for side, value in state.smoothed.items()}
        if until > since:
            values["speed"] = (seen - before) / (until - since)
        self._stage.metrics(card.iteration, values, {"speed": "faces/s"})
        self._stage.progress(card.seconds / 60 if self.settings.limits.minutes else card.iteration)
        if self.settings.monitor.preview and now - self._drawn_at > _REFRESH:
            self.draw(state)

    def measure(self, state: TrainState, *, final: bool) -> None:
        """Before a save: measure the calibrated EMA network on held-out faces, if that has taken little of
        the time so far, if somebody waits for it (``patience``), or if this is the ``final`` save."""
        start = time.perf_counter()
        cheap = self._seconds_measuring <= _MAX_MEASURING * (start - self._began)
        due = final or cheap or self.settings.limits.patience
        if self._evaluator is None or not state.card.iteration or not due:
            return
        metrics = self._evaluator.measure(state.ema)
        values = {**asdict(metrics), "score": metrics.score}
        state.card.note(values)
        self._stage.metrics(
            state.card.iteration, {f"held_out/{name}": value for name, value in values.items()}
        )
        self._seconds_measuring += time.perf_counter() - start

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Around a save: warns, once, if saves come to take much of the time."""
        start = time.perf_counter()
        yield
        now = time.perf_counter()
        self._seconds_saving += now - start
        share = self._seconds_saving / (now - self._began)
        if share > _MUCH_SAVING and now - self._began > _SETTLED and not self._warned:
            self._warned = True
            self.run.warn(
                "train.slow_saves",
                f"saving takes {share:.0%} of the time; a larger {setting('saving.interval')} takes less",
                share=share,
            )

    def draw(self, state: TrainState) -> None:
        """Write the preview sheet, if pictures are wanted. A full disk is reported, and ends nothing."""
        if not (self.settings.monitor.write_image or self.settings.monitor.preview):
            return
        self._drawn_at = time.perf_counter()
        path = self.folder / PREVIEW
        try:
            write_png(path, preview(state.ema, self._faces, self._geometry))
        except OutputError as error:
            self.run.warn("train.no_preview", str(error), path=path)
            return
        self.run.emit(Preview("train", state.card.iteration, path, "restored and swapped faces"))

    def finish(self, state: TrainState) -> None:
        """The training has ended."""
        self._stage.finish(iterations=state.card.iteration, faces=state.card.faces_seen)
