"""Clips with several video streams: the film is read, whichever comes first, or the one that is asked for."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from facedouble.cli.main import main
from facedouble.errors import InputError
from facedouble.settings.reading import Reading
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.image_sequences import clip_to_images
from facedouble.video.main_stream import Candidate, main_candidate
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source

DEFAULT = Disposition.default
NONE = Disposition(0)


@pytest.mark.parametrize(
    ("streams", "main"),
    [
        ([("mjpeg", 320, 180, 1, 0.04, DEFAULT), ("h264", 640, 360, 30, 1.2, DEFAULT)], 1),  # a drone
        ([("mjpeg", 4000, 3000, 1, 0.04, DEFAULT), ("h264", 640, 360, 30, 1.2, NONE)], 1),
        ([("mjpeg", 4000, 3000, 0, 0.04, NONE), ("h264", 640, 360, 0, 1.2, NONE)], 1),
        ([("h264", 1920, 1080, 0, None, NONE), ("mjpeg", 320, 180, 0, None, DEFAULT)], 1),  # as players do
        ([("h264", 640, 360, 30, 1.2, DEFAULT), ("h264", 1920, 1080, 30, 1.2, DEFAULT)], 1),
        ([("h264", 640, 360, 30, 1.2, NONE), ("h264", 640, 360, 60, 2.4, NONE)], 1),
        ([("h264", 640, 360, 30, 1.2, NONE), ("h264", 640, 360, 30, 1.2, NONE)], 0),
        ([("png", 500, 500, 0, None, Disposition.attached_pic), ("h264", 64, 36, 0, None, NONE)], 1),
        ([("mjpeg", 500, 500, 9, 9.0, Disposition.timed_thumbnails), ("h264", 64, 36, 9, 9.0, NONE)], 1),
        ([(None, 1920, 1080, 0, 9.0, DEFAULT), ("h264", 64, 36, 0, 9.0, NONE)], 1),
        ([("png", 500, 500, 0, None, Disposition.attached_pic)], None),
        ([], None),
    ],
)
def test_the_main_stream_is_that_of_players(
    streams: list[tuple[str | None, int, int, int, float | None, Disposition]], main: int | None
) -> None:
    found = main_candidate([Candidate(number, *stream) for number, stream in enumerate(streams)])
    assert (None if found is None else found.number) == main


def drone(path: Path, *, streams: tuple[tuple[str, int, int, int, int], ...]) -> Path:
    """A clip of several video streams: codec, width, height, frames and grey of each."""
    with av.open(str(path), "w") as container:
        made = []
        for codec, width, height, _, _ in streams:
            stream = container.add_stream(codec, rate=25)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            made.append(stream)
        for stream, (codec, width, height, count, grey) in zip(made, streams, strict=True):
            for _ in range(count):
                picture = av.VideoFrame.from_ndarray(
                    np.full((height, width, 3), grey, np.uint8), format="rgb24"
                )
                kind = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                container.mux(stream.encode(picture.reformat(format=kind)))
            container.mux(stream.encode(None))
    return path


THUMBNAIL = (("mjpeg", 320, 180, 1, 200), ("libx264", 640, 360, 30, 60))
ANGLES = (("libx264", 640, 360, 20, 60), ("libx264", 320, 180, 25, 200))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi"])
def test_a_thumbnail_in_front_of_the_film_is_not_taken_for_it(tmp_path: Path, suffix: str) -> None:
    clip = drone(tmp_path / f"drone{suffix}", streams=THUMBNAIL)
    source = ClipSource(clip)
    assert (source.info.width, source.info.height, source.index.count) == (640, 360, 30)
    assert [round(float(frame.rgb().mean())) for frame in source.frames()] == pytest.approx([60] * 30, abs=2)
    assert len(list(source.frames(10, 12))) == 2
    (said,) = source.remarks
    assert said.startswith(f"{clip.name}: video stream 1 (h264, 640x360")
    assert "not 0 (mjpeg, 320x180" in said
    assert "reading.video_stream" in said
    result = tmp_path / "result.mp4"
    fast = ClipEncoding(preset="ultrafast")
    with open_sink(result, source.info, fast, audio_from=clip, overwrite=False) as sink:
        for frame in source.frames():
            sink.write(frame)
    assert ClipSource(result).index.count == 30


def test_any_stream_can_be_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = drone(tmp_path / "angles.mp4", streams=ANGLES)
    for number, (_, width, height, count, grey) in enumerate(ANGLES):
        for _ in range(2):  # the second time from the kept index
            source = open_source(clip, Reading(video_stream=number))
            assert (source.info.width, source.info.height) == (width, height)
            assert source.info.video_stream == number
            assert source.index.count == count
            assert float(next(source.frames()).rgb().mean()) == pytest.approx(grey, abs=2)
            assert len(list(source.frames(5, 8))) == 3
    assert open_source(clip).info.video_stream == 0
    assert clip_to_images(clip, tmp_path / "images", reading=Reading(video_stream=1)) == 25
    with pytest.raises(
        InputError, match=r"there is no video stream 2; it has 0 \(h264, 640x360, 20 frames\), 1"
    ):
        open_source(clip, Reading(video_stream=2))
    assert main(["frames", str(clip), "-o", str(tmp_path / "more"), "--video-stream", "1"]) == 0
    assert len(list((tmp_path / "more").iterdir())) == 25
    assert main(["frames", str(clip), "-o", str(tmp_path / "none"), "--video-stream", "7"]) == 1
    assert "there is no video stream 7" in capsys.readouterr().err


def test_a_clip_with_one_stream_says_nothing(clips: dict[str, Path]) -> None:
    assert list(open_source(clips["sample_03"]).remarks) == []
