"""Lips go where the performer has them, and keep their thickness."""

from __future__ import annotations

import numpy as np
import pytest

from facedouble.conversion.lips import bend_lips, mouth_gaps, with_lips_of
from facedouble.faces.registry import LANDMARK_SCHEMES


@pytest.fixture(params=list(LANDMARK_SCHEMES))
def scheme(request: pytest.FixtureRequest):
    return LANDMARK_SCHEMES[request.param]


def in_view(scheme, *, opened: float = 0.0, raised: float = 0.0, across: float = 0.0) -> np.ndarray:
    """Landmarks (P, 2) of a face whose lower lip is lowered, whose whole mouth is raised and moved."""
    points = ((scheme.mean_shape - 0.15) / 0.7).astype(np.float32)
    points[[lower for _, lower in scheme.regions.mouth.pairs], 1] += opened
    points[list(scheme.regions.lips)] += (across, -raised)
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


def test_lips_that_the_performer_raises_for_a_while_are_raised_then(scheme) -> None:
    drawn = np.stack([in_view(scheme)] * 40)
    raised = [0.02 if 10 <= frame < 20 else 0.0 for frame in range(40)]
    performer = np.stack([in_view(scheme, raised=by, across=0.1) for by in raised])
    moved = (with_lips_of(performer, drawn, scheme) - drawn)[:, list(scheme.regions.lips)]
    assert moved[15] == pytest.approx(np.broadcast_to([0, -0.012], moved[15].shape), abs=2e-3)
    assert moved[30:] == pytest.approx(0, abs=2e-3), "what differs throughout is the person's own"


def test_lips_are_never_moved_far(scheme) -> None:
    drawn = np.stack([in_view(scheme)] * 40)
    performer = np.stack([in_view(scheme, raised=0.4 * (10 <= frame < 20)) for frame in range(40)])
    moved = np.linalg.norm(with_lips_of(performer, drawn, scheme) - drawn, axis=2)
    assert 0.04 < moved.max() < 0.06


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
