"""Which references are chosen for a track."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from facedouble.conversion.detail import matching


def cost_of(course: tuple[int, ...], cost: np.ndarray, price: float) -> float:
    changes = sum(a != b for a, b in pairwise(course))
    return float(cost[np.arange(len(course)), list(course)].sum() + price * changes)


@pytest.mark.parametrize("price", [0.0, 0.3, 2.0])
def test_no_other_course_costs_less(price: float) -> None:
    cost = np.random.default_rng(0).random((6, 4)).astype(np.float32)
    found = matching.best_course(cost, price)
    best = min(cost_of(course, cost, price) for course in product(range(4), repeat=6))
    assert cost_of(tuple(found), cost, price) == pytest.approx(best, abs=1e-5)


def test_a_high_price_keeps_one_reference_and_none_takes_the_nearest_each_time() -> None:
    cost = np.random.default_rng(1).random((30, 5)).astype(np.float32)
    assert len(set(matching.best_course(cost, 100.0))) == 1
    assert np.array_equal(matching.best_course(cost, 0.0), cost.argmin(axis=1))


def test_changes_are_faded_and_shares_sum_to_one() -> None:
    weights = matching.course_weights(np.array([3] * 10 + [7] * 10))
    assert weights[0] == {3: 1.0}
    assert weights[19] == {7: 1.0}
    assert 0.3 < weights[9][7] < weights[10][7] < 0.7
    assert all(sum(shares.values()) == pytest.approx(1) for shares in weights)


def test_the_same_picture_is_nearest_and_only_its_region_counts() -> None:
    random = np.random.default_rng(2)
    pictures = [random.random((96, 96, 3)).astype(np.float32) for _ in range(4)]
    masks = np.zeros((2, 96, 96), np.float32)
    masks[0, :48], masks[1, 48:] = 1, 1
    mixed = np.vstack([pictures[1][:48], pictures[2][48:]])

    def features(some: list[np.ndarray]) -> list[np.ndarray]:
        return matching.picture_features(np.stack([matching.blurred(one) for one in some]), masks)

    for k, expected in enumerate((1, 2)):
        known = features(pictures)[k]
        found = matching.distances(features([mixed])[k], known)
        assert int(found.argmin()) == expected


def test_shapes_are_compared_wherever_they_lie() -> None:
    shape = np.random.default_rng(3).random((1, 10, 2)).astype(np.float32)
    one, other = matching.shape_features(np.concatenate([shape, shape + 0.2]), [tuple(range(10))])[0]
    assert np.allclose(one, other, atol=1e-6)
    moved = shape.copy()
    moved[0, 0] += (0.3, 0.0)
    apart = matching.distances(
        matching.shape_features(shape, [tuple(range(10))])[0],
        matching.shape_features(moved, [tuple(range(10))])[0],
    )
    # One point of ten moved by 0.3, less what moves the centre.
    assert apart[0, 0] == pytest.approx(0.3 * np.sqrt(0.1 * 0.9), abs=1e-5)


def test_what_is_no_nearer_than_any_other_is_not_used() -> None:
    assert np.allclose(matching.strength(np.full(9, 0.8)), 1)
    assert np.allclose(matching.strength(np.full(9, 1.7)), 0)
    fading = matching.strength(np.linspace(0.5, 2.2, 40))
    assert (np.diff(fading) <= 1e-6).all()
    assert matching.usual_distance(np.eye(3, dtype=np.float32)) == pytest.approx(np.sqrt(2))
