"""Lids and brows go where the performer has them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facedouble.conversion.retargeting import bend_face, eye_openings, neutral_of, retargeted
from facedouble.faces.registry import LANDMARK_SCHEMES


@pytest.fixture(params=list(LANDMARK_SCHEMES))
def scheme(request: pytest.FixtureRequest):
    return LANDMARK_SCHEMES[request.param]


def in_view(scheme, *, squint: float = 1.0, brows: float = 0.0) -> np.ndarray:
    """Landmarks (1, P, 2) of a face with its lids closed to ``squint`` of the usual and its brows lowered."""
    points = ((scheme.mean_shape - 0.15) / 0.7).astype(np.float64)
    for eye in scheme.regions.eyes:
        lids = list(eye.contour)
        line = points[list(eye.opening.corners), 1].mean()
        points[lids, 1] = line + squint * (points[lids, 1] - line)
    points[list(scheme.regions.brows), 1] += brows
    return points[None].astype(np.float32)


def test_a_squint_that_was_not_drawn_is_wanted(scheme) -> None:
    usual = neutral_of(in_view(scheme), scheme)
    drawn, performer = in_view(scheme), in_view(scheme, squint=0.4)
    target = retargeted(drawn, performer, usual, usual, scheme)
    assert eye_openings(target, scheme) == pytest.approx(eye_openings(performer, scheme), rel=0.08)
    moved = np.abs(target - drawn).max(axis=(0, 2)) > 1e-6
    allowed = {*scheme.regions.brows, *(point for eye in scheme.regions.eyes for point in eye.contour)}
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
