"""The contract every registered detector keeps, on real frames."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.errors import SettingsError
from facedouble.faces.detectors.base import Detector, without_duplicates
from facedouble.faces.detectors.dlib import CnnDetector
from facedouble.faces.identity import SAME_PERSON, DlibDescriptor
from facedouble.faces.landmarks import eye_distance
from facedouble.faces.registry import DETECTORS
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.schemes.dlib68_predictor import Dlib68Predictor
from facedouble.types import Box, Detection, Image, Landmarks
from facedouble.video.source import open_source

# Smallest face in units of the image's long side (1280 pixels here), as documented: in a cheap look
# and in a thorough one.
SMALLEST = {
    "mediapipe": (1 / 17, 1 / 64),
    "hog": (1 / 9, 1 / 36),
    "cnn": (1 / 8, 1 / 16),
    "all": (1 / 9, 1 / 36),
    "yunet": (1 / 32, 1 / 64),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow if name == "cnn" else ()) for name in DETECTORS],
)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def detector(name: str, request: pytest.FixtureRequest) -> Iterator[Detector]:
    """Each detector of the registry, loaded once."""
    with pytest.MonkeyPatch.context() as patch:
        if name == "yunet":
            patch.setenv("FACEDOUBLE_MODELS", str(request.getfixturevalue("yunet").parent))
        yield DETECTORS[name]("cpu")


@pytest.fixture(scope="module")
def frame(clips: dict[str, Path]) -> Image:
    return frame_of(clips["sample_01"], 0)


@pytest.fixture(scope="module")
def hog_box(frame: Image) -> Box:
    return DETECTORS["hog"]("cpu").detect(frame)[0].box


def frame_of(clip: Path, index: int) -> Image:
    return next(islice(open_source(clip).frames(), index, None)).rgb()


def with_a_face_of(pixels: float, frame: Image, box: Box) -> tuple[Image, Box]:
    """The frame reduced so that its face has ``pixels``, on white of 1280 x 340; and where that face is."""
    scale = pixels / box.width
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    image = np.full((340, 1280, 3), 255, dtype=np.uint8)
    image[20 : 20 + small.shape[0], 500 : 500 + small.shape[1]] = small
    moved = (round(edge * scale) + by for edge, by in zip(box, (500, 20, 500, 20), strict=True))
    return image, Box(*moved)


def test_the_face_is_found_where_it_is(detector: Detector, frame: Image) -> None:
    for thorough in (True, False):
        found = detector.detect(frame, thorough)
        assert len(found) == 1
        x, y = found[0].box.centre
        assert 600 < x < 680
        assert 340 < y < 420
        assert 300 < found[0].box.width < 400
        assert found[0].confidence > 0


def test_boxes_lie_in_the_image_and_the_largest_comes_first(detector: Detector, frame: Image) -> None:
    both = np.full((360, 320 + 214, 3), 255, dtype=np.uint8)
    both[:, :320] = frame[::2, 320:960:2]
    both[:240, 320:] = frame[::3, 320:960:3]
    found = detector.detect(both)
    assert len(found) == 2
    assert found[0].box.width > found[1].box.width * 1.2
    assert found[0].box.right < 320 < found[1].box.left
    cut = np.ascontiguousarray(both[:, 85:320])
    assert detector.detect(cut)[0].box.left == 0, "it would begin beyond the edge"
    for image in (both, cut):
        for detection in detector.detect(image, thorough=False):
            assert 0 <= detection.box.left < detection.box.right <= image.shape[1]
            assert 0 <= detection.box.top < detection.box.bottom <= image.shape[0]


def test_no_face_is_an_empty_list(detector: Detector) -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 255, (120, 160, 3), dtype=np.uint8)
    grey = np.repeat(random.normal(128, 20, (90, 120, 1)).clip(0, 255).astype(np.uint8), 3, axis=2)
    for image in (noise, grey, np.full((50, 60, 3), 128, dtype=np.uint8)):
        assert detector.detect(image) == []
        assert detector.detect(image, thorough=False) == []


@pytest.mark.parametrize("size", [(1, 1), (20, 20), (2, 300), (300, 1)])
def test_tiny_images(detector: Detector, size: tuple[int, int]) -> None:
    for thorough in (True, False):
        assert detector.detect(np.full((*size, 3), 90, dtype=np.uint8), thorough) == []


def test_the_same_image_gives_the_same_answer(detector: Detector, frame: Image) -> None:
    small = np.ascontiguousarray(frame[::3, ::3])
    first = detector.detect(small, thorough=False)
    mirrored = detector.detect(small[:, ::-1], thorough=False)  # a view
    assert len(mirrored) == 1
    assert detector.detect(small, thorough=False) == first


def test_landmarks_on_its_box_are_those_on_hogs(detector: Detector, clips: dict[str, Path]) -> None:
    hog, landmarks = DETECTORS["hog"]("cpu"), Dlib68Predictor()
    for clip, index in (("sample_01", 40), ("sample_04", 40)):
        image = frame_of(clips[clip], index)
        expected = landmarks.predict(image, hog.detect(image)[:1])[0].points
        points = landmarks.predict(image, detector.detect(image)[:1])[0].points
        apart = np.linalg.norm(points - expected, axis=1).mean()
        assert apart < 0.04 * eye_distance(expected, DLIB68)


def test_the_smallest_face_is_as_documented(
    name: str, detector: Detector, frame: Image, hog_box: Box
) -> None:
    for thorough, share in zip((False, True), SMALLEST[name], strict=True):
        image, expected = with_a_face_of(np.ceil(share * 1280), frame, hog_box)
        found = detector.detect(image, thorough)
        assert len(found) == 1
        assert found[0].box.overlap(expected) > 0.5


def test_a_face_of_60_pixels_in_1280(name: str, detector: Detector, frame: Image, hog_box: Box) -> None:
    if name == "cnn":
        pytest.skip("it would have to look at 1700 pixels, which takes 10 s and more")
    image, expected = with_a_face_of(60, frame, hog_box)
    found = detector.detect(image)
    assert len(found) == 1
    assert found[0].box.overlap(expected) > 0.5


@pytest.mark.parametrize("size", [160, 200, 256])
def test_a_cheap_look_does_for_a_patch(detector: Detector, frame: Image, hog_box: Box, size: int) -> None:
    """With the face over 60% of its side: 96 pixels of 160."""
    x, y, half = *hog_box.centre, hog_box.width / 0.6 / 2
    around = frame[max(0, round(y - half)) : round(y + half), round(x - half) : round(x + half)]
    patch = cv2.resize(around, (size, size), interpolation=cv2.INTER_AREA)
    found = detector.detect(np.asarray(patch, dtype=np.uint8), thorough=False)
    assert len(found) == 1
    assert 0.5 < found[0].box.width / size < 0.7


def test_one_that_needs_no_colour_takes_grey(detector: Detector, frame: Image) -> None:
    if detector.colour:
        pytest.skip("needs colour")
    box = detector.detect(frame)[0].box
    grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
    assert detector.detect(grey)[0].box.overlap(box) > 0.7


def turned(image: Image, box: Box, angle: float, size: float = 120) -> Image:
    """The face with ``size`` pixels in the middle of grey, turned clockwise by ``angle`` degrees."""
    scale = size / box.width
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    x, y = (value * scale for value in box.centre)
    matrix = cv2.getRotationMatrix2D((x, y), -angle, 1)
    matrix = np.column_stack([matrix[:, :2], matrix[:, 2] + np.array((320, 180)) - (x, y)])
    result = cv2.warpAffine(small, matrix, (640, 360), borderValue=(120, 120, 120))
    return np.asarray(result, dtype=np.uint8)


@pytest.mark.parametrize("angle", [0, -35, 60, 90])
def test_mediapipe_finds_turned_faces_and_says_by_how_much(frame: Image, hog_box: Box, angle: int) -> None:
    detector = DETECTORS["mediapipe"]("cpu")
    upright = detector.detect(turned(frame, hog_box, 0))[0].roll
    for thorough in (True, False):
        (found,) = detector.detect(turned(frame, hog_box, angle), thorough)
        assert np.abs(np.array(found.box.centre) - (320, 180)).max() < 15
        assert abs((found.roll - upright - angle + 180) % 360 - 180) < 8


def test_mediapipe_finds_faces_in_all_tiles_of_a_large_frame(frame: Image, hog_box: Box) -> None:
    """Of 24 pixels in 1920 x 1080, some of them on the edges of tiles."""
    face = turned(frame, hog_box, 0, 24)[160:200, 300:340]
    image = np.full((1080, 1920, 3), 120, dtype=np.uint8)
    places = [(12, 9), (420, 30), (795, 420), (1210, 811), (1615, 1000), (1880, 1030)]
    for x, y in places:
        image[y : y + 40, x : x + 40] = face
    found = DETECTORS["mediapipe"]("cpu").detect(image)
    centres = sorted(detection.box.centre for detection in found)
    assert np.abs(np.array(centres) - np.array(places) - 20).max() < 6


def test_mediapipe_finds_faces_that_differ_in_size(frame: Image, hog_box: Box) -> None:
    image = turned(frame, hog_box, 0, 200)
    image[20:60, 30:70] = turned(frame, hog_box, 0, 24)[160:200, 300:340]
    detector = DETECTORS["mediapipe"]("cpu")
    assert [len(detector.detect(image, thorough)) for thorough in (False, True)] == [1, 2]


def test_two_boxes_of_one_face_are_one() -> None:
    surest, shifted, other = Box(10, 10, 110, 110), Box(20, 20, 125, 125), Box(80, 10, 200, 130)
    found = [Detection(shifted, 0.5), Detection(surest, 0.9), Detection(other, 0.1)]
    assert [detection.box for detection in without_duplicates(found)] == [other, surest]


def test_all_asks_the_cnn_only_where_hog_finds_nothing(monkeypatch: pytest.MonkeyPatch, frame: Image) -> None:
    detector = DETECTORS["all"]("cpu")
    from_cnn = Detection(Box(1, 2, 3, 4), 1.0)
    monkeypatch.setattr(CnnDetector, "detect", lambda self, image, thorough=True: [from_cnn])
    empty = np.zeros((360, 640, 3), dtype=np.uint8)
    assert detector.detect(empty) == [from_cnn]
    assert detector.detect(empty, thorough=False) == []
    assert detector.detect(empty[:200, :200], thorough=False) == [from_cnn], "a patch around one face"
    assert detector.detect(frame) == DETECTORS["hog"]("cpu").detect(frame)


def test_an_unknown_detector_is_named_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="hog"):
        DETECTORS["nonesuch"]("cpu")


def test_landmarks_follow_the_picture_and_do_not_depend_on_the_box_much(frame: Image) -> None:
    box = DETECTORS["hog"]("cpu").detect(frame)[0].box
    landmarks = Dlib68Predictor()

    def found(image: Image, box: Box) -> Landmarks:
        return landmarks.predict(image, [Detection(box, 1.0)])[0].points

    points = found(frame, box)
    eyes = eye_distance(points, DLIB68)
    assert points[8, 1] > points[33, 1] > points[27, 1], "chin below nose below its bridge"
    jittered = found(frame, box._replace(left=box.left + 6, top=box.top - 5, right=box.right + 4))
    assert np.linalg.norm(jittered - points, axis=1).mean() < 0.03 * eyes
    moved = np.roll(frame, (20, -30), axis=(0, 1))
    shifted = box._replace(left=box.left - 30, top=box.top + 20, right=box.right - 30, bottom=box.bottom + 20)
    assert np.abs(found(moved, shifted) - points - (-30, 20)).max() <= 1.5


def test_descriptors_tell_the_two_actors_apart(clips: dict[str, Path]) -> None:
    detector, landmarks, descriptor = DETECTORS["hog"]("cpu"), Dlib68Predictor(), DlibDescriptor()

    def describe(name: str, index: int) -> np.ndarray:
        image = next(islice(open_source(clips[name]).frames(), index, None)).rgb()
        points = landmarks.predict(image, detector.detect(image)[:1])[0].points
        return descriptor.describe([image], [points], DLIB68)[0]

    a, a2, b = describe("sample_01", 0), describe("sample_02", 60), describe("sample_03", 0)
    assert np.linalg.norm(a - a2) < SAME_PERSON < np.linalg.norm(a - b)
