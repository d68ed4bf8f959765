"""Masks and outlines together."""

import numpy as np

from facedouble.faceset.layer_kinds import Polygon
from facedouble.faceset.visible import visible_part

ALIGNMENT = np.array([[2.0, 0, -20], [0, 2.0, -40]])  # a crop of 64 pixels from (10, 20) of the frame


def square(left: float, top: float, right: float, bottom: float, *, include: bool) -> Polygon:
    points = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=np.float64)
    return Polygon(points, include)


def test_an_excluding_outline_hides_what_is_inside() -> None:
    found = visible_part(None, [square(14, 24, 22, 30, include=False)], ALIGNMENT, 64, 64)
    hidden = found == 0
    assert hidden[9:20, 9:24].all()
    assert (found == 255)[:7].all()
    assert abs(hidden.sum() - 16 * 12) < 40


def test_an_including_outline_alone_hides_what_is_outside() -> None:
    found = visible_part(None, [square(14, 24, 22, 30, include=True)], ALIGNMENT, 64, 64)
    assert (found[10:19, 10:23] == 255).all()
    assert (found[:6] == 0).all()
    assert (found[:, 40:] == 0).all()


def test_later_outlines_lie_over_earlier_ones_and_over_the_mask() -> None:
    mask = np.full((32, 32), 100, np.uint8)
    outlines = [square(14, 24, 30, 40, include=False), square(18, 28, 26, 36, include=True)]
    found = visible_part(mask, outlines, ALIGNMENT, 64, 64)
    assert found[2, 2] == 100
    assert found[12, 12] == 0
    assert found[24, 24] == 255
    turned = visible_part(mask, outlines[::-1], ALIGNMENT, 64, 64)
    assert turned[24, 24] == 0


def test_the_mask_is_not_changed_and_any_side_will_do() -> None:
    mask = np.full((64, 64), 255, np.uint8)
    outlines = [square(14, 24, 22, 30, include=False)]
    fine, coarse = (visible_part(mask, outlines, ALIGNMENT, 64, side) for side in (256, 32))
    assert (mask == 255).all()
    assert abs((fine < 128).mean() - (coarse < 128).mean()) < 0.02
    assert visible_part(None, (), ALIGNMENT, 64, 16).tolist() == [[255] * 16] * 16
