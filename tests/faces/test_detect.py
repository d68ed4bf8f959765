"""The contract every registered detector keeps, on real frames."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import SettingsError
from facedouble.faces.detect import DETECTORS, make_detector
from facedouble.faces.identity import SAME_PERSON, DlibDescriptor
from facedouble.faces.landmarks import DlibLandmarks, eye_distance
from facedouble.types import Image
from facedouble.video import open_source

every = pytest.mark.parametrize("name", DETECTORS)


@pytest.fixture(scope="module")
def frame(clips: dict[str, Path]) -> Image:
    return next(iter(open_source(clips["sample_01"]).frames())).image


@every
def test_the_face_is_found_where_it_is(name: str, frame: Image) -> None:
    found = make_detector(name).detect(frame)
    assert len(found) == 1
    x, y = found[0].box.centre
    assert 560 < x < 700
    assert 220 < y < 420
    assert 150 < found[0].box.width < 400


@every
def test_boxes_lie_in_the_image_and_the_largest_comes_first(name: str, frame: Image) -> None:
    small = frame[::2, ::2]
    both = np.full((720, 1280 + 640, 3), 255, dtype=np.uint8)
    both[:360, 1280:] = small
    both[:, :1280] = frame
    found = make_detector(name).detect(both)
    assert len(found) == 2
    assert found[0].box.width > found[1].box.width * 1.5
    for detection in found:
        assert 0 <= detection.box.left < detection.box.right <= both.shape[1]
        assert 0 <= detection.box.top < detection.box.bottom <= both.shape[0]


@every
def test_no_face_is_an_empty_list(name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    assert make_detector(name).detect(noise) == []
    assert make_detector(name).detect(np.full((50, 60, 3), 128, dtype=np.uint8)) == []


@every
def test_the_same_image_gives_the_same_answer(name: str, frame: Image) -> None:
    detector = make_detector(name)
    first = detector.detect(frame)
    detector.detect(frame[:, ::-1].copy())
    assert detector.detect(frame) == first


def test_an_unknown_detector_is_named_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="hog"):
        make_detector("nonesuch")


def test_landmarks_follow_the_picture_and_do_not_depend_on_the_box_much(frame: Image) -> None:
    box = make_detector("hog").detect(frame)[0].box
    landmarks = DlibLandmarks()
    points = landmarks.predict(frame, box)
    eyes = eye_distance(points)
    assert points[8, 1] > points[33, 1] > points[27, 1], "chin below nose below its bridge"
    jittered = landmarks.predict(frame, box._replace(left=box.left + 6, top=box.top - 5, right=box.right + 4))
    assert np.linalg.norm(jittered - points, axis=1).mean() < 0.03 * eyes
    moved = np.roll(frame, (20, -30), axis=(0, 1))
    shifted = box._replace(left=box.left - 30, top=box.top + 20, right=box.right - 30, bottom=box.bottom + 20)
    assert np.abs(landmarks.predict(moved, shifted) - points - (-30, 20)).max() <= 1.5


def test_descriptors_tell_the_two_actors_apart(clips: dict[str, Path]) -> None:
    detector, landmarks, descriptor = make_detector("hog"), DlibLandmarks(), DlibDescriptor()

    def describe(name: str, index: int) -> np.ndarray:
        image = next(islice(open_source(clips[name]).frames(), index, None)).image
        return descriptor.describe(image, landmarks.predict(image, detector.detect(image)[0].box))

    a, a2, b = describe("sample_01", 0), describe("sample_02", 60), describe("sample_03", 0)
    assert np.linalg.norm(a - a2) < SAME_PERSON < np.linalg.norm(a - b)
