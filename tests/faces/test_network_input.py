import cv2
import numpy as np
import pytest

from facedouble.faces.align import recrop
from facedouble.faces.colour import STANDARD_MEAN
from facedouble.faces.hull import face_hull
from facedouble.faces.network_input import InputCrop, fill_background, network_input
from facedouble.faces.schemes.dlib68 import DLIB68

POINTS = (DLIB68.mean_shape * 128).astype(np.float32)
STANDARD = np.array([[0.5] * 3, [0.18] * 3], dtype=np.float32)


def test_a_view_is_the_centre_of_the_crop() -> None:
    alignment = np.array([[2.0, 0, 5], [0, 2.0, 7]])
    assert np.array_equal(InputCrop(96, 0.7).alignment(alignment, 256), recrop(alignment, 256, 0.7, 96))


def test_what_lies_outside_the_face_does_not_matter() -> None:
    face = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    inside = face_hull(POINTS, 128, DLIB68, forehead=0.35)[..., None] > 0
    white, black = np.where(inside, face, 255).astype(np.uint8), np.where(inside, face, 0).astype(np.uint8)
    a, b = network_input(white, POINTS, DLIB68, STANDARD), network_input(black, POINTS, DLIB68, STANDARD)
    assert np.abs(a - b).max() < 0.02


def test_the_inside_is_kept_and_the_outside_is_smooth() -> None:
    random = np.random.default_rng(0)
    picture = random.normal(STANDARD_MEAN, 0.18, (128, 128, 3)).astype(np.float32)
    mask = np.zeros((128, 128), dtype=np.float32)
    mask[30:100, 30:100] = 1
    seen = fill_background(picture, mask)
    assert np.abs(seen[36:94, 36:94] - picture[36:94, 36:94]).max() < 0.02
    assert np.abs(np.diff(seen[:, :20], axis=0)).max() < 0.05
    assert np.abs(seen[0, 0] - STANDARD_MEAN).max() < 0.1


def test_the_faces_own_colour_is_carried_outwards() -> None:
    picture = np.full((128, 128, 3), 0.9, dtype=np.float32)
    mask = np.zeros((128, 128), dtype=np.float32)
    mask[30:100, 30:100] = 1
    picture[mask == 0] = 0
    assert fill_background(picture, mask)[64, 24].min() > 0.8


@pytest.mark.parametrize("size", [40, 96, 192])
def test_carrying_colours_on_a_coarse_grid_is_as_good_as_on_the_picture_itself(size: int) -> None:
    random = np.random.default_rng(0)
    noise = cv2.GaussianBlur(random.normal(size=(size, size, 3)), (0, 0), size / 24)
    picture = np.clip(STANDARD_MEAN + 0.18 * noise / noise.std(), 0, 1).astype(np.float32)
    mask = face_hull((DLIB68.mean_shape * size).astype(np.float32), size, DLIB68, forehead=0.35)
    weight = mask[..., None]
    carried = cv2.GaussianBlur((picture - STANDARD_MEAN) * weight, (0, 0), 0.10 * size)
    outside = carried / (cv2.GaussianBlur(mask, (0, 0), 0.10 * size)[..., None] + 1e-3) + STANDARD_MEAN
    soft = cv2.GaussianBlur(mask, (0, 0), 0.012 * size)[..., None]
    difference = np.abs(fill_background(picture, mask) - (picture * soft + outside * (1 - soft)))
    assert difference.mean() < 0.001
    assert difference.max() < 0.03
