import pytest

from facedouble.evaluation.measure import Outcome
from facedouble.evaluation.registry import MEASURES
from facedouble.evaluation.verdict import Verdict, judge


def verdict(**rates: str) -> Verdict:
    """The verdict where everything is good but for these measures."""
    outcomes = {}
    for name, known in MEASURES.items():
        outer = known.fair if rates.get(name) == "fair" else known.good
        value = outer[1] if known.better == "lower" else outer[0]
        if rates.get(name) == "poor":
            value = known.fair[1] + 1 if known.better == "lower" else known.fair[0] - 1
        if known.better == "between" and rates.get(name) != "poor":
            value = outer[0]
        outcomes[name] = Outcome(None if rates.get(name) == "unknown" else value)
    return judge(outcomes)


def test_all_good_is_good_and_says_what_is() -> None:
    found = verdict()
    assert found.rate == "good"
    assert MEASURES["distance_to_b"].praise.format("0.45") in found.sentences
    assert not [sentence for sentence in found.sentences if sentence.startswith("Fair")]


@pytest.mark.parametrize("name", [name for name, known in MEASURES.items() if known.group != "model"])
def test_one_fault_is_named_and_makes_it_poor(name: str) -> None:
    found = verdict(**{name: "poor"})
    assert found.rate == "poor"
    start = MEASURES[name].blame.split("{")[0]
    assert any(sentence.startswith(start) for sentence in found.sentences[1:])


def test_a_poor_model_is_told_but_what_it_made_is_judged_by_itself() -> None:
    found = verdict(resolution="poor")
    assert found.rate == "good"
    assert any("too small for the shot" in sentence for sentence in found.sentences)


def test_a_few_fair_measures_are_listed_and_many_make_it_fair() -> None:
    assert verdict(mouth="fair", flicker="fair").rate == "good"
    found = verdict(mouth="fair", flicker="fair", jitter="fair", seam_step="fair", seam_colour="fair")
    assert found.rate == "fair"
    (listed,) = [sentence for sentence in found.sentences if sentence.startswith("Fair")]
    assert listed.count("(") == 4


def test_what_several_measures_point_to() -> None:
    not_swapped = verdict(distance_to_b="poor", distance_to_a="poor", nearer_to_b="poor")
    assert "It looks as if the face has not been replaced at all." in not_swapped.sentences
    other_take = verdict(expression="poor", mouth="poor", pose="poor")
    assert any("not A's performance" in sentence for sentence in other_take.sentences)
    soft = verdict(octave_fine="fair", octave_middle="fair")
    assert any("lack of flicker means little" in sentence for sentence in soft.sentences)
    sliding = verdict(flicker="poor")
    assert any("slides across the head" in sentence for sentence in sliding.sentences)


def test_sharpened_is_said_of_too_much_coarse_and_too_little_fine_detail() -> None:
    levels = {"octave_fine": 0.9, "octave_middle": 1.5, "octave_coarse": 1.4}

    def said(**changed: float) -> bool:
        outcomes = {
            name: Outcome((levels | changed).get(name, known.good[0]), None)
            for name, known in MEASURES.items()
        }
        return any("sharpened rather than detailed" in sentence for sentence in judge(outcomes).sentences)

    assert said()
    assert not said(octave_fine=1.1)
    assert not said(octave_middle=0.6, octave_coarse=1.0)


def test_what_is_not_known_is_neither_praised_nor_blamed() -> None:
    found = verdict(mouth="unknown", eyes="unknown", gaze="unknown")
    assert found.rate == "good"
    assert not any(word in sentence for sentence in found.sentences for word in ("mouth", "Blinks", "—"))


SEEN = {
    # What was measured on the demonstration's clip, and what the eye says of it at full size: the face with
    # real detail is whole; sharpened, its skin is blocks and its lips are torn; unsharpened it is soft; one
    # half of the mouth slipped by 6% of the eye distance; a third of A shines through.
    "real": ("good", (1.14, 1.14, 1.09, 0.82, 0.46, 0.81)),
    "sharpened": ("poor", (0.92, 1.56, 1.36, 1.29, 0.67, 1.87)),
    "soft": ("poor", (0.28, 0.62, 0.87, 1.15, 0.63, 1.60)),
    "torn": ("poor", (1.16, 1.13, 1.09, 1.56, 0.45, 1.32)),
    "ghost": ("poor", (0.64, 0.73, 0.84, 0.87, 0.54, 1.65)),
}
TEXTURE = (
    "octave_fine",
    "octave_middle",
    "octave_coarse",
    "coherence_mouth",
    "coherence_eyes",
    "coherence_skin",
)


@pytest.mark.parametrize("clip", SEEN)
def test_the_verdict_says_what_the_eye_says_where_all_else_is_good(clip: str) -> None:
    rate, seen = SEEN[clip]
    values = dict(zip(TEXTURE, seen, strict=True))
    outcomes = {
        name: Outcome(values.get(name, known.good[1] if known.better == "lower" else known.good[0]))
        for name, known in MEASURES.items()
    }
    assert judge(outcomes).rate == rate
