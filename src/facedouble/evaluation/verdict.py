"""The verdict: what the measures come to, in a few plain sentences, made by rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from facedouble.evaluation.measures import MEASURES
from facedouble.evaluation.rating import GROUPS, Outcome, Rate

_JUDGED = [group for group in GROUPS if group != "model"]
"""The model is a cause, not a fault one can see."""

_MOST_BLAMES = 2  # sentences of one group
_MOST_FAIR = 4
_HEADLINES: dict[Rate, str] = {
    "good": "A good swap: nothing measured is out of the good range by much.",
    "fair": "A usable swap with faults.",
    "poor": "Not a good swap yet.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``rate`` of the whole and the sentences, the most important first."""

    rate: Rate
    sentences: tuple[str, ...]


def judge(outcomes: Mapping[str, Outcome]) -> Verdict:
    """The verdict on a result from what every measure says of it.

    It is poor where anything a viewer sees or hears is poor, and fair where more than three measures are
    no more than fair. Faults come first, group by group, then what could be better, then what is good.
    """
    rates = {name: MEASURES[name].rate(outcome.value) for name, outcome in outcomes.items()}
    judged = [rates[name] for name in outcomes if MEASURES[name].group in _JUDGED]
    rate: Rate = "poor" if "poor" in judged else "fair" if judged.count("fair") > 3 else "good"
    sentences = [_HEADLINES[rate], *_suspicions(outcomes, rates)]
    for group in GROUPS:
        poor = [name for name in outcomes if MEASURES[name].group == group and rates[name] == "poor"]
        sentences += [_says(name, outcomes, blame=True) for name in poor[:_MOST_BLAMES]]
    fair = [name for name in outcomes if rates[name] == "fair"]
    fair.sort(key=lambda name: -_badness(name, outcomes))
    if fair:
        parts = [
            f"{MEASURES[name].title} ({MEASURES[name].describe(outcomes[name].value)})"
            for name in fair[:_MOST_FAIR]
        ]
        sentences.append(f"Fair, and could be better: {', '.join(parts)}.")
    sentences += _praises(outcomes, rates)
    return Verdict(rate, tuple(sentences))


def _suspicions(outcomes: Mapping[str, Outcome], rates: Mapping[str, Rate]) -> Iterator[str]:
    """What several measures together point to."""
    follows = [name for name in ("expression", "mouth", "pose") if rates[name] != "unknown"]
    if rates["distance_to_b"] == "poor" and rates["distance_to_a"] == "poor":
        yield "It looks as if the face had not been replaced at all."
    elif rates["distance_to_b"] == "good" and follows and all(rates[name] == "poor" for name in follows):
        yield (
            "This is B, but not A's performance: B's own footage, another take, or frames out of their order."
        )
    low = MEASURES["sharpness"].good[0]
    sharpness = outcomes["sharpness"].value
    if rates["flicker"] == "good" and sharpness is not None and sharpness < low:
        yield "The face is soft, so that it does not flicker says little."


def _praises(outcomes: Mapping[str, Outcome], rates: Mapping[str, Rate]) -> Iterator[str]:
    """One sentence of each group that has nothing poor: what its first good measure says."""
    for group in _JUDGED:
        names = [name for name in outcomes if MEASURES[name].group == group]
        good = [name for name in names if rates[name] == "good"]
        if good and not any(rates[name] == "poor" for name in names):
            yield _says(good[0], outcomes, blame=False)


def _badness(name: str, outcomes: Mapping[str, Outcome]) -> float:
    return float(MEASURES[name].badness(np.array([outcomes[name].value], dtype=np.float64))[0])


def _says(name: str, outcomes: Mapping[str, Outcome], *, blame: bool) -> str:
    known = MEASURES[name]
    return (known.blame if blame else known.praise).format(known.describe(outcomes[name].value))
