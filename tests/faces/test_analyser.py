"""One analyser makes detector, predictor and descriptor, and gives what they would give by themselves."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facedouble
from facedouble.errors import SettingsError
from facedouble.faces.analyser import FaceAnalyser, parse_angles
from facedouble.faces.landmarks import eye_distance
from facedouble.faces.registry import DEFAULT_SCHEME, LANDMARK_PREDICTORS, LANDMARK_SCHEMES
from facedouble.faces.schemes.dlib68 import DLIB68
from facedouble.faces.views import StillPicture
from facedouble.settings.extract import ExtractSettings
from facedouble.video.source import open_source

SOURCE = Path(facedouble.__file__).parent
_MADE = re.compile(
    r"(DETECTORS|LANDMARK_PREDICTORS)\[|(Hog|Cnn|HogThenCnn|Yunet)Detector\(|Dlib68Predictor\(|DlibDescriptor\("
)


@pytest.fixture(scope="module")
def image(clips: dict[str, Path]) -> np.ndarray:
    (frame,) = islice(open_source(clips["sample_01"]).frames(), 20, 21)
    return frame.rgb()


def test_nothing_else_makes_them() -> None:
    made = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if _MADE.search(path.read_text(encoding="utf-8").replace("class ", ""))
    }
    assert made <= {"faces/analyser.py", "faces/identity.py", *_own_files()}


def _own_files() -> set[str]:
    faces = SOURCE / "faces"
    own = [*faces.glob("detectors/*.py"), *faces.glob("schemes/*_predictor.py")]
    return {str(path.relative_to(SOURCE)) for path in own}


def test_it_is_made_from_settings_and_knows_its_scheme() -> None:
    assert FaceAnalyser.from_settings(ExtractSettings()).scheme is LANDMARK_SCHEMES[DEFAULT_SCHEME]
    analyser = FaceAnalyser.from_settings(
        ExtractSettings(detector="cnn", landmarks="dlib68", rotate_images="90")
    )
    assert analyser.scheme is LANDMARK_SCHEMES["dlib68"] is DLIB68
    assert analyser.angles == (90, 180, 270)
    assert list(LANDMARK_PREDICTORS) == list(LANDMARK_SCHEMES)
    wrongs: list[dict[str, Any]] = [{"detector": "nonesuch"}, {"landmarks": "nonesuch"}]
    for wrong in wrongs:
        with pytest.raises(SettingsError, match="nonesuch"):
            FaceAnalyser(**wrong)


@pytest.mark.parametrize(
    ("text", "angles"), [("", ()), ("90", (90, 180, 270)), ("30, 330", (30, 330)), ("200", (200,))]
)
def test_angles(text: str, angles: tuple[int, ...]) -> None:
    assert parse_angles(text) == angles


def test_several_faces_at_once_are_each_by_itself(image: np.ndarray) -> None:
    one, few = FaceAnalyser(), FaceAnalyser(batch_size=2)
    (found,) = one.search_image(image)
    images = [np.roll(image, shift, axis=1) for shift in (0, 3, 8)]
    starts = [found.landmarks + np.array((shift, 0), np.float32) for shift in (0, 3, 8)]
    points = [found.points for found in few.refine_all(images, starts)]
    assert len(points) == 3
    for number, (picture, start) in enumerate(zip(images, starts, strict=True)):
        assert np.array_equal(points[number], one.refine_all([picture], [start])[0].points)
        assert np.array_equal(few.describe_all(images, points)[number], one.describe(picture, points[number]))
    assert few.refine_all([], []) == []
    assert few.seconds["landmarks"] > 0 < few.seconds["describe"]


def test_a_face_is_verified_where_it_is_and_not_elsewhere(image: np.ndarray) -> None:
    analyser = FaceAnalyser()
    (found,) = analyser.search_image(image)
    assert (analyser.verify(StillPicture(image), found.landmarks) or 0) > 0
    away = found.landmarks - np.array((2 * eye_distance(found.landmarks, analyser.scheme), 0), np.float32)
    assert analyser.verify(StillPicture(image), away) is None
