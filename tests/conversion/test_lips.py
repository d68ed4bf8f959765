"""Lips go where the performer has them, and keep their thickness."""

from __future__ import annotations

import numpy as np
import pytest

from facedouble.conversion.lips import bend_lips, mouth_gaps, with_lips_of
from facedouble.faces.registry import LANDMARK_SCHEMES


@pytest.fixture(params=list(LANDMARK_SCHEMES))
def scheme(request: pytest.FixtureRequest):
    return LANDMARK_SCHEMES[request.param]


def in_view(scheme, *, opened: float = 0.0) -> np.ndarray:
    """Landmarks (P, 2) of a face whose lower lip is lowered."""
    points = ((scheme.mean_shape - 0.15) / 0.7).astype(np.float32)
    points[[lower for _, lower in scheme.regions.mouth.pairs], 1] += opened
    return points


def opening(landmarks: np.ndarray, scheme) -> np.ndarray:
    gap, width = mouth_gaps(landmarks, scheme)
    return gap / width


@pytest.mark.parametrize(("drawn", "performer"), [(0.0, 0.03), (0.03, 0.01), (0.02, 0.02)])
def test_a_mouth_opens_and_shuts_as_far_as_the_performers(scheme, drawn: float, performer: float) -> None:
    of_drawn, of_performer = (in_view(scheme, opened=by)[None] for by in (drawn, performer))
    target = with_lips_of(of_performer, of_drawn, scheme)
    assert opening(target, scheme) == pytest.approx(opening(of_performer, scheme), abs=0.03)
    moved = np.abs(target - of_drawn).max(axis=(0, 2)) > 1e-6
    assert set(np.nonzero(moved)[0].tolist()) <= set(scheme.regions.lips)


def test_lips_are_never_moved_far(scheme) -> None:
    moved = with_lips_of(in_view(scheme, opened=0.4)[None], in_view(scheme)[None], scheme) - in_view(scheme)
    assert 0.02 < np.abs(moved).max() < 0.06


def test_what_lies_between_lips_opens_with_them_and_the_rest_stays(scheme) -> None:
    size = 96
    drawn = in_view(scheme, opened=0.02)
    target = with_lips_of(in_view(scheme, opened=0.05)[None], drawn[None], scheme)[0]
    picture = np.zeros((size, size, 3), np.float32)
    upper, lower = (list(points) for points in zip(*scheme.regions.mouth.pairs, strict=True))
    top, bottom = (round(float(drawn[points, 1].mean() * size)) for points in (upper, lower))
    picture[top : bottom + 1] = 1
    bent = bend_lips(picture, drawn, target, scheme)
    middle = round(float(drawn[upper, 0].mean() * size))
    assert bent[:, middle].sum() > 1.4 * picture[:, middle].sum()
    assert np.abs(bent[: size // 2] - picture[: size // 2]).max() < 0.02
