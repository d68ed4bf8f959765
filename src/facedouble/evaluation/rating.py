"""What a measure is: its value, its direction, and what counts as good."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from facedouble.evaluation.fidelity import Container
from facedouble.evaluation.observe import Seen
from facedouble.evaluation.people import Person
from facedouble.evaluation.reconstruction import Reconstruction

Values = npt.NDArray[np.float64]
Rate = Literal["good", "fair", "poor", "unknown"]
Better = Literal["lower", "higher", "between"]
Range = tuple[float, float]

GROUPS: dict[str, str] = {
    "identity": "Is it B?",
    "expression": "Does it do what A does?",
    "steadiness": "Is it steady?",
    "seam": "Does it show where it was put in?",
    "sharpness": "Is it as sharp as the shot?",
    "fidelity": "Is everything else left alone?",
    "model": "How good is the model by itself?",
}
"""The questions that measures answer, in the order they are asked."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that measures look at: what was seen of the result, the people, the files, the model.

    ``b`` is who the face is to be, ``a`` who it was; ``others`` are further people it could be taken for.
    ``model`` maps each side to how the model restores its faces; ``model_pixels`` is the side in pixels
    of what it draws, and ``model_coverage`` how much of the stored crop that is.
    """

    seen: Seen
    a: Person
    b: Person
    others: tuple[Person, ...]
    result: Container
    source: Container
    model: Mapping[str, Reconstruction] = field(default_factory=dict)
    model_pixels: int = 0
    model_coverage: float = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a measure says: one number, ``None`` where it cannot be had; and where there is such, one
    for each frame (NaN where not looked at), with the source's own for comparison."""

    value: float | None
    series: Values | None = None
    of_source: Values | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure as the registry has it. ``good`` and ``fair`` are ranges of the value, both ends in it;
    beyond ``fair`` is poor. ``shown`` is a format for the value. ``judges_frames``: the numbers of single
    frames have the value's unit and scale, so a frame can be good or poor by itself. ``compares``: they
    come with the source's own, to be looked at together.
    ``praise`` and ``blame`` are what the verdict says of a good and of a poor value; ``{}`` is the value."""

    take: Callable[[Evidence], Outcome]
    title: str
    group: str
    unit: str
    better: Better
    good: Range
    fair: Range
    praise: str
    blame: str
    shown: str = "{:.2f}"
    judges_frames: bool = False
    compares: bool = False

    def rate(self, value: float | None) -> Rate:
        if value is None or math.isnan(value):
            return "unknown"
        for name, (low, high) in (("good", self.good), ("fair", self.fair)):
            if low <= value <= high:
                return "good" if name == "good" else "fair"
        return "poor"

    def badness(self, values: Values) -> Values:
        """How far values (N,) are beyond what is good: 0 good, 1 where fair ends, at most 3."""
        (low, high), (lowest, highest) = self.good, self.fair
        result = np.zeros(len(values))
        for good, fair, beyond in ((low, lowest, low - values), (high, highest, values - high)):
            if math.isfinite(good):
                result = np.fmax(result, beyond / max(abs(fair - good), 1e-9))
        return np.clip(result, 0, 3)

    def describe(self, value: float | None) -> str:
        """The value as a reader sees it, with its unit."""
        if value is None or math.isnan(value):
            return "—"
        if self.unit == "yes or no":
            return "yes" if value else "no"
        text = self.shown.format(value * 100 if self.unit == "%" else value)
        close = self.unit in ("", "%", "°")
        return text + self.unit if close else f"{text} {self.unit}"

    def describe_good(self) -> str:
        """The good range as a reader sees it."""
        low, high = self.good
        if self.unit == "yes or no":
            return "yes"
        if self.better == "lower":
            return f"up to {self.describe(high)}"
        if self.better == "higher":
            return f"{self.describe(low)} or more"
        return self.describe(low) if low == high else f"{self.shown.format(low)} to {self.describe(high)}"
