"""Groups of points, and moving them."""

import numpy as np
import pytest

from facedouble.editing.groups import outlines, point_groups
from facedouble.editing.moving import check_similarity, following, moved_points
from facedouble.errors import InputError
from facedouble.faces.registry import LANDMARK_SCHEMES
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.types import Alignment, Landmarks
from tests.faces.schemes.sparse import SPARSE


@pytest.fixture(params=sorted(LANDMARK_SCHEMES))
def scheme(request: pytest.FixtureRequest) -> LandmarkScheme:
    return LANDMARK_SCHEMES[request.param]


def face(scheme: LandmarkScheme) -> Landmarks:
    """The mean face on a frame, a little turned."""
    turn = np.array([[0.98, -0.17], [0.17, 0.98]]) * 200
    return (scheme.mean_shape @ turn.T + (40, 30)).astype(np.float32)


def similarity(scale: float, degrees: float, x: float = 0.0, y: float = 0.0) -> Alignment:
    angle = np.deg2rad(degrees)
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[a, -b, x], [b, a, y]])


def test_groups_are_of_points_that_are_shown(scheme: LandmarkScheme) -> None:
    groups = point_groups(scheme)
    shown = set(scheme.regions.points)
    assert all(set(group) <= shown for group in groups.values())
    assert set(groups["face"]) == shown
    assert set(groups["brows"]) == set(groups["right_brow"]) | set(groups["left_brow"])
    for points, _ in outlines(scheme).values():
        assert set(points) <= shown


def test_the_upper_lid_lies_above_the_lower_one(scheme: LandmarkScheme) -> None:
    groups = point_groups(scheme)
    for side in ("right", "left"):
        upper, lower = groups[f"{side}_upper_lid"], groups[f"{side}_lower_lid"]
        assert not set(upper) & set(lower)
        heights = [scheme.mean_shape[list(lid), 1].mean() for lid in (upper, lower)]
        assert heights[0] < heights[1]
        eye = scheme.regions.right_eye if side == "right" else scheme.regions.left_eye
        assert set(upper) | set(lower) | set(eye.opening.corners) == set(eye.contour)


def test_the_whole_face_goes_where_it_is_taken(scheme: LandmarkScheme) -> None:
    before, move = face(scheme), similarity(1.2, 15, 30, -12)
    after = moved_points(before, scheme.regions.points, move, scheme)
    expected = before @ move[:, :2].T + move[:, 2]
    assert np.abs(after - expected).max() < 0.05


def test_one_point_moves_and_the_other_shown_ones_stay(scheme: LandmarkScheme) -> None:
    before = face(scheme)
    point = scheme.regions.right_brow[2]
    after = moved_points(before, [point], similarity(1, 0, 4, -6), scheme)
    shift = np.linalg.norm(after - before, axis=1)
    assert after[point] - before[point] == pytest.approx((4, -6), abs=1e-3)
    others = [i for i in scheme.regions.points if i != point]
    assert shift[others].max() == 0
    away = np.linalg.norm(before - before[point], axis=1) > 70
    assert shift[away].max() < 0.8, "far from it nothing moves"


def test_what_is_missing_stays_missing() -> None:
    before = face(SPARSE)
    before[sorted(SPARSE.optional)] = np.nan
    after = moved_points(before, SPARSE.regions.jaw, similarity(1, 0, 5, 0), SPARSE)
    assert np.isnan(after).any(axis=1).tolist() == np.isnan(before).any(axis=1).tolist()
    assert not np.array_equal(after, before, equal_nan=True)


def test_nothing_moved_changes_nothing(scheme: LandmarkScheme) -> None:
    before = face(scheme)
    assert np.array_equal(following(before, before[list(scheme.regions.points)], scheme), before)


def test_points_that_are_not_there(scheme: LandmarkScheme) -> None:
    for chosen in ([], [-1], [scheme.count], [10**9]):
        with pytest.raises(InputError, match="no such point"):
            moved_points(face(scheme), chosen, np.eye(2, 3), scheme)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1, 0, 0]],
        [[1, 0], [0, 1]],
        [[1, 0, np.inf], [0, 1, 0]],
        [[1, 0, np.nan], [0, 1, 0]],
        [[0, 0, 0], [0, 0, 0]],
        [[1, 0, 0], [0, -1, 0]],
        [[1, 0, 0], [0, 2, 0]],
        [[1e-9, 0, 0], [0, 1e-9, 0]],
        [[1, 0, 1e9], [0, 1, 0]],
    ],
)
def test_what_is_no_move(matrix: list[list[float]]) -> None:
    with pytest.raises(InputError, match="a move"):
        check_similarity(matrix)
    assert np.array_equal(check_similarity([[0, -2, 1], [2, 0, 1]]), [[0, -2, 1], [2, 0, 1]])
