"""Evaluation: results held against their source, and what the measures say of them."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facedouble._version import __version__
from facedouble.config import EvaluateSettings, ExtractSettings
from facedouble.errors import InputError
from facedouble.evaluation.fidelity import look_at
from facedouble.evaluation.measures import MEASURES
from facedouble.evaluation.observe import Observer, Plan, Seen, plan
from facedouble.evaluation.people import know, strangers
from facedouble.evaluation.rating import Evidence, Outcome, Rate, Values
from facedouble.evaluation.reconstruction import Reconstruction, restore
from facedouble.evaluation.verdict import Verdict, judge
from facedouble.events import Listener, Noted, StageFinished, StageStarted, ignore
from facedouble.extraction.extract import extract
from facedouble.models import checkpoint
from facedouble.types import Image

_JPEG_QUALITY = 84


@dataclass(frozen=True, slots=True)
class ResultEvaluation:
    """One result: what every measure says of it (by name, as in ``measures.MEASURES``), the verdict, and of
    each frame looked at its number, its time and how bad it is: 0 good in everything, 1 for each measure that
    is at the end of what is fair. ``pictures`` are JPEG crops of some frames, by number."""

    path: Path
    outcomes: Mapping[str, Outcome]
    verdict: Verdict
    index: Sequence[int]
    seconds: Sequence[float]
    badness: Values
    pictures: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    def value(self, name: str) -> float | None:
        """What measure ``name`` says; ``None`` where it could not be had."""
        return self.outcomes[name].value

    def rate(self, name: str) -> Rate:
        """Whether that is good, fair or poor."""
        return MEASURES[name].rate(self.outcomes[name].value)

    def worst(self, most: int = 8, apart: int = 4) -> list[int]:
        """Numbers of the worst frames that there are pictures of, worst first, at least ``apart`` frames from
        each other."""
        order = sorted(range(len(self.index)), key=lambda i: (-self.badness[i], self.index[i]))
        chosen: list[int] = []
        for i in order:
            number = self.index[i]
            if number in self.pictures and all(abs(number - other) >= apart for other in chosen):
                chosen.append(number)
        return chosen[:most]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Results of one source, measured in the same way. ``pictures`` are JPEG crops of the source's face;
    ``people`` names everyone a face could be taken for."""

    source: Path
    results: Sequence[ResultEvaluation]
    people: Sequence[str]
    settings: EvaluateSettings
    described: int
    pictures: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Everything but the pictures, as JSON takes it: numbers that could not be had are ``null``."""
        return {
            "program": f"facedouble {__version__}",
            "source": str(self.source),
            "people": list(self.people),
            "frames_described": self.described,
            "results": [_result_as_json(result) for result in self.results],
        }


def evaluate(
    results: Sequence[Path],
    source: Path,
    target: Sequence[Path],
    settings: EvaluateSettings | None = None,
    *,
    faceset: Path | None = None,
    a: Sequence[Path] = (),
    gallery: Sequence[Path] = (),
    model: Path | None = None,
    listener: Listener = ignore,
) -> Evaluation:
    """Measure ``results``, clips or folders in which the faces of ``source`` were replaced by B's.

    ``target`` are facesets of B; ``faceset`` that of the source, which is extracted on the way if it is not
    given; ``a`` further facesets of A, ``gallery`` facesets of other people that a face could be taken for;
    ``model`` the model that made the swap, whose own measures are then taken too. Nothing is written. Raises
    ``InputError`` for files that cannot be read or do not belong together, ``ModelError`` for the model.
    """
    settings = settings or EvaluateSettings()
    if not results:
        raise InputError("no result to measure")
    if not target:
        raise InputError("no faceset of B, the face wanted")
    for path in (*results, source):
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    if faceset is None:
        with tempfile.TemporaryDirectory(prefix="facedouble-") as folder:
            found = Path(folder) / "faces"
            extract(source, found, ExtractSettings(), listener=listener)
            return evaluate(
                results,
                source,
                target,
                settings,
                faceset=found,
                a=a,
                gallery=gallery,
                model=model,
                listener=listener,
            )

    person_b = know("B", target, detail=True)
    person_a = know("A", [*a, faceset])
    others = [know(path.name, [path]) for path in gallery]
    others += strangers([person_a, person_b, *others])
    looked_for = plan(source, faceset, settings)
    restored: dict[str, Reconstruction] = {}
    pixels, coverage = 0, 1.0
    if model is not None:
        start = time.perf_counter()
        listener(StageStarted("model", None, "faces"))
        network, card = checkpoint.load(model, listener=listener)
        pixels, coverage = card.resolution, card.coverage
        restored["a"] = restore(network, coverage, "a", [*a, faceset], person_a)
        restored["b"] = restore(network, coverage, "b", target, person_b)
        count = sum(side.faces for side in restored.values())
        listener(StageFinished("model", time.perf_counter() - start, f"{count} faces restored"))

    observer, of_source = Observer(source, looked_for), look_at(source)
    shown = _shown(looked_for, settings)
    source_pictures: dict[int, bytes] = {}
    done = []
    for path in results:
        pictures: dict[int, bytes] = {}

        def keep(number: int, first: Image, second: Image, pictures: dict[int, bytes] = pictures) -> None:
            if number in shown:
                source_pictures.setdefault(number, _jpeg(first))
                pictures[number] = _jpeg(second)

        seen = observer.observe(path, keep, listener)
        evidence = Evidence(
            seen, person_a, person_b, tuple(others), look_at(path), of_source, restored, pixels, coverage
        )
        done.append(_measured(path, evidence, pictures))
    if len(looked_for.closely) < len(looked_for.faces):
        listener(
            Noted(
                f"identity and the picture outside the face were looked at in {len(looked_for.closely)} of "
                f"{len(looked_for.faces)} frames (--closely)"
            )
        )
    names = ["B", "A", *(person.name for person in others)]
    return Evaluation(source, done, names, settings, len(looked_for.closely), source_pictures)


def measure(evidence: Evidence) -> dict[str, Outcome]:
    """What every registered measure says, by name."""
    return {name: known.take(evidence) for name, known in MEASURES.items()}


def badness(outcomes: Mapping[str, Outcome], frames: int) -> Values:
    """How bad each frame is: the sum over the measures that judge frames, see ``Measure.badness``. Between
    frames that a measure looked at, its badness is interpolated."""
    total = np.zeros(frames)
    for name, outcome in outcomes.items():
        if MEASURES[name].judges_frames and outcome.series is not None:
            total += _filled(MEASURES[name].badness(outcome.series), outcome.series)
    return total


def _filled(values: Values, series: Values) -> Values:
    looked = ~np.isnan(series)
    if not looked.any():
        return np.zeros(len(values))
    places = np.arange(len(values))
    return np.interp(places, places[looked], values[looked])


def _measured(path: Path, evidence: Evidence, pictures: Mapping[int, bytes]) -> ResultEvaluation:
    seen: Seen = evidence.seen
    outcomes = measure(evidence)
    return ResultEvaluation(
        path,
        outcomes,
        judge(outcomes),
        seen.index.tolist(),
        seen.seconds.tolist(),
        badness(outcomes, len(seen)),
        pictures,
    )


def _shown(looked_for: Plan, settings: EvaluateSettings) -> frozenset[int]:
    """Numbers of the frames that are pictured."""
    order = sorted(looked_for.faces)
    places = np.linspace(0, len(order) - 1, min(settings.pictures, len(order)))
    return frozenset(order[round(float(place))] for place in places)


def _jpeg(image: Image) -> bytes:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return bytes(np.asarray(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]))


def _result_as_json(result: ResultEvaluation) -> dict[str, Any]:
    measures = {}
    for name, known in MEASURES.items():
        outcome = result.outcomes[name]
        measures[name] = {
            "title": known.title,
            "value": _number(outcome.value),
            "unit": known.unit,
            "better": known.better,
            "good": [_number(limit) for limit in known.good],
            "rate": result.rate(name),
        }
    series = {
        name: [_number(float(value)) for value in outcome.series]
        for name, outcome in result.outcomes.items()
        if outcome.series is not None
    }
    of_source = {
        name: [_number(float(value)) for value in outcome.of_source]
        for name, outcome in result.outcomes.items()
        if outcome.of_source is not None
    }
    return {
        "path": str(result.path),
        "verdict": {"rate": result.verdict.rate, "sentences": list(result.verdict.sentences)},
        "measures": measures,
        "frames": list(result.index),
        "seconds": [round(value, 4) for value in result.seconds],
        "badness": [_number(float(value)) for value in result.badness],
        "series": series,
        "source_series": of_source,
        "worst_frames": result.worst(),
    }


def _number(value: float | None) -> float | None:
    """A number as JSON has it: six digits that count, ``None`` for what is not finite."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
