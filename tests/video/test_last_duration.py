"""How long the last frame is shown: a GIF or a clip that holds its last picture keeps doing so."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.image_sequences import clip_to_images, images_to_clip
from facedouble.video.sinks import open_parts, open_sink, open_work_folder
from facedouble.video.source import open_source

COUNT, STEP, HELD = 24, Fraction(1, 25), Fraction(3)
END = (COUNT - 1) * STEP + HELD
CODECS = {
    ".gif": ("gif", "rgb8"),
    ".mp4": ("libx264", "yuv420p"),
    ".mkv": ("libx264", "yuv420p"),
    ".mov": ("prores_ks", "yuv422p10le"),
}


def holding(path: Path) -> Path:
    """A clip that shows each frame for 40 ms and its last for 3 s."""
    codec, format = CODECS[path.suffix]
    tick = Fraction(1, 100)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, time_base=tick)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, format
        stream.codec_context.max_b_frames = 0
        packets = []
        for index in range(COUNT):
            picture = np.full((64, 96, 3), 10 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=format)
            frame.pts, frame.time_base = index * 4, tick
            packets += stream.encode(frame)
        for packet in [*packets, *stream.encode(None)]:
            packet.duration = round(HELD / tick) if packet.pts == 4 * (COUNT - 1) else 4
            container.mux(packet)
    return path


def end_of(path: Path) -> Fraction:
    """When the last frame of a clip ends, in seconds."""
    index = ClipSource(path).index
    return index.end * index.info.time_base


@pytest.mark.parametrize("suffix", CODECS)
def test_the_last_frame_has_its_own_duration(tmp_path: Path, suffix: str) -> None:
    clip = holding(tmp_path / f"held{suffix}")
    source = ClipSource(clip)
    assert source.index.count == COUNT
    assert abs(end_of(clip) - END) < Fraction(1, 500)
    *_, last = source.frames()
    assert last.duration == source.index.duration(COUNT - 1)
    assert source.info.rate == 25


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("codec", ["libx264", "ffv1", "libx265"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_result_holds_its_last_frame_as_long(
    tmp_path: Path, suffix: str, codec: str, parts: bool
) -> None:
    if (suffix, codec) == (".mp4", "ffv1"):
        pytest.skip("MP4 does not hold FFV1")
    source = ClipSource(holding(tmp_path / "held.gif"))
    result = tmp_path / f"result{suffix}"
    encoding = ClipEncoding(codec=codec) if codec == "ffv1" else ClipEncoding(codec=codec, preset="veryfast")
    if parts:
        with (
            open_work_folder(result, {}) as work,
            open_parts(result, source.info, encoding, work, audio_from=None, overwrite=False) as sink,
        ):
            for frame in source.frames():
                sink.write(frame)
                if (frame.index + 1) % 10 == 0:
                    sink.finish_part({})
            sink.finish_part({})
    else:
        with open_sink(result, source.info, encoding, audio_from=None, overwrite=False) as whole:
            for frame in source.frames():
                whole.write(frame)
    copy = ClipSource(result)
    assert copy.index.count == COUNT
    assert abs(end_of(result) - END) < Fraction(1, 500)
    levels = [float(frame.rgb().mean()) for frame in copy.frames()]
    assert np.abs(np.array(levels) - [float(frame.rgb().mean()) for frame in source.frames()]).max() < 4
    with av.open(str(result)) as container:
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(float(END), abs=2e-3)
        # For a player that asks the frames.
        *_, last = container.decode(video=0)
        assert last.duration is not None
        assert last.time_base is not None
        assert last.duration * last.time_base == pytest.approx(float(HELD), abs=2e-3)


def test_images_take_the_last_duration_from_the_clip_of_the_sound(tmp_path: Path) -> None:
    clip = holding(tmp_path / "held.mkv")
    clip_to_images(clip, tmp_path / "images")
    images_to_clip(tmp_path / "images", tmp_path / "again.mp4", audio_from=clip)
    assert abs(end_of(tmp_path / "again.mp4") - END) < Fraction(1, 500)
    assert open_source(tmp_path / "again.mp4").index.count == COUNT
