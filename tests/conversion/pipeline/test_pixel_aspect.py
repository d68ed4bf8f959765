"""Clips whose pixels are not square: faces are found, cut out and replaced as in the same shot in square
pixels, and the frames keep their own."""

from __future__ import annotations

import shutil
import sqlite3
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facedouble.conversion.pipeline import convert
from facedouble.errors import InputError
from facedouble.extraction.extract import extract
from facedouble.faces.landmarks import eye_distance
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.layout import DATABASE
from facedouble.faceset.store import Faceset
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.video import ClipEncoding
from facedouble.types import Face
from facedouble.video.clip_source import ClipSource
from facedouble.video.images import read_image
from tests.conversion.pipeline.clips import planes, same, settings

LOSSLESS = ClipEncoding(crf=0, preset="ultrafast")
COUNT = 8
SHOWN = (640, 360)
STORED = {
    "wide": ((320, 360), Fraction(2)),
    "pal": ((450, 360), Fraction(64, 45)),
    "tall": ((640, 270), Fraction(3, 4)),
}


def write(path: Path, pictures: list[np.ndarray], size: tuple[int, int], aspect: Fraction) -> Path:
    """The pictures squeezed into ``size``, lossless."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv444p"
        stream.codec_context.options = {"crf": "0", "preset": "ultrafast"}
        stream.codec_context.sample_aspect_ratio = aspect
        for picture in pictures[:COUNT]:
            image = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if size != SHOWN else picture
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def faces_of(faceset: Path) -> dict[int, Face]:
    with Faceset.open(faceset) as store:
        return {face.frame_index: face for face in store.faces()}


@pytest.fixture(scope="module")
def square(pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The shot in square pixels and its faceset."""
    path = tmp_path_factory.mktemp("square")
    clip = write(path / "square.mkv", pictures, SHOWN, Fraction(1))
    extract(clip, path / "faces", ExtractSettings(processes=1))
    return clip, path / "faces"


@pytest.fixture(scope="module", params=STORED)
def squeezed(
    request: pytest.FixtureRequest, pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The same shot squeezed, and its faceset."""
    path = tmp_path_factory.mktemp("squeezed")
    clip = write(path / "squeezed.mkv", pictures, *STORED[request.param])
    extract(clip, path / "faces", ExtractSettings(processes=1))
    return clip, path / "faces"


def test_faces_lie_where_they_do_in_square_pixels(
    square: tuple[Path, Path], squeezed: tuple[Path, Path]
) -> None:
    right, found = faces_of(square[1]), faces_of(squeezed[1])
    assert found.keys() == right.keys()
    for index, face in found.items():
        other = right[index]
        apart = np.linalg.norm(face.smoothed - other.smoothed, axis=1)
        unit = eye_distance(other.smoothed, scheme_of(other))
        assert np.median(apart) < 0.03 * unit
        # A similarity: no crop is squeezed.
        linear = face.alignment[:, :2]
        assert np.allclose(linear @ linear.T, np.eye(2) * np.linalg.det(linear), rtol=1e-6)
        own, that = (read_image(f / str(x.crop)) for f, x in ((squeezed[1], face), (square[1], other)))
        assert np.abs(own.astype(float) - that).mean() < 6
        assert cv2.PSNR(own, that) > 27


def test_the_swap_agrees_with_that_in_square_pixels(
    square: tuple[Path, Path], squeezed: tuple[Path, Path], stand_in: Path, tmp_path: Path
) -> None:
    results = []
    for number, (clip, faces) in enumerate((square, squeezed)):
        results.append(tmp_path / f"{number}.mkv")
        convert(clip, stand_in, results[-1], settings(LOSSLESS), faceset=faces)
    source, result = ClipSource(squeezed[0]), ClipSource(results[1])
    assert (result.info.width, result.info.height) == (source.info.width, source.info.height)
    assert result.info.sample_aspect == source.info.sample_aspect
    shots = zip(*(ClipSource(path).frames() for path in (square[0], *results)), strict=True)
    for before, right, own in shots:
        old, want, got = (frame.rgb().astype(np.float32) for frame in (before, right, own))
        changed = cv2.erode((np.abs(want - old).max(axis=2) > 12).astype(np.uint8), np.ones((9, 9))) > 0
        assert changed.sum() > 2000
        assert np.abs(got - want)[changed].mean() < 5
        # What is replaced is the same part of the picture.
        also = np.abs(got - old).max(axis=2) > 40
        far = cv2.dilate((np.abs(want - old).max(axis=2) > 4).astype(np.uint8), np.ones((15, 15))) == 0
        assert (also & far).mean() < 0.002


def test_what_is_outside_the_face_stays_as_it_is(
    squeezed: tuple[Path, Path], stand_in: Path, tmp_path: Path
) -> None:
    result = tmp_path / "out.mkv"
    convert(squeezed[0], stand_in, result, settings(LOSSLESS), faceset=squeezed[1])
    for before, after in zip(planes(squeezed[0]), planes(result), strict=True):
        assert before[0].shape == after[0].shape
        assert not same(before, after)
        assert np.array_equal(before[0][:, :40], after[0][:, :40])


def test_a_faceset_with_squeezed_faces_is_refused(
    squeezed: tuple[Path, Path], stand_in: Path, tmp_path: Path
) -> None:
    faces = shutil.copytree(squeezed[1], tmp_path / "faces")
    info = ClipSource(squeezed[0]).info
    with sqlite3.connect(faces / DATABASE) as database:
        database.execute("UPDATE source SET width = ?, height = ?", (info.width, info.height))
    database.close()
    with pytest.raises(InputError, match="are not square, and an earlier version found its faces squeezed"):
        convert(squeezed[0], stand_in, tmp_path / "out.mkv", settings(LOSSLESS), faceset=faces)
