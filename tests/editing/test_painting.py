"""Strokes of a brush on a mask."""

import numpy as np

from facedouble.editing.painting import painted

ALL = np.full((64, 64), 255, np.uint8)


def path(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, dtype=np.float64)


def test_a_dot_is_round() -> None:
    found = painted(ALL, path((30, 20)), 8, value=0)
    assert (ALL == 255).all()
    assert found[20, 30] == 0
    assert found[20, 39:].min() == 255
    assert abs((255.0 - found).sum() / 255 - np.pi * 64) < 4
    assert np.array_equal(found[:41, 10:51], found[:41, 10:51][::-1])


def test_a_stroke_is_a_line_with_round_ends() -> None:
    found = painted(ALL, path((10, 30), (40, 30), (40, 50)), 5, value=0)
    assert (found[30, 8:42] == 0).all()
    assert (found[30:53, 40] == 0).all()
    assert (found[45, :30] == 255).all()


def test_including_paints_it_back() -> None:
    hidden = painted(ALL, path((32, 32)), 20, value=0)
    back = painted(hidden, path((32, 32)), 8, value=255)
    assert back[32, 32] == 255
    assert back[32, 46] == 0


def test_a_soft_brush_fades_and_half_of_it_lies_at_its_radius() -> None:
    hard = painted(ALL, path((32, 32)), 16, value=0)
    soft = painted(ALL, path((32, 32)), 16, value=0, softness=1)
    assert len(np.unique(soft[32])) > 12 > len(np.unique(hard[32]))
    assert abs(int(soft[32, 48]) - 128) < 12


def test_what_lies_outside_does_no_harm() -> None:
    assert np.array_equal(painted(ALL, path((-500, -500), (-400, 900)), 9, value=0), ALL)
    assert (painted(ALL, path((-500, 30), (500, 30)), 4, value=0)[30] == 0).all()
