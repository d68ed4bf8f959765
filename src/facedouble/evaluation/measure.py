"""What a measure is: a formula, its unit and direction, and what counts as good."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from facedouble.evaluation.appearance import Appearance
from facedouble.evaluation.gallery import Person
from facedouble.evaluation.judges import Judged
from facedouble.evaluation.media_info import MediaInfo
from facedouble.evaluation.observation import Observed
from facedouble.evaluation.reconstruction import Reconstruction

Values = npt.NDArray[np.float64]
Rating = Literal["good", "fair", "poor", "unknown"]
Better = Literal["lower", "higher", "between"]
Range = tuple[float, float]

GROUPS: dict[str, str] = {
    "identity": "Is it B?",
    "expression": "Does it do what A does?",
    "steadiness": "Is it steady?",
    "seam": "Is the seam visible?",
    "texture": "Does it look like a photograph?",
    "fidelity": "Is everything else left alone?",
    "model": "How good is the model by itself?",
}
"""The questions that measures answer, in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that measures are computed from.

    ``observed`` is what was extracted from the frames of result and source; ``judged`` is what the one of
    its judges found whose view measures ``by_landmarks`` are to take. ``b`` is the person the face should
    be, whose real faces ``look`` is of, ``a`` the one it was, whose last faceset is the source's;
    ``others`` are further people it could be taken for. ``result`` and ``source`` describe the files.
    ``reconstructions`` maps each side to how well the model reconstructs its faces; ``model_resolution``
    is the side in pixels of what the model draws, and ``model_coverage`` the share of the stored crop
    that this is; empty and 0 without a model.
    """

    observed: Observed
    a: Person
    b: Person
    look: Appearance
    others: tuple[Person, ...]
    result: MediaInfo
    source: MediaInfo
    reconstructions: Mapping[str, Reconstruction] = field(default_factory=dict)
    model_resolution: int = 0
    model_coverage: float = 1.0
    judged: Judged | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a measure gives: one ``value``, ``None`` if it is not available; and for measures of frames a
    ``series`` with a value for each frame (NaN where it was not examined), with the source's own as
    ``source_series`` where they are to be compared. ``by_scheme`` has the value of every judge by its
    landmark scheme, the one that decides first; empty for measures that do not depend on landmarks.
    ``beside`` are further values that the reader should see, each by what is said of it ("of the source's
    face")."""

    value: float | None
    series: Values | None = None
    source_series: Values | None = None
    by_scheme: Mapping[str, float | None] = field(default_factory=dict)
    beside: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measure:
    """A formula with its scale. ``good`` and ``fair`` are closed ranges of the value; anything beyond
    ``fair`` is poor. ``per_frame``: the values of single frames have the unit and scale of the whole, so that
    a frame can be good or poor by itself. ``with_source``: they come with the source's own, for comparison.
    ``by_landmarks``: it depends on landmarks, and every judge has a value of its own. ``praise`` and
    ``blame`` are what the verdict says of a good and of a poor value, with ``{}`` for the value."""

    compute: Callable[[Evidence], Outcome]
    group: str
    better: Better
    good: Range
    fair: Range
    praise: str
    blame: str
    unit: str = ""
    number_format: str = "{:.2f}"
    per_frame: bool = False
    with_source: bool = False
    by_landmarks: bool = False

    def rate(self, value: float | None) -> Rating:
        """The rating of a value."""
        if value is None or math.isnan(value):
            return "unknown"
        for name, (low, high) in (("good", self.good), ("fair", self.fair)):
            if low <= value <= high:
                return "good" if name == "good" else "fair"
        return "poor"

    def badness(self, values: Values) -> Values:
        """How far values (N,) lie beyond what is good: 0 good, 1 at the end of fair, at most 3."""
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
        text = self.number_format.format(value * 100 if self.unit == "%" else value)
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
        if low == high:
            return self.describe(low)
        return f"{self.number_format.format(low)} to {self.describe(high)}"


def measure(**scale: Any) -> Callable[[Callable[[Evidence], Outcome]], Measure]:
    """Decorator that makes a formula a :class:`Measure`; ``scale`` are the other fields of that class."""

    def make(compute: Callable[[Evidence], Outcome]) -> Measure:
        return Measure(compute, **scale)

    return make


def mean_known(series: Values) -> float | None:
    """Mean of the values that are not NaN; ``None`` if there are none."""
    return None if np.isnan(series).all() else float(np.nanmean(series))


def judged_by(evidence: Evidence) -> Judged:
    """What the judge of this evidence found. Only measures ``by_landmarks`` are given one."""
    if evidence.judged is None:
        raise ValueError("this evidence has no judge: the measure is not marked as one by landmarks")
    return evidence.judged
