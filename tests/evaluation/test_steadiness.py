import cv2
import numpy as np
import pytest

from facedouble.evaluation.steadiness import (
    backward_flow,
    change_along,
    colour_drift,
    flicker,
    jitter,
    mean_lab,
    warp_along,
)


def walk(frames: int = 20) -> np.ndarray:
    """Landmarks of a face that moves and turns."""
    random = np.random.default_rng(1)
    shape = random.normal(0, 40, (68, 2))
    path = np.cumsum(random.normal(0, 3, (frames, 1, 2)), axis=0)
    return shape + path + 300


def textured(size: int = 96) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return cv2.GaussianBlur(cv2.resize(noise[::4, ::4], (size, size)), (0, 0), 2)


def test_a_face_that_follows_its_source_does_not_jitter_whatever_its_shape() -> None:
    source = walk()
    other_shape = source + np.random.default_rng(2).normal(0, 10, (1, 68, 2))
    growing = other_shape + np.linspace(0, 30, len(source))[:, None, None]
    values = jitter(growing, source, 60.0)
    assert np.isnan(values[[0, -1]]).all()
    assert values[1:-1] == pytest.approx(0, abs=1e-12)


def test_jitter_is_the_second_difference_in_units_of_the_size() -> None:
    source = walk()
    shaken = source.copy()
    shaken[10] += (3, 4)  # 5 pixels on one frame: second differences of 5, 10, 5
    values = jitter(shaken, source, 50.0)
    assert values[8:13] == pytest.approx([0, 0.1, 0.2, 0.1, 0])
    assert jitter(shaken, source, np.full(20, 100.0))[10] == pytest.approx(0.1)


def test_two_frames_have_no_jitter_to_speak_of() -> None:
    assert np.isnan(jitter(walk(2), walk(2), 1.0)).all()


def test_flow_says_where_pixels_came_from() -> None:
    picture = textured(128)
    before, after = picture[8:-8, 8:-8], picture[8:-8, 5:-11]  # the camera went left: things move right by 3
    greys = [np.asarray(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), np.uint8) for x in (before, after)]
    flow = backward_flow(*greys)
    assert np.median(flow[..., 0]) == pytest.approx(-3, abs=0.2)
    assert np.median(flow[..., 1]) == pytest.approx(0, abs=0.2)
    inside = (slice(10, -10), slice(10, -10))
    assert np.abs(warp_along(before, flow)[inside].astype(float) - after[inside]).mean() < 2


def test_change_along_no_motion_is_the_difference_inside_the_mask() -> None:
    before = np.full((20, 30, 3), 100, dtype=np.uint8)
    after = before + np.array([3, 6, 9], dtype=np.uint8)
    after[:, 15:] = 200
    mask = np.zeros((20, 30), dtype=np.float32)
    mask[:, :15] = 1
    still = np.zeros((20, 30, 2), dtype=np.float32)
    assert change_along(before, after, still, mask) == pytest.approx(6)
    assert change_along(before, after, still, 0 * mask) == 0


def test_what_moves_with_the_source_does_not_flicker_and_a_flash_does() -> None:
    picture = textured(128)
    source = picture[8:-8, 8:-8], picture[8:-8, 5:-11]
    painted = 255 - picture  # another face, moving alike
    result = painted[8:-8, 8:-8], painted[8:-8, 5:-11]
    mask = np.zeros((112, 112), dtype=np.float32)
    mask[16:-16, 16:-16] = 1
    of_result, of_source, along_own = flicker(*result, *source, mask)
    assert of_result == pytest.approx(of_source, rel=0.1)
    assert along_own < of_source + 0.1  # in levels
    flash = np.asarray(cv2.add(result[1], np.full(3, 10, dtype=np.float64)), np.uint8)
    flashing = flicker(result[0], flash, *source, mask)
    assert flashing[0] > of_result + 5
    assert flashing[2] > along_own + 5


def test_what_slides_across_the_source_flickers_along_its_flow_and_not_along_its_own() -> None:
    picture = textured(128)
    source = picture[8:-8, 8:-8], picture[8:-8, 8:-8]
    sliding = picture[::-1][8:-8, 8:-8], picture[::-1][8:-8, 5:-11]
    mask = np.zeros((112, 112), dtype=np.float32)
    mask[16:-16, 16:-16] = 1
    along_source, _, along_own = flicker(*sliding, *source, mask)
    assert along_own < along_source / 5


def test_lab_of_known_colours() -> None:
    mask = np.ones((4, 4), dtype=np.float32)
    known = {
        (255, 255, 255): (100, 0, 0),
        (255, 0, 0): (53.24, 80.09, 67.20),
        (0, 0, 255): (32.3, 79.19, -107.86),
    }
    for rgb, lab in known.items():
        picture = np.full((4, 4, 3), rgb, dtype=np.uint8)
        assert mean_lab(picture, mask) == pytest.approx(lab, abs=0.3)


def test_only_colour_that_changes_against_the_source_drifts() -> None:
    light = np.column_stack([50 + 10 * np.sin(np.arange(30) / 4), np.full(30, 12.0), np.full(30, 15.0)])
    assert colour_drift(light + (0, 8, 3), light) == pytest.approx(0)
    flashed = light + (0, 8, 3)
    flashed[7] += (3, 0, 4)
    values = colour_drift(flashed, light)
    assert values[7] == pytest.approx(5)
    assert np.delete(values, 7) == pytest.approx(0)
