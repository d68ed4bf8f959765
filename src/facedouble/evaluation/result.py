"""What an evaluation found, and its JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facedouble._version import __version__
from facedouble.evaluation.measure import Outcome, Rating, Values
from facedouble.evaluation.registry import MEASURES, title
from facedouble.evaluation.verdict import Verdict
from facedouble.settings.evaluate import EvaluateSettings


@dataclass(frozen=True, slots=True)
class ResultEvaluation:
    """One result: the ``outcomes`` of all measures by name (see ``registry.MEASURES``), the verdict, and
    for each frame examined its number, its time in seconds and its ``badness``: 0 if good in everything,
    plus 1 for each measure at the end of what is fair. ``pictures`` are JPEG crops of some frames, by
    number. ``driver`` is the landmark scheme that the swap follows, ``judges`` in how many frames each scheme
    saw the face, the one that decides first."""

    path: Path
    outcomes: Mapping[str, Outcome]
    verdict: Verdict
    index: Sequence[int]
    seconds: Sequence[float]
    badness: Values
    pictures: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    driver: str = ""
    judges: Mapping[str, int] = field(default_factory=dict)

    def value(self, name: str) -> float | None:
        """The value of measure ``name``; ``None`` if it is not available."""
        return self.outcomes[name].value

    def rate(self, name: str) -> Rating:
        """The rating of that value."""
        return MEASURES[name].rate(self.outcomes[name].value)

    def worst_frames(self, count: int = 8, min_gap: int = 4) -> list[int]:
        """Numbers of the ``count`` worst frames with pictures, worst first, at least ``min_gap`` frames
        apart."""
        order = sorted(range(len(self.index)), key=lambda i: (-self.badness[i], self.index[i]))
        chosen: list[int] = []
        for i in order:
            number = self.index[i]
            if number in self.pictures and all(abs(number - other) >= min_gap for other in chosen):
                chosen.append(number)
        return chosen[:count]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Results of one source, all measured in the same way. ``people`` names everyone whom a face could be
    taken for, B first; ``described`` is the number of frames whose identity was examined; ``pictures`` are
    JPEG crops of the source's face, by frame number."""

    source: Path
    results: Sequence[ResultEvaluation]
    people: Sequence[str]
    settings: EvaluateSettings
    described: int
    pictures: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Everything but the pictures, ready for JSON; values that are not available are ``null``."""
        return {
            "program": f"facedouble {__version__}",
            "source": str(self.source),
            "people": list(self.people),
            "frames_described": self.described,
            "results": [_result_as_json(result) for result in self.results],
        }


def _result_as_json(result: ResultEvaluation) -> dict[str, Any]:
    measures: dict[str, dict[str, Any]] = {}
    for name, measure in MEASURES.items():
        outcome = result.outcomes[name]
        measures[name] = {
            "title": title(name),
            "value": _number(outcome.value),
            "unit": measure.unit,
            "better": measure.better,
            "good": [_number(limit) for limit in measure.good],
            "rate": result.rate(name),
        }
        if outcome.by_scheme:
            measures[name]["by_scheme"] = {
                scheme: _number(value) for scheme, value in outcome.by_scheme.items()
            }
        if outcome.beside:
            measures[name]["beside"] = {what: _number(value) for what, value in outcome.beside.items()}
    series = {
        name: [_number(float(value)) for value in outcome.series]
        for name, outcome in result.outcomes.items()
        if outcome.series is not None
    }
    source_series = {
        name: [_number(float(value)) for value in outcome.source_series]
        for name, outcome in result.outcomes.items()
        if outcome.source_series is not None
    }
    return {
        "path": str(result.path),
        "verdict": {"rate": result.verdict.rate, "sentences": list(result.verdict.sentences)},
        "landmarks": {"driver": result.driver, "judges": dict(result.judges)},
        "measures": measures,
        "frames": list(result.index),
        "seconds": [round(value, 4) for value in result.seconds],
        "badness": [_number(float(value)) for value in result.badness],
        "series": series,
        "source_series": source_series,
        "worst_frames": result.worst_frames(),
    }


def _number(value: float | None) -> float | None:
    """A number with six significant digits; ``None`` if it is not finite."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
