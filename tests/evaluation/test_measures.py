"""Every measure moves the right way on results whose fault is known."""

import inspect
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facedouble.evaluation.measure import GROUPS
from facedouble.evaluation.registry import MEASURES, title
from facedouble.evaluation.result import ResultEvaluation

from .conftest import number

Measured = Callable[[str], ResultEvaluation]


@pytest.mark.parametrize("name", MEASURES)
def test_contract_of_every_measure(name: str) -> None:
    known = MEASURES[name]
    assert title(name)
    assert known.group in GROUPS
    assert known.better in ("lower", "higher", "between")
    assert known.fair[0] <= known.good[0] <= known.good[1] <= known.fair[1]
    if known.better == "lower":
        assert known.good[0] == 0
        assert math.isfinite(known.good[1])
    if known.better == "higher":
        assert math.isfinite(known.good[0])
    docs = known.compute.__doc__
    assert docs is not None
    assert "good" in docs or "The same" in docs or "Whether" in docs
    assert known.praise.endswith(".")
    assert known.blame.endswith(".")
    assert known.rate(None) == known.rate(math.nan) == "unknown"
    inside = known.good[0] if math.isfinite(known.good[0]) else known.good[1]
    assert known.rate(inside) == "good"
    assert known.describe(inside) != known.describe(None) == "—"
    assert known.describe_good()
    values = np.array([inside, math.nan])
    assert known.badness(values).tolist() == [0, 0]


@pytest.mark.parametrize("name", [name for name, known in MEASURES.items() if known.per_frame])
def test_badness_is_1_where_fair_ends(name: str) -> None:
    known = MEASURES[name]
    ends = [(g, f) for g, f in zip(known.good, known.fair, strict=True) if g != f and math.isfinite(f)]
    assert ends
    for good, fair in ends:
        values = known.badness(np.array([good, (good + fair) / 2, fair]))
        assert values == pytest.approx([0, 0.5, 1])


def values(result: ResultEvaluation) -> dict[str, float | None]:
    return {name: result.value(name) for name in MEASURES}


def test_a_source_held_against_itself_differs_nowhere(measured: Measured) -> None:
    """Encoded anew, as a result would be: all but who it is must be good."""
    found = measured("encoded")
    wanted = {name for name, known in MEASURES.items() if known.group not in ("identity", "model")}
    wanted -= {"resolution"}
    wanted -= {
        name for name in wanted if name.startswith(("octave", "coherence"))
    }  # they ask whether it is B
    assert {name for name in wanted if found.rate(name) not in ("good", "unknown")} == set()
    assert number(found, "distance_to_a") < 0.4 < 0.6 < number(found, "distance_to_b")
    assert found.value("nearer_to_b") == found.value("retrieval") == 0
    assert number(found, "mouth") > 0.95
    assert (found.value("frame_count"), found.value("sound"), found.value("tags")) == (0, 1, 1)
    assert found.value("sharpness_around") == pytest.approx(1, abs=0.15)
    for name in ("octave_fine", "octave_middle", "octave_coarse"):
        assert found.outcomes[name].beside["of the source's face"] == pytest.approx(1, abs=0.2)
    assert found.rate("coherence_skin") == "poor"
    assert found.value("flicker") == pytest.approx(1, abs=0.15)
    assert "not been replaced" in " ".join(found.verdict.sentences)


def test_the_targets_own_clip_is_b_but_not_the_performance(measured: Measured) -> None:
    found, same = measured("b"), measured("encoded")
    assert found.value("nearer_to_b") == found.value("retrieval") == 1
    assert number(found, "distance_to_b") < 0.35
    assert number(found, "distance_to_a") > 0.6
    for name in ("octave_fine", "octave_middle", "octave_coarse"):
        assert found.outcomes[name].beside["of B's real faces"] == pytest.approx(1, abs=0.4)
    for name in ("coherence_mouth", "coherence_eyes", "coherence_skin"):
        assert number(found, name) < 0.5 < number(same, name)
    assert number(found, "expression") > 3 * number(same, "expression")
    assert number(found, "mouth") < 0.7
    assert number(found, "pose") > number(same, "pose") + 1
    assert number(found, "psnr_outside") < 30
    assert number(found, "ssim_outside") < 0.9
    assert found.verdict.rate == "poor"


@pytest.mark.parametrize(
    ("fault", "worse"),
    [
        ("blurred", ["octave_fine", "octave_middle", "sharpness_around"]),
        ("shaken", ["jitter", "flicker"]),
        ("shifted", ["place"]),
        ("cast", ["seam_colour"]),
        ("flashing", ["flicker", "flicker_own", "colour_drift"]),
        ("shuffled", ["mouth", "eyes", "expression", "jitter", "flicker", "pose"]),
        ("pasted", ["seam_step", "seam_colour"]),
        ("noisy", ["psnr_outside", "ssim_outside"]),
        ("turned", ["pose_offset"]),
    ],
)
def test_a_fault_is_found_by_the_measures_that_are_for_it(
    measured: Measured, fault: str, worse: list[str]
) -> None:
    found, same = measured(fault), measured("encoded")
    for name in worse:
        known = MEASURES[name]
        before, after = (np.array([result.value(name)], dtype=float) for result in (same, found))
        assert known.badness(after)[0] > known.badness(before)[0], f"{name}: {before} to {after}"
        assert found.rate(name) in ("fair", "poor"), f"{name}: {after}"


@pytest.mark.parametrize("fault", ["blurred", "shaken", "cast", "flashing", "pasted"])
def test_what_is_outside_the_face_is_not_blamed_for_the_face(measured: Measured, fault: str) -> None:
    found = measured(fault)
    assert found.rate("psnr_outside") == found.rate("ssim_outside") == found.rate("frame_count") == "good"


def test_a_constant_cast_is_no_drift_and_a_blurred_face_does_not_flicker(measured: Measured) -> None:
    assert measured("cast").rate("colour_drift") == "good"
    assert number(measured("blurred"), "flicker") < number(measured("encoded"), "flicker")


def test_a_turned_head_is_turned_all_the_time(measured: Measured) -> None:
    assert measured("turned").value("pose_offset") == pytest.approx(8, abs=2.5)
    assert number(measured("turned"), "pose") < 3


def test_a_shaken_frame_is_among_the_worst(measured: Measured) -> None:
    found = measured("flashing")
    drift = found.outcomes["colour_drift"].series
    assert drift is not None
    worst = found.index[int(np.argmax(drift))]
    assert any(abs(worst - number) <= 4 for number in found.worst_frames(3))


def test_the_documentation_lists_every_measure_as_it_is() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "evaluation.md").read_text(encoding="utf-8")
    for name, known in MEASURES.items():
        explained = " ".join((inspect.getdoc(known.compute) or "").replace("``", "`").split())
        mark = " •" if known.per_frame else ""
        assert f"| {title(name)}{mark} | {known.describe_good()} | {explained} |" in page
