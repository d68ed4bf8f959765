"""Arrays that were read from a file."""

from __future__ import annotations

import numpy as np
import pytest

from facedouble.array_checks import check_arrays

GOOD: dict[str, np.ndarray] = {"points": np.zeros((3, 5, 2), np.float32), "numbers": np.zeros(3, np.int64)}
SHAPES = {"points": ("float32", (3, -1, 2)), "numbers": ("int64", (3,))}


def test_arrays_as_expected_pass() -> None:
    check_arrays(GOOD, SHAPES)
    unknown = {**GOOD, "points": np.full((3, 5, 2), np.nan, np.float32)}
    check_arrays(unknown, SHAPES, may_be_nan=("points",))


@pytest.mark.parametrize(
    "bad",
    [
        {"points": np.zeros((3, 5, 2), np.float64)},
        {"points": np.zeros((2, 5, 2), np.float32)},
        {"points": np.zeros((3, 10), np.float32)},
        {"points": np.full((3, 5, 2), np.nan, np.float32)},
        {"numbers": np.zeros((3, 1), np.int64)},
    ],
)
def test_others_are_refused_by_name(bad: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        check_arrays({**GOOD, **bad}, SHAPES)


def test_a_missing_one_and_infinite_values_are_refused() -> None:
    with pytest.raises(ValueError, match="numbers"):
        check_arrays({"points": GOOD["points"]}, SHAPES)
    infinite = {**GOOD, "points": np.full((3, 5, 2), np.inf, np.float32)}
    with pytest.raises(ValueError, match="points"):
        check_arrays(infinite, SHAPES, may_be_nan=("points",))
