"""The verdict: a rule-based summary of the measures in a few sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from facedouble.evaluation.measure import GROUPS, Outcome, Rating
from facedouble.evaluation.registry import MEASURES, title

_JUDGED = [group for group in GROUPS if group != "model"]
"""All but the model, which is a cause and not a visible fault."""

_MAX_BLAMES = 2  # sentences per group
_MAX_FAIR = 4
_SHARPENED = 1.5  # times as much coarse detail as fine
_HEADLINES: dict[Rating, str] = {
    "good": "A good swap: no measure is far out of its good range.",
    "fair": "A usable swap with faults.",
    "poor": "Not a good swap yet.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rating of the whole, and the sentences, most important first."""

    rate: Rating
    sentences: tuple[str, ...]


def judge(outcomes: Mapping[str, Outcome], judges: str = "") -> Verdict:
    """The verdict on a result, from the outcomes of all measures by name. ``judges`` is a sentence on whose
    landmarks they are.

    It is poor if anything that a viewer sees or hears is poor, and fair if more than three measures are only
    fair. Faults come first, group by group, then what could be better, then what is good.
    """
    rates = {name: MEASURES[name].rate(outcome.value) for name, outcome in outcomes.items()}
    judged = [rates[name] for name in outcomes if MEASURES[name].group in _JUDGED]
    rate: Rating = "poor" if "poor" in judged else "fair" if judged.count("fair") > 3 else "good"
    sentences = [_HEADLINES[rate], *_suspicions(outcomes, rates)]
    for group in GROUPS:
        poor = [name for name in outcomes if MEASURES[name].group == group and rates[name] == "poor"]
        sentences += [_says(name, outcomes, blame=True) for name in poor[:_MAX_BLAMES]]
    fair = [name for name in outcomes if rates[name] == "fair"]
    fair.sort(key=lambda name: -_badness(name, outcomes))
    if fair:
        parts = [
            f"{title(name)} ({MEASURES[name].describe(outcomes[name].value)})" for name in fair[:_MAX_FAIR]
        ]
        sentences.append(f"Fair, and could be better: {', '.join(parts)}.")
    sentences += _praises(outcomes, rates)
    if judges:
        sentences.append(judges)
    return Verdict(rate, tuple(sentences))


def _suspicions(outcomes: Mapping[str, Outcome], rates: Mapping[str, Rating]) -> Iterator[str]:
    """What several measures together suggest."""
    follows = [name for name in ("expression", "mouth", "pose") if rates[name] != "unknown"]
    if rates["distance_to_b"] == "poor" and rates["distance_to_a"] == "poor":
        yield "It looks as if the face has not been replaced at all."
    elif rates["distance_to_b"] == "good" and follows and all(rates[name] == "poor" for name in follows):
        yield (
            "This is B, but not A's performance: B's own footage, another take, or frames in the wrong order."
        )
    fine, middle = (_level(name, outcomes) for name in ("octave_fine", "octave_middle"))
    if rates["flicker"] == "good" and fine < 0 and middle < 0:
        yield "The face is soft, so the lack of flicker means little."
    if _sharpened(*(outcomes[name].value for name in ("octave_fine", "octave_middle", "octave_coarse"))):
        yield "The face is sharpened rather than detailed: too much coarse detail, too little fine."
    if rates["flicker_own"] == "good" and rates["flicker"] in ("fair", "poor"):
        yield "What flickers moves: the new face slides across the head rather than coming and going."


def _sharpened(fine: float | None, middle: float | None, coarse: float | None) -> bool:
    """Whether there is too much coarse detail, and much less of the finest."""
    if fine is None or middle is None or coarse is None:
        return False
    most = max(middle, coarse)
    return most > MEASURES["octave_middle"].good[1] and fine < most / _SHARPENED


def _level(name: str, outcomes: Mapping[str, Outcome]) -> int:
    """-1 for a value below the good range, 1 for one above it, 0 for any other."""
    value, (low, high) = outcomes[name].value, MEASURES[name].good
    return 0 if value is None else int(value > high) - int(value < low)


def _praises(outcomes: Mapping[str, Outcome], rates: Mapping[str, Rating]) -> Iterator[str]:
    """For each group without a poor measure, the praise of its first good one."""
    for group in _JUDGED:
        names = [name for name in outcomes if MEASURES[name].group == group]
        good = [name for name in names if rates[name] == "good"]
        if good and not any(rates[name] == "poor" for name in names):
            yield _says(good[0], outcomes, blame=False)


def _badness(name: str, outcomes: Mapping[str, Outcome]) -> float:
    return float(MEASURES[name].badness(np.array([outcomes[name].value], dtype=np.float64))[0])


def _says(name: str, outcomes: Mapping[str, Outcome], *, blame: bool) -> str:
    measure = MEASURES[name]
    return (measure.blame if blame else measure.praise).format(measure.describe(outcomes[name].value))
