"""What frames carry besides red, green and blue: alpha, HDR, fields."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facedouble.settings.video import ClipEncoding
from facedouble.types import Box
from facedouble.video.clip_source import ClipSource
from facedouble.video.folder_source import FolderSource
from facedouble.video.frame_extras import light_level, mastering_display
from facedouble.video.images import read_pixels
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source
from tests.video.odd_clips import write
from tests.video.sources import make_clip

CASES = Path(__file__).parents[1] / "cases"
GRADED = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def copied(
    source: Path, target: Path, settings: ClipEncoding | None = None, images: str = "png"
) -> list[str]:
    opened = open_source(source)
    how = settings or ClipEncoding()
    with open_sink(target, opened.info, how, audio_from=None, overwrite=True, images=images) as sink:
        for frame in opened.frames():
            part = Box(0, 0, 16, 16)
            before = frame.pixels(part)
            sink.write(frame.painted(part, before, before // 2))
        return list(sink.remarks)


def rgba(height: int = 64, width: int = 96, deep: bool = False) -> np.ndarray:
    """A ramp that is clearer to the left."""
    picture = np.full((height, width, 4), 120, np.uint8)
    picture[..., 3] = np.linspace(0, 255, width).astype(np.uint8)
    return picture.astype(np.uint16) * 257 if deep else picture


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("images", ["png", "tiff"])
def test_alpha_of_images_is_kept(tmp_path: Path, deep: bool, images: str) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), rgba(deep=deep))
    assert FolderSource(tmp_path / "in").info.pixel_format == ("rgba64le" if deep else "rgba")
    assert copied(tmp_path / "in", tmp_path / "out", images=images) == []
    (file,) = (tmp_path / "out").iterdir()
    found = read_pixels(file, alpha=True)
    assert np.array_equal(found[..., 3], rgba(deep=deep)[..., 3])
    assert np.array_equal(found[20:, :, :3], rgba(deep=deep)[20:, :, :3])
    assert (found[:16, :16, :3] == rgba(deep=deep)[0, 0, 0] // 2).all()


def test_alpha_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), rgba())
    (line,) = copied(tmp_path / "in", tmp_path / "out", images="jpg")
    assert line == "the source's alpha is left out: .jpg cannot hold it; `encoding.format=png` can"
    (line,) = copied(tmp_path / "in", tmp_path / "out.mp4")
    assert line.startswith(
        "the source's alpha is left out: libx264 cannot hold it; `encoding.codec=prores_ks`"
    )


@pytest.mark.parametrize(
    ("name", "codec", "format"),
    [
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mkv", "ffv1", "yuva420p"),
        ("b.mkv", "ffv1", "yuva444p12le"),
        ("a.png.mov", "png", "rgba"),
    ],
)
def test_alpha_of_clips_is_kept(tmp_path: Path, name: str, codec: str, format: str) -> None:
    picture = av.VideoFrame.from_ndarray(rgba(), format="rgba").reformat(format=format)
    options = {"profile": "4444"} if codec == "prores_ks" else {}
    source = make_clip(tmp_path / name, [picture] * 2, codec=codec, options=options)
    target = tmp_path / f"out{source.suffix}"
    kept = "ffv1" if codec == "png" and source.suffix == ".mkv" else "prores_ks" if codec == "png" else codec
    assert copied(source, target, ClipEncoding(codec=kept)) == []
    for frame in ClipSource(target).frames():
        alpha = frame.channels()[..., 3].astype(float)
        alpha *= 255 / np.iinfo(frame.channels().dtype).max
        assert np.abs(alpha - rgba()[..., 3]).max() < 3
    assert copied(source, tmp_path / "images") == []
    file = sorted((tmp_path / "images").iterdir())[0]
    assert read_pixels(file, alpha=True).shape[2] == 4


def test_an_opaque_gif_has_no_alpha_to_lose(tmp_path: Path) -> None:
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgba()[..., :3]), format="rgb24")
    source = make_clip(tmp_path / "a.gif", [picture.reformat(format="rgb8")] * 2, codec="gif", options={})
    assert copied(source, tmp_path / "out.mp4") == []


def graded(path: Path) -> Path:
    """An HDR10 clip."""
    flat = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 90, np.uint8), format="rgb24")
    frames = [flat.reformat(format="yuv420p10le") for _ in range(12)]
    parameters = f"log-level=none:bframes=0:master-display={GRADED}:max-cll=1000,400"
    tags: dict[str, int | Fraction] = {
        "colorspace": 9,
        "color_primaries": 9,
        "color_trc": 16,
        "color_range": 1,
    }
    return make_clip(path, frames, codec="libx265", options={"x265-params": parameters}, tags=tags)


@pytest.mark.parametrize(("codec", "lines"), [("libx265", 0), ("libx264", 1), ("libvpx-vp9", 3)])
def test_how_hdr_was_graded_is_kept_or_said(tmp_path: Path, codec: str, lines: int) -> None:
    source = graded(tmp_path / "hdr.mkv")
    info = ClipSource(source).info
    assert (info.mastering_display, info.light_level) == (GRADED, "1000,400")
    target = tmp_path / "out.mkv"
    settings = (
        ClipEncoding(codec=codec) if codec == "libvpx-vp9" else ClipEncoding(codec=codec, preset="ultrafast")
    )
    said = copied(source, target, settings)
    assert len(said) == lines
    found = ClipSource(target).info
    if codec == "libvpx-vp9":
        assert all("left out" in line for line in said[1:])
        assert "in 8 bits, which shows bands" in said[0]
        return
    assert (found.mastering_display, found.light_level) == (GRADED, "1000,400")
    assert found.colour_transfer == 16
    assert found.pixel_format == "yuv420p10le"
    if said:
        assert said == [
            "HDR (PQ) is written as H.264 High 10, which few players show; more show `encoding.codec=libx265`"
        ]


def test_damaged_grading_is_none() -> None:
    good = [
        (17, 25),
        (8, 25),
        (3, 25),
        (39, 50),
        (1, 10),
        (1, 20),
        (3127, 10_000),
        (329, 1000),
        (1, 200),
        (1000, 1),
    ]
    flat = [number for ratio in good for number in ratio]
    assert mastering_display({"MASTERING_DISPLAY_METADATA": struct.pack("=22i", *flat, 1, 1)}).startswith(
        "G("
    )
    for values in ([0] * 20, [*flat[:3], 0, *flat[4:]], [-1, *flat[1:]]):
        data = struct.pack("=22i", *values, 1, 1)
        assert mastering_display({"MASTERING_DISPLAY_METADATA": data}) == ""
    assert light_level({"CONTENT_LIGHT_LEVEL": b"\1"}) == ""
    assert light_level({"CONTENT_LIGHT_LEVEL": struct.pack("=2I", 1 << 31, 1)}) == ""


def test_fields_are_kept_or_said(tmp_path: Path) -> None:
    source = CASES / "dvd.mpg"
    (line,) = ClipSource(source).remarks
    assert line.startswith("dvd.mpg: it is interlaced: faces that move are torn, and the colours of its")
    assert ClipSource(source).info.field_order in ("top", "bottom")
    said = copied(source, tmp_path / "out.mp4", ClipEncoding(preset="ultrafast"))
    assert said == []
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).interlaced_frame
    said = copied(source, tmp_path / "out.mkv", ClipEncoding(codec="ffv1"))
    assert said == ["the source is interlaced, and the result does not say so; `encoding.codec=libx264` does"]


def _inside(data: bytes, path: list[str], payload: bytes) -> bytes:
    """The boxes ``data`` of an MP4 with ``payload`` at the end of the box that ``path`` leads to."""
    skip = {"stsd": 8, "avc1": 78}
    found, at = b"", 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + size]
        if path and kind == path[0].encode():
            head = skip.get(path[0], 0)
            body = body[:head] + _inside(body[head:], path[1:], payload)
            if len(path) == 1:
                body += payload
        found += struct.pack(">I4s", 8 + len(body), kind) + body
        at += size
    return found


@pytest.mark.parametrize(("name", "what"), [
    ("st3d", "the arrangement of a stereo picture"), ("sv3d", "the mapping of a 360 degree picture")
])  # fmt: skip
@pytest.mark.parametrize("suffix", ["images", "mp4", "mov", "mkv", "webm"])
def test_spherical_and_stereo_pictures_are_said_to_lose_it(
    tmp_path: Path, name: str, what: str, suffix: str
) -> None:
    """No container has it afterwards, and each time one line says so."""
    plain = write(tmp_path / "plain.mp4", "libx264", count=3)
    if name == "st3d":
        box = struct.pack(">I4sIB", 13, b"st3d", 0, 1)  # top and bottom
    else:
        heading = struct.pack(">I4sIB", 13, b"svhd", 0, 0)
        pose = struct.pack(">I4sIiii", 24, b"prhd", 0, 0, 0, 0)
        equal = struct.pack(">I4sIIIII", 28, b"equi", 0, 0, 0, 0, 0)
        projection = struct.pack(">I4s", 8 + len(pose + equal), b"proj") + pose + equal
        box = struct.pack(">I4s", 8 + len(heading + projection), b"sv3d") + heading + projection
    path = ["moov", "trak", "mdia", "minf", "stbl", "stsd", "avc1"]
    source = tmp_path / "source.mp4"
    source.write_bytes(_inside(plain.read_bytes(), path, box))
    assert ClipSource(source).info.lost_extras == what
    target = tmp_path / ("images" if suffix == "images" else f"out.{suffix}")
    how = ClipEncoding(codec="libvpx-vp9" if suffix == "webm" else "libx264")
    assert sum(what in line and "left out" in line for line in copied(source, target, how)) == 1
    if suffix != "images":
        assert ClipSource(target).info.lost_extras == ""
