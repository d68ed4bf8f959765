"""What a person sees of a training: the live line, the preview sheet, the time-lapse, the curves, and
measures on faces held out."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from facedouble.config import TrainSettings
from facedouble.events import Listener, Noted, Progressed, StageStarted
from facedouble.models.base import SwapModel
from facedouble.models.checkpoint import ModelCard
from facedouble.training import preview_window
from facedouble.training.curves import Panel, plot
from facedouble.training.dataset import Dataset
from facedouble.training.held_out_metrics import HeldOutEvaluator
from facedouble.training.preview import COLUMNS, preview
from facedouble.training.tensorboard import Scalars
from facedouble.types import Side
from facedouble.video.images import write_png

PREVIEW, CURVES, TIME_LAPSE, EVENTS = "preview.png", "losses.png", "time-lapse", "tensorboard"
_REFRESH = 30.0  # seconds between previews while somebody looks on
_WRITE_EVERY = 1.0  # seconds between numbers for TensorBoard
_GROWTH = 1.03  # iterations from one picture of the time-lapse to the next: some 300 up to a million
_MEASURING = 0.05  # share of the time that measuring may take
_SAVING = 0.1  # share of the time from which saving is worth a word,
_SETTLED = 60.0  # after so many seconds
_WINDOW = 20.0  # seconds over which speed is measured


class Reporter:
    """Tells of a training: events to ``listener``, pictures and numbers into the model's ``folder``.

    Pictures and measures are of faces held out, where ``data`` has such, the same every time.
    """

    def __init__(self, folder: Path, settings: TrainSettings, data: Dataset, listener: Listener) -> None:
        self.folder, self.settings, self.listener = folder, settings, listener
        self._faces = {side: shown.reduced(COLUMNS) for side, shown in data.shown.items()}
        self._measurer = HeldOutEvaluator(data) if settings.measure else None
        self._began = time.perf_counter()
        self._measuring = self._saving = 0.0
        self._told = False
        self._scalars = Scalars(folder / EVENTS)
        self._written = self._drawn = 0.0
        self._speed: deque[tuple[float, int]] = deque()
        if settings.preview:
            why = preview_window.show(folder / PREVIEW)
            if why:
                text = f"{why}, so no window; {folder / PREVIEW} is drawn anew every {_REFRESH:.0f} seconds"
                listener(Noted(text))
        if settings.minutes:
            listener(StageStarted("train", settings.minutes, "minutes"))
        else:
            listener(StageStarted("train", settings.iterations or None, "iterations"))

    def step(self, card: ModelCard, losses: Mapping[Side, float], network: SwapModel) -> None:
        """After an iteration: the live line, and now and then a number or the preview."""
        now = time.perf_counter()
        self._speed.append((now, card.faces_seen))
        while now - self._speed[0][0] > _WINDOW:
            self._speed.popleft()
        (since, before), (until, seen) = self._speed[0], self._speed[-1]
        speed = (seen - before) / (until - since) if until > since else math.nan
        figures = {"iteration": str(card.iteration)}
        figures |= {f"loss {side.upper()}": f"{value:.4f}" for side, value in losses.items()}
        if math.isfinite(speed):
            figures["faces/s"] = f"{speed:.0f}"
        done = card.seconds / 60 if self.settings.minutes else card.iteration
        self.listener(Progressed("train", done, figures))
        if now - self._written > _WRITE_EVERY:
            self._written = now
            values = {f"loss/{side}": value for side, value in losses.items()}
            if math.isfinite(speed):
                values["faces per second"] = speed
            self._scalars.write(card.iteration, values)
        if self.settings.preview and now - self._drawn > _REFRESH:
            self._sheet(card, network)

    def measure(self, card: ModelCard, network: SwapModel, *, last: bool) -> None:
        """Before a save: measure the calibrated ``network`` on faces held out, if that has taken but a
        small share of the time so far, or if it is the ``last`` time."""
        start = time.perf_counter()
        little = self._measuring <= _MEASURING * (start - self._began)
        wanted = last or little or self.settings.patience
        if self._measurer is None or not card.iteration or not wanted:
            return
        measures = self._measurer.measure(network)
        card.note({**asdict(measures), "score": measures.score})
        self._scalars.write(card.iteration, {f"held out/{k}": v for k, v in card.measures[-1].items()})
        self._measuring += time.perf_counter() - start

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Around a save: where saves come to take much of the time, that is told, once."""
        start = time.perf_counter()
        yield
        now = time.perf_counter()
        self._saving += now - start
        share = self._saving / (now - self._began)
        if share > _SAVING and now - self._began > _SETTLED and not self._told:
            self._told = True
            text = f"saving takes {share:.0%} of the time; a larger --save-interval makes it less"
            self.listener(Noted(text, warning=True))

    def draw(self, card: ModelCard, network: SwapModel) -> None:
        """After a save: the preview sheet, the curves, and a picture of the time-lapse if it is time."""
        if not self.settings.write_image:
            return
        self._sheet(card, network)
        curves = {name: [(row[0], row[column]) for row in card.history] for name, column in _LOSSES.items()}
        held_out = [
            Panel(f"faces held out: {title}", {name: _over_time(card, name) for name in names})
            for title, names in _PANELS.items()
        ]
        write_png(self.folder / CURVES, plot([Panel("loss, smoothed", curves, logarithmic=True), *held_out]))

    def _sheet(self, card: ModelCard, network: SwapModel) -> None:
        self._drawn = time.perf_counter()
        sheet = preview(network, self._faces)
        write_png(self.folder / PREVIEW, sheet)
        lapse = self.folder / TIME_LAPSE
        last = max((int(path.stem) for path in lapse.glob("*.png")), default=0) if lapse.is_dir() else 0
        if self.settings.write_image and card.iteration > last * _GROWTH:
            lapse.mkdir(exist_ok=True)
            write_png(lapse / f"{card.iteration:08d}.png", sheet)


def _over_time(card: ModelCard, name: str) -> list[tuple[float, float]]:
    return [(row["iteration"], row[name]) for row in card.measures if name in row]


_LOSSES = {"A": 1, "B": 2}
_PANELS = {
    "restored, likeness (SSIM)": ("ssim", "ssim_eyes", "ssim_mouth"),
    "swap's distance from each person": ("to_b", "to_a"),
}
