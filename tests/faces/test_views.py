"""Parts of a frame that networks are shown, and the way back from them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facedouble.faces.views import StillPicture, View, around_box, around_points, whole_frame
from facedouble.types import Box, Detection, PredictedLandmarks


@pytest.fixture(scope="module")
def slope() -> StillPicture:
    """1280 x 720 pixels whose red grows to the right and whose green grows downwards."""
    y, x = np.mgrid[:720, :1280].astype(np.float32)
    return StillPicture(np.dstack([x / 5, y / 3, 0 * x]).round().astype(np.uint8))


def values_at(view: View, points: np.ndarray) -> np.ndarray:
    """Red and green of a view (N, 2) at points of the frame."""
    inside = view.to_view(points)
    found = cv2.remap(view.image[..., :2], inside[:, None, :1], inside[:, None, 1:], cv2.INTER_LINEAR)
    return found[:, 0].astype(np.float64)


@pytest.mark.parametrize("size", [60, 400])
def test_points_of_the_frame_are_found_in_the_view(slope: StillPicture, size: int) -> None:
    points = np.array([(600, 300), (600 + size, 310), (620, 290 + size)], dtype=np.float32)
    box = Box(600, 290, 600 + size, 290 + size)
    whole = whole_frame(slope, colour=True, side=640)
    for view in (around_points(slope, points, colour=True), around_box(slope, box, colour=True), whole):
        assert max(view.image.shape[:2]) <= 640
        assert np.abs(values_at(view, points) - points / (5, 3)).max() < 1.5
        back = view.in_frame(PredictedLandmarks(view.to_view(points), np.array([2, 4], np.float32)))
        assert np.abs(back.points - points).max() < 0.01
        assert back.depth is not None
        assert np.allclose(back.depth * np.hypot(*view.matrix[:, 0]), (2, 4), rtol=0.02)
        there = view.detection_in_frame(view.detection_in_view(Detection(box, 1.0, 20.0)))
        assert there.roll == 20
        assert np.abs(np.array(there.box) - box).max() <= 2


def test_what_needs_no_colour_is_shown_the_whole_frame(slope: StillPicture) -> None:
    points = np.array([(600, 300), (700, 400)], dtype=np.float32)
    for view in (around_points(slope, points, colour=False), whole_frame(slope, colour=False, side=640)):
        assert view.image.shape == (720, 1280)
        assert np.array_equal(view.to_view(points), points)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (2, 301)])
def test_tiny_pictures_and_faces_beyond_their_edge(size: tuple[int, int]) -> None:
    picture = StillPicture(np.full((*size, 3), 90, dtype=np.uint8))
    for far in (-500.0, 0.0, 900.0):
        points = np.array([(far, far), (far + 40, far + 50)], dtype=np.float32)
        assert (around_points(picture, points, colour=True).image == 90).all()
        box = Box(round(far), round(far), round(far) + 40, round(far) + 40)
        assert (around_box(picture, box, colour=True).image == 90).all()
