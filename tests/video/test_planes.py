"""Planes as they are decoded, parts of them in RGB, and what is painted into them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from facedouble.settings.video import ClipEncoding
from facedouble.types import Box
from facedouble.video.clip_source import ClipSource
from facedouble.video.frame import Frame
from facedouble.video.planes import LAYOUTS, YuvPlanes
from facedouble.video.regions import padded_regions
from facedouble.video.sinks import WorkFolder, open_parts, open_sink
from facedouble.video.yuv import YuvColour


def planar(format: str, *, full_range: bool = False, width: int = 192, height: int = 128) -> YuvPlanes:
    """Soft colours well inside what RGB can show."""
    layout = LAYOUTS[format]
    unit = 1 << (layout.depth - 8)
    y, x = np.mgrid[:height, :width]
    luma = (120 + 30 * np.sin(x / 17) * np.cos(y / 13)) * unit
    chroma = (128 + 12 * np.sin((x + y) / 29)) * unit, (128 + 12 * np.cos((x - y) / 23)) * unit
    kind = np.uint8 if layout.depth == 8 else np.uint16
    step = slice(None, None, 1 << layout.down), slice(None, None, 1 << layout.across)
    planes = [luma, *(plane[step] for plane in chroma)]
    y_, cb, cr = (np.rint(plane).astype(kind) for plane in planes)
    return YuvPlanes(format, (y_, cb, cr), YuvColour(Colorspace.ITU709, full_range))


def stored_upright(frame: Frame) -> YuvPlanes:
    assert isinstance(frame.content, YuvPlanes)
    found = frame.content.upright()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("format", "full_range"),
    [(name, full) for name in LAYOUTS for full in (False, True) if full or not name.startswith("yuvj")],
)
def test_painting_changes_what_is_painted_and_no_other_sample(format: str, full_range: bool) -> None:
    picture = planar(format, full_range=full_range)
    across, down, depth = picture.layout
    (part,) = padded_regions([Box(60, 40, 100, 80)], picture.size)
    before = picture.pixels(part)
    assert before.dtype == (np.uint8 if depth == 8 else np.uint16)
    after = before.copy()
    inner = slice(60 - part.top + 4, 60 - part.top + 20), slice(70 - part.left, 70 - part.left + 21)
    peak = np.iinfo(before.dtype).max
    after[inner] = np.rint(np.array((0.6, 0.4, 0.35)) * peak)
    result = picture.painted(part, before, after)
    rows, columns = np.nonzero(picture.planes[0] != result.planes[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (64, 79, 70, 90)
    for old, new in zip(picture.planes[1:], result.planes[1:], strict=True):
        rows, columns = np.nonzero(old != new)
        assert rows.min() >= 64 >> down
        assert rows.max() <= 79 >> down
        assert columns.min() >= 70 >> across
        assert columns.max() <= 90 >> across
    seen = result.pixels(part)[inner][4:-4, 4:-4].astype(float) / peak
    tolerance = 0.012 if full_range else 0.008  # a level of 8-bit chroma is 0.008
    assert np.abs(seen.mean(axis=(0, 1)) - (0.6, 0.4, 0.35)).max() < tolerance
    assert picture.painted(part, before, before) is picture


@pytest.mark.parametrize("format", ["yuv420p", "yuvj420p", "yuv420p10le", "yuv422p10le", "yuv444p12le"])
def test_what_is_hardly_changed_hardly_moves(format: str) -> None:
    """A trip through RGB and back may not tint or darken what is painted."""
    picture = planar(format, full_range=format.startswith("yuvj"))
    part = Box(0, 0, *picture.size)
    before = picture.pixels(part)
    after = before.copy()
    after += 1  # of 255 or of 65535: in deep pictures it is nothing
    result = picture.painted(part, before, after)
    unit = 1 << (picture.layout.depth - 8)
    for number, (old, new) in enumerate(zip(picture.planes, result.planes, strict=True)):
        drift = (new.astype(float) - old)[4:-4, 4:-4].mean() / unit
        expected = 0.0 if number or unit > 1 else 1.0 if picture.colour.full_range else 219 / 255
        assert drift == pytest.approx(expected, abs=0.16)


def test_boxes_around_faces() -> None:
    size = (1280, 720)
    one, other = padded_regions([Box(100, 100, 200, 200), Box(900, 300, 1000, 420)], size)
    for part in (one, other):
        assert part.left % 2 == part.top % 2 == part.width % 64 == part.height % 64 == 0
    assert one.left <= 84
    assert one.right >= 216
    (joined,) = padded_regions([Box(100, 100, 200, 200), Box(210, 150, 300, 260)], size)
    assert joined.left <= 84
    assert joined.right >= 316
    assert padded_regions([Box(-50, -50, 2000, 1000)], size) == [Box(0, 0, 1280, 720)]
    assert padded_regions([Box(1300, 0, 1400, 100)], size) == []
    assert padded_regions([Box(0, 0, 30, 30)], (40, 30)) == [Box(0, 0, 40, 30)]


@pytest.mark.parametrize("name", ["face_noface", "noface_face", "single_face", "WolfgangLanger_Pexels"])
def test_phone_clips_keep_their_samples_times_and_tags(
    phone_clips: dict[str, Path], tmp_path: Path, name: str
) -> None:
    """HEVC with a rate that varies and a display matrix, and others: written without loss, everything is
    as it was, and upright."""
    source = ClipSource(phone_clips[name])
    path = tmp_path / "copy.mov"
    settings = ClipEncoding(crf=0, preset="ultrafast")  # which is without loss
    count = 20
    with open_sink(path, source.info, settings, audio_from=source.path, overwrite=False) as sink:
        for frame in islice(source.frames(), count):
            sink.write(frame)
    copy = ClipSource(path)
    assert copy.times() == [frame.pts for frame in islice(source.frames(), count)]
    assert (copy.info.width, copy.info.height) == (source.info.width, source.info.height)
    assert copy.info.pixel_format.replace("yuvj", "yuv") == source.info.pixel_format.replace("yuvj", "yuv")
    for tag in ("colour_range", "colour_matrix", "colour_primaries", "colour_transfer"):
        assert getattr(copy.info, tag) == getattr(source.info, tag)
    for old, new in zip(source.frames(), copy.frames(), strict=False):
        upright, again = stored_upright(old), stored_upright(new)
        assert all(np.array_equal(a, b) for a, b in zip(upright.planes, again.planes, strict=True))


def test_ten_bits_through_the_default_encoder(tmp_path: Path) -> None:
    """H.264 of ten bits, in parts, and full range kept."""
    pictures = [planar("yuv420p10le", full_range=True) for _ in range(4)]
    source = tmp_path / "source.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p10le"
        stream.codec_context.color_range = int(ColorRange.JPEG)
        for picture in pictures:
            frame = av.VideoFrame(192, 128, "yuv420p10le")
            for plane, samples in zip(frame.planes, picture.planes, strict=True):
                rows = np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)
                rows[:, : plane.width] = samples
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    opened = ClipSource(source)
    path = tmp_path / "out.mp4"
    settings = ClipEncoding(crf=1, preset="ultrafast")
    with open_parts(
        path, opened.info, settings, WorkFolder(path, {}), audio_from=None, overwrite=False
    ) as sink:
        for shown in opened.frames():
            sink.write(shown)
            if shown.index == 1:
                sink.finish_part({})
        sink.finish_part({})
    found = ClipSource(path)
    assert (found.info.pixel_format, found.info.colour_range) == ("yuv420p10le", int(ColorRange.JPEG))
    for picture, again in zip(pictures, found.frames(), strict=True):
        for old, new in zip(picture.planes, stored_upright(again).planes, strict=True):
            assert np.abs(new.astype(int) - old).max() <= 6
