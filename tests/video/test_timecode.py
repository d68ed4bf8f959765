"""Time code: counted as SMPTE counts it, and right in what is written of some frames only."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.image_sequences import clip_to_images, images_to_clip
from facedouble.video.sinks import Span, open_parts, open_sink, open_work_folder
from facedouble.video.source_timecode import source_timecode
from facedouble.video.timecode import Timecode, read_timecode, timecode_attribute

from .plates import exr_parts, timecode, write_rgb

NTSC, FILM = Fraction(30_000, 1001), Fraction(24_000, 1001)


@pytest.mark.parametrize(
    ("text", "rate", "frames", "expected"),
    [
        ("01:00:00:00", Fraction(25), 1, "01:00:00:01"),
        ("01:00:00:23", FILM, 1, "01:00:01:00"),
        ("00:59:59:24", Fraction(25), 1, "01:00:00:00"),
        ("00:00:59;29", NTSC, 1, "00:01:00;02"),  # two numbers are left out
        ("00:09:59;29", NTSC, 1, "00:10:00;00"),  # but not in every tenth minute
        ("00:00:00;00", NTSC, 107_892, "01:00:00;00"),
        ("00:00:59:29", NTSC, 1, "00:01:00:00"),
        ("00:00:59;59", 2 * NTSC, 1, "00:01:00;04"),
        ("23:59:59:24", Fraction(25), 1, "00:00:00:00"),
        ("10:00:00:00", Fraction(25), -1, "09:59:59:24"),
        ("23:59:59;29", NTSC, 1, "00:00:00;00"),
    ],
)
def test_frames_are_counted_as_smpte_does(text: str, rate: Fraction, frames: int, expected: str) -> None:
    assert str(Timecode.parse(text, rate).moved(frames)) == expected
    assert str(Timecode.parse(text, rate)) == text


@pytest.mark.parametrize("text", ["", "1:2:3", "24:00:00:00", "00:60:00:00", "00:00:00:25", "x" * 999])
def test_what_is_no_time_code(text: str) -> None:
    with pytest.raises(ValueError, match="no time code"):
        Timecode.parse(text, Fraction(25))


def test_openexr_has_it_in_bits() -> None:
    one = Timecode.parse("12:34:56;12", NTSC)
    stored = timecode_attribute(one)
    assert stored is not None
    assert read_timecode(stored.value, NTSC) == one
    assert stored.value[:4].hex() == "52563412"  # drop frame is the second highest bit of the frames
    assert timecode_attribute(Timecode.parse("01:00:00:00", Fraction(60))) is None
    for value in (None, b"", b"\xff" * 8, b"\x29\0\0\0\0\0\0\0"):
        assert read_timecode(value, Fraction(24)) is None


def take(path: Path, text: str, *, rate: Fraction = Fraction(25), codec: str = "ffv1") -> None:
    """A clip of 40 frames, each of its own grey, with this time code."""
    with av.open(str(path), "w") as container:
        options = {"profile": "dnxhr_hq"} if codec == "dnxhd" else {}
        stream = container.add_stream(codec, rate=rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 256, 128
        stream.pix_fmt = "yuv422p10le" if codec == "prores_ks" else "yuv422p"
        container.metadata["timecode"] = text
        if path.suffix == ".mov":
            stream.metadata["timecode"] = text
        for number in range(40):
            grey = np.full((128, 256, 3), 5 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def written(source: Path, output: Path, first: int, codec: str) -> None:
    """The frames of a source from ``first`` on, as a conversion that leaves out the others writes them."""
    opened = ClipSource(source)
    base = opened.info.time_base
    times = [int(time) * base for time in opened.index.times]
    with (
        open_work_folder(output, {}, lambda _: True) as work,
        open_parts(
            output, opened.info, ClipEncoding(codec=codec), work, audio_from=source, overwrite=False
        ) as sink,
    ):
        for frame in opened.frames(first):
            sink.write(replace(frame, pts=frame.pts - round((times[first] - times[0]) / base)))
        sink.finish_part({})
        sink.trim([Span(times[first], None, times[0])])


@pytest.mark.parametrize(
    ("name", "codec", "text", "rate", "expected"),
    [
        ("a.mov", "prores_ks", "10:00:00:05", Fraction(25), "10:00:00:17"),
        ("a.mov", "dnxhr", "10:00:00:05", Fraction(25), "10:00:00:17"),
        ("a.mp4", "libx264", "00:00:59;20", NTSC, "00:01:00;04"),
        ("a.mkv", "ffv1", "01:59:59:20", Fraction(25), "02:00:00:07"),
    ],
)
def test_frames_in_front_are_left_out(
    tmp_path: Path, name: str, codec: str, text: str, rate: Fraction, expected: str
) -> None:
    source = tmp_path / "source.mov"
    take(source, text, rate=rate, codec="prores_ks")
    output = tmp_path / name
    written(source, output, 12, codec)
    result = ClipSource(output)
    start = source_timecode(result.info)
    assert str(start) == expected
    assert abs(int(next(iter(result.frames())).rgb()[64, 128, 1]) - 60) <= 3  # frame 12


@pytest.mark.parametrize("codec", ["mpeg2video", "dnxhd"])
def test_mxf_is_read(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.mxf"
    take(path, "10:00:00:05", codec=codec)
    source = ClipSource(path)
    assert source.index.count == 40
    assert str(source_timecode(source.info)) == "10:00:00:05"
    for first in (0, 17, 39):
        found = [round(float(frame.rgb().mean()) / 5) for frame in source.frames(first, first + 1)]
        assert found == [first]
    written(path, tmp_path / "out.mov", 5, "prores_ks")
    with av.open(str(tmp_path / "out.mov")) as container:
        assert not [name for name in container.metadata if "uid" in name or "umid" in name]
    assert str(source_timecode(ClipSource(tmp_path / "out.mov").info)) == "10:00:00:10"


@pytest.mark.parametrize(("depth", "expected"), [("yuv420p", "yuv422p"), ("yuv422p10le", "yuv422p10le")])
def test_dnxhr_keeps_the_depth(tmp_path: Path, depth: str, expected: str) -> None:
    source = tmp_path / "source.mov"
    take(source, "01:00:00:00", codec="prores_ks")
    opened = ClipSource(source)
    output = tmp_path / "out.mov"
    like = replace(opened.info, pixel_format=depth)
    with open_sink(output, like, ClipEncoding(codec="dnxhr"), audio_from=None, overwrite=False) as sink:
        for frame in opened.frames(0, 3):
            sink.write(frame)
    with av.open(str(output)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("dnxhd", expected)
        assert context.profile is not None
        assert "DNXHR" in context.profile.upper()


@pytest.mark.subprocess
def test_plates_of_a_clip_have_each_their_own(tmp_path: Path) -> None:
    source = tmp_path / "source.mov"
    take(source, "00:00:59;28", rate=NTSC, codec="prores_ks")
    clip_to_images(source, tmp_path / "out", image_format="exr")
    for number, expected in ((0, timecode(0, 0, 59, 28, drop=True)), (2, timecode(0, 1, 0, 2, drop=True))):
        ((_, _, header),) = exr_parts(tmp_path / "out" / f"{number:06d}.exr")
        assert str(header["timeCode"]) == str(expected)
        assert header["framesPerSecond"] == NTSC


@pytest.mark.subprocess
def test_a_clip_of_plates_starts_with_that_of_the_first(tmp_path: Path) -> None:
    for number in range(3):
        write_rgb(
            tmp_path / "in" / f"p.{1001 + number}.exr",
            np.full((128, 256, 3), 0.2, np.float16),
            timeCode=timecode(10, 20, 30, 5 + number),
            framesPerSecond=Fraction(24, 1),
        )
    images_to_clip(tmp_path / "in", tmp_path / "out.mov", settings=ClipEncoding(codec="dnxhr"))
    result = ClipSource(tmp_path / "out.mov")
    assert str(source_timecode(result.info)) == "10:20:30:05"
    assert result.info.rate == 24
