"""A training as it goes: what its model remembers of earlier runs, and what its job has reported since."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from facedouble.models.card import ModelCard
from facedouble.project.follow import read_events
from facedouble.run.events import Metrics

Point = tuple[int, float]
_MOST_POINTS = 3000  # of a curve


class Curves:
    """Measured values by name and iteration, in order. What is measured again replaces what was."""

    def __init__(self) -> None:
        self.points: dict[str, list[Point]] = {}

    def add(self, iteration: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            points = self.points.setdefault(name, [])
            while points and points[-1][0] >= iteration:  # training went back to a save, or is told twice
                points.pop()
            points.append((iteration, round(float(value), 6)))
            if len(points) > _MOST_POINTS:
                del points[1::2]

    def take(self, card: ModelCard) -> None:
        """What the model's card remembers."""
        for iteration, *losses in card.history:
            self.add(int(iteration), dict(zip(("loss/a", "loss/b"), losses, strict=True)))
        for row in card.measures:
            values = {f"held_out/{name}": value for name, value in row.items() if name != "iteration"}
            self.add(int(row["iteration"]), values)


class Followed:
    """The metrics of jobs by their events files, each read once as it grows. Any thread may ask."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[int, list[Metrics]]] = {}
        self._lock = threading.Lock()

    def metrics(self, events: Path, start: int) -> list[Metrics]:
        """All metrics of a training from ``start`` (bytes) of its events file on."""
        with self._lock:
            position, found = self._read.get(events, (start, []))
            if position < start:
                position, found = start, []
            while True:
                new, end = read_events(events, position)
                found.extend(
                    event for _, event in new if isinstance(event, Metrics) and event.stage == "train"
                )
                if end == position:
                    break
                position = end
            if len(found) > 2 * _MOST_POINTS:
                found = found[:-_MOST_POINTS:2] + found[-_MOST_POINTS:]
            self._read[events] = (position, found)
            return list(found)
