"""A clip with a thumbnail in front of the film, from its faces to its swap."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.cli.main import main
from facedouble.conversion.pipeline import convert
from facedouble.errors import InputError
from facedouble.faceset.store import Faceset
from facedouble.settings.reading import Reading
from facedouble.video.clip_source import ClipSource
from tests.conversion.pipeline.clips import settings

COUNT = 8


@pytest.fixture
def drone(pictures: list[np.ndarray], tmp_path: Path) -> Path:
    path = tmp_path / "drone.mp4"
    with av.open(str(path), "w") as container:
        thumbnail = container.add_stream("mjpeg", rate=25)
        film = container.add_stream("libx264", rate=25)
        assert isinstance(thumbnail, av.VideoStream)
        assert isinstance(film, av.VideoStream)
        thumbnail.width, thumbnail.height, thumbnail.pix_fmt = 320, 180, "yuvj420p"
        film.width, film.height, film.pix_fmt = 640, 360, "yuv420p"
        frames = [
            av.VideoFrame.from_ndarray(np.ascontiguousarray(p), format="rgb24") for p in pictures[:COUNT]
        ]
        container.mux(thumbnail.encode(frames[0].reformat(width=320, height=180, format="yuvj420p")))
        for frame in frames:
            container.mux(film.encode(frame))
        for stream in (thumbnail, film):
            container.mux(stream.encode(None))
    return path


def test_the_film_is_swapped_and_the_faceset_knows_its_stream(
    drone: Path, stand_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faces, result = tmp_path / "faces", tmp_path / "out.mp4"
    assert main(["extract", "-i", str(drone), "-o", str(faces), "-j", "1"]) == 0
    assert "video stream 1 (h264, 640x360, 8 frames) is read, not 0 (mjpeg" in capsys.readouterr().err
    with Faceset.open(faces) as store:
        assert store.source.index is not None
        assert store.source.index.info.video_stream == 1
        assert len(store.frames()) == COUNT
        assert len(store.faces()) >= COUNT
    convert(drone, stand_in, result, settings(), faceset=faces)
    assert ClipSource(result).index.count == COUNT
    assert (ClipSource(result).info.width, ClipSource(result).info.height) == (640, 360)
    other = settings().replace(reading=Reading(video_stream=0))
    with pytest.raises(InputError, match=r"faces of video stream 1 of .*, not of 0; choose that stream"):
        convert(drone, stand_in, tmp_path / "other.mp4", other, faceset=faces)


def test_a_stream_that_was_asked_for_is_recorded(drone: Path, tmp_path: Path) -> None:
    faces = tmp_path / "faces"
    command = ["extract", "-i", str(drone), "-o", str(faces), "-j", "1", "--video-stream"]
    assert main([*command, "1"]) == 0
    with Faceset.open(faces) as store:
        assert json.loads(json.dumps(store.source.settings))["reading"] == {"video_stream": 1}
    assert main([*command, "0", "--skip-existing"]) == 1
