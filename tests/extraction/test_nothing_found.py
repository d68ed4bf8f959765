"""The line on why no face was found, and that its advice works."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.extraction.extract import extract
from facedouble.settings.extract import ExtractSettings
from facedouble.video.clip_source import ClipSource

HOG = ExtractSettings(detector="hog", processes=1)


def clip_of(path: Path, pictures: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.options = {"crf": "12", "preset": "ultrafast"}
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def pictures(clips: dict[str, Path]) -> list[np.ndarray]:
    frames = islice(ClipSource(clips["sample_02"]).frames(), 5)
    return [cv2.resize(frame.rgb(), (640, 360), interpolation=cv2.INTER_AREA) for frame in frames]


def test_faces_on_their_side(pictures: list[np.ndarray], tmp_path: Path) -> None:
    path = clip_of(tmp_path / "turned.mp4", [np.rot90(picture) for picture in pictures])
    with pytest.raises(InputError, match=r"found in its 5 frames; faces lie .*`rotate_images=90`"):
        extract(path, tmp_path / "a", HOG)
    assert extract(path, tmp_path / "b", HOG.replace(rotate_images="90")).faces == 5


def test_faces_too_small_for_the_detector(pictures: list[np.ndarray], tmp_path: Path) -> None:
    small = [cv2.resize(picture, (64, 36), interpolation=cv2.INTER_AREA) for picture in pictures]
    path = clip_of(tmp_path / "small.mp4", small)
    with pytest.raises(InputError, match=r"faces about \d\d pixels wide, too small for"):
        extract(path, tmp_path / "a", HOG)
    larger = [cv2.resize(picture, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC) for picture in small]
    assert extract(clip_of(tmp_path / "large.mp4", larger), tmp_path / "b", HOG).faces > 0


def test_where_nothing_is_known_nothing_is_said(tmp_path: Path) -> None:
    path = clip_of(tmp_path / "grey.mp4", [np.full((64, 96, 3), 90, np.uint8)] * 3)
    with pytest.raises(InputError, match=r"no face was found in its 3 frames$"):
        extract(path, tmp_path / "a", HOG)
