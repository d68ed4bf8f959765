"""Lids, irises and brows go where the performer has them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facedouble.conversion.retargeting import (
    bend_face,
    eye_openings,
    gaze,
    neutral_of,
    retargeted,
)
from facedouble.faces.registry import LANDMARK_SCHEMES


@pytest.fixture(params=list(LANDMARK_SCHEMES))
def scheme(request: pytest.FixtureRequest):
    return LANDMARK_SCHEMES[request.param]


def in_view(scheme, *, squint: float = 1.0, brows: float = 0.0, look: float = 0.0) -> np.ndarray:
    """Landmarks (1, P, 2) of a face with its lids closed to ``squint`` of the usual, its brows lowered and
    its irises moved to the right."""
    points = ((scheme.mean_shape - 0.15) / 0.7).astype(np.float64)
    for eye in scheme.regions.eyes:
        lids = list(eye.contour)
        line = points[list(eye.opening.corners), 1].mean()
        points[lids, 1] = line + squint * (points[lids, 1] - line)
        points[list(eye.iris), 0] += look
    points[list(scheme.regions.brows), 1] += brows
    return points[None].astype(np.float32)


def test_a_squint_that_was_not_drawn_is_wanted(scheme) -> None:
    usual = neutral_of(in_view(scheme), scheme)
    drawn, performer = in_view(scheme), in_view(scheme, squint=0.4)
    target = retargeted(drawn, performer, usual, usual, scheme)
    opening, wanted = eye_openings(target, scheme), eye_openings(performer, scheme)
    assert (opening < wanted).all(), "what is measured of a shut eye is not open"
    assert opening == pytest.approx(wanted, abs=0.04)
    moved = np.abs(target - drawn).max(axis=(0, 2)) > 1e-6
    eyes = [point for eye in scheme.regions.eyes for point in (*eye.contour, *eye.iris)]
    allowed = {*scheme.regions.brows, *eyes}
    assert set(np.nonzero(moved)[0].tolist()) <= allowed


def test_shut_eyes_shut(scheme) -> None:
    usual = neutral_of(in_view(scheme), scheme)
    target = retargeted(in_view(scheme), in_view(scheme, squint=0.0), usual, usual, scheme)
    assert eye_openings(target, scheme).max() < 0.03


def test_what_the_performer_does_already_moves_nothing(scheme) -> None:
    drawn = in_view(scheme, squint=0.7, brows=0.01)
    usual = neutral_of(in_view(scheme), scheme)
    assert np.allclose(retargeted(drawn, drawn, usual, usual, scheme), drawn, atol=1e-4)


def test_brows_follow_and_never_far(scheme) -> None:
    usual, drawn = neutral_of(in_view(scheme), scheme), in_view(scheme)
    brows = list(scheme.regions.brows)
    for lowered, expected in ((0.02, 0.02), (0.3, 0.05)):
        target = retargeted(drawn, in_view(scheme, brows=lowered), usual, usual, scheme)
        assert np.allclose((target - drawn)[0, brows, 1], expected, atol=1e-3)


def test_irises_look_where_the_performer_looks(scheme) -> None:
    usual, drawn = neutral_of(in_view(scheme), scheme), in_view(scheme)
    for look, expected in ((0.01, 0.01), (0.3, 0.12)):
        performer = in_view(scheme, look=look)
        moved = gaze(retargeted(drawn, performer, usual, usual, scheme), scheme) - gaze(drawn, scheme)
        left, right = scheme.regions.eyes[0].opening.corners
        width = np.linalg.norm(drawn[0, right] - drawn[0, left])
        seen = min(expected / float(width), 0.12) if scheme.regions.eyes[0].iris else 0.0
        assert moved[..., 0] == pytest.approx(seen, abs=1e-3)
        assert moved[..., 1] == pytest.approx(0, abs=0.04), "along the line of the corners"


def test_a_bent_iris_moves_within_the_eye(scheme) -> None:
    if not scheme.regions.eyes[0].iris:
        pytest.skip("no irises")
    size = 384
    drawn = in_view(scheme)[0]
    target = drawn.copy()
    picture = np.ones((size, size, 3), np.float32)
    for eye in scheme.regions.eyes:
        target[list(eye.iris), 0] += 0.008  # of the side
        centre = drawn[eye.iris[0]] * size - 0.5
        radius = round(float(np.linalg.norm(drawn[eye.iris[1]] - drawn[eye.iris[0]])) * size)
        cv2.circle(picture, centre.round().astype(int).tolist(), radius, (0.0, 0.0, 0.0), -1)
    bent = bend_face(picture, drawn, target, scheme)

    row = round(float(drawn[[eye.iris[0] for eye in scheme.regions.eyes], 1].mean()) * size - 0.5)

    def middle(image: np.ndarray) -> float:
        return float(np.nonzero(image[row].mean(axis=1) < 0.5)[0].mean())

    assert middle(bent) - middle(picture) == pytest.approx(0.008 * size, abs=0.8)


def test_lids_slide_over_the_eyeball(scheme) -> None:
    """Skin is red, the eyeball has a black disc on white. Half shut, the disc keeps its width and is covered
    from above."""
    size = 384
    drawn, shut = in_view(scheme)[0], in_view(scheme, squint=0.5)[0]
    picture = np.zeros((size, size, 3), np.float32) + np.array([0.8, 0.3, 0.2], np.float32)
    for eye in scheme.regions.eyes:
        contour = np.round(drawn[list(eye.contour)] * size - 0.5).astype(np.int32)
        cv2.fillPoly(picture, [contour], (1.0, 1.0, 1.0))
        centre = contour.mean(axis=0).round().astype(int)
        cv2.circle(picture, centre.tolist(), 5, (0.0, 0.0, 0.0), -1)
    bent = bend_face(picture, drawn, shut, scheme)
    for eye in scheme.regions.eyes:
        left, top = np.floor(drawn[list(eye.contour)].min(axis=0) * size).astype(int) - 4
        right, bottom = np.ceil(drawn[list(eye.contour)].max(axis=0) * size).astype(int) + 4
        before, after = picture[top:bottom, left:right], bent[top:bottom, left:right]
        blue_before, blue_after = before[..., 2] > 0.6, after[..., 2] > 0.6  # white of the eye
        assert blue_after.sum() < 0.75 * blue_before.sum()
        dark_before, dark_after = before.max(axis=2) < 0.3, after.max(axis=2) < 0.3
        assert np.ptp(np.nonzero(dark_after)[1]) == pytest.approx(np.ptp(np.nonzero(dark_before)[1]), abs=2)
    outside = slice(int(0.75 * size), None)
    assert np.abs(bent[outside] - picture[outside]).max() < 0.02


def test_shut_lids_cover_the_eye_and_nothing_folds(scheme) -> None:
    size = 384
    drawn = in_view(scheme)[0]
    usual = neutral_of(drawn[None], scheme)
    shut = retargeted(drawn[None], in_view(scheme, squint=0.0), usual, usual, scheme)[0]
    rows = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    picture = np.concatenate([np.broadcast_to(rows, (size, size, 2)), np.zeros((size, size, 1))], axis=2)
    picture = np.ascontiguousarray(picture, dtype=np.float32)
    for eye in scheme.regions.eyes:
        contour = np.round(drawn[list(eye.contour)] * size - 0.5).astype(np.int32)
        eyeball = cv2.fillPoly(np.zeros((size, size), np.float32), [contour], 1.0)
        picture[..., 2] = np.maximum(picture[..., 2], eyeball)  # blue
    bent = bend_face(picture, drawn, shut, scheme)
    assert (bent[..., 2] > 0.5).sum() < 0.12 * (picture[..., 2] > 0.5).sum()
    skin = bent[..., 2] < 0.05
    falls = np.diff(bent[..., 0], axis=0) < -0.02  # skin stays in order, from brow to cheek
    assert not (falls & skin[1:] & skin[:-1]).any()
