"""What shows a training live, from the events of its run alone. Add another one to :func:`subscribers`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from facedouble.files import read_regular, write_whole
from facedouble.models.card import ModelCard
from facedouble.models.checkpoint import FOLDERS
from facedouble.run.events import Event, Metrics, Preview, Subscriber
from facedouble.settings.train import TrainSettings
from facedouble.training.curves import Panel, plot
from facedouble.training.tensorboard import Scalars
from facedouble.video.images import write_png

CURVES = "losses.png"
TENSORBOARD, TIME_LAPSE = FOLDERS
_PICTURE = re.compile(r"(\d{8,16})\.png", re.ASCII)  # of the time-lapse; people may put others beside them
_MAX_BYTES = 1 << 28  # of a picture
_WRITE_EVERY = 1.0  # seconds between equal sets of values for TensorBoard
_GROWTH = 1.03  # iterations from one picture of the time-lapse to the next: some 300 up to a million
_MOST_ROWS = 4000  # of a curve; beyond that, every second one goes

_PANELS = {
    "loss, smoothed": ("loss/a", "loss/b"),
    "held-out faces: restored, SSIM": ("held_out/ssim", "held_out/ssim_eyes", "held_out/ssim_mouth"),
    "held-out faces: the swap's distance from each person": ("held_out/to_b", "held_out/to_a"),
}


def subscribers(folder: Path, settings: TrainSettings, card: ModelCard) -> list[Subscriber]:
    """What follows the training of the model in ``folder``, whose ``card`` tells of earlier runs."""
    found: list[Subscriber] = [TensorBoard(folder / TENSORBOARD)]
    if settings.monitor.write_image:
        found += [Curves(folder / CURVES, card), TimeLapse(folder / TIME_LAPSE)]
    return found


class TensorBoard:
    """Writes metrics for TensorBoard into an event file in ``folder``."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._scalars, self._now = Scalars(folder), now
        self._written: dict[frozenset[str], float] = {}

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Metrics) or event.stage != "train":
            return
        names, now = frozenset(event.values), self._now()
        if now - self._written.get(names, float("-inf")) > _WRITE_EVERY:
            self._written[names] = now
            self._scalars.write(event.step, event.values)


class Curves:
    """Draws losses and held-out metrics over iterations into a picture, anew with each preview."""

    def __init__(self, path: Path, card: ModelCard) -> None:
        """``card`` holds the curves of earlier runs."""
        self._path = path
        self._points: dict[str, list[tuple[float, float]]] = {
            name: [] for names in _PANELS.values() for name in names
        }
        for iteration, *losses in card.history:
            self._add(iteration, dict(zip(("loss/a", "loss/b"), losses, strict=True)))
        for row in card.measures:
            self._add(row["iteration"], {f"held_out/{name}": value for name, value in row.items()})

    def __call__(self, event: Event) -> None:
        if isinstance(event, Metrics) and event.stage == "train":
            self._add(event.step, dict(event.values))
        elif isinstance(event, Preview) and event.stage == "train":
            panels = [
                Panel(
                    title,
                    {name.partition("/")[2]: self._points[name] for name in names},
                    logarithmic=names[0].startswith("loss/"),
                )
                for title, names in _PANELS.items()
            ]
            write_png(self._path, plot(panels))

    def _add(self, step: float, values: dict[str, float]) -> None:
        for name in values.keys() & self._points.keys():
            points = self._points[name]
            while points and points[-1][0] >= step:  # training has been rolled back
                points.pop()
            points.append((step, values[name]))
            if len(points) > _MOST_ROWS:
                del points[1::2]


class TimeLapse:
    """Keeps a copy of the preview now and then, named by the iteration, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        self._last = max((int(match[1]) for match in map(_PICTURE.fullmatch, names) if match), default=0)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Preview) and event.stage == "train" and event.step > self._last * _GROWTH:
            self._folder.mkdir(exist_ok=True)
            write_whole(self._folder / f"{event.step:08d}.png", read_regular(event.path, _MAX_BYTES))
            self._last = event.step
