"""Images whose pixels are not square say so, and are read as they say."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facedouble.video.clip_source import ClipSource
from facedouble.video.folder_source import FolderSource
from facedouble.video.image_aspect import read_pixel_aspect, with_pixel_aspect
from facedouble.video.image_formats import image_format
from facedouble.video.image_sequences import clip_to_images, images_to_clip
from facedouble.video.images import read_pixels
from facedouble.video.registry import IMAGE_FORMATS
from facedouble.video.sinks import open_sink
from tests.video.sinks import FINE, info, plain

RAMP = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None] * 3, (48, 64, 3)).copy()


@pytest.mark.subprocess
@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(2), Fraction(64, 45), Fraction(8, 9)])
@pytest.mark.parametrize("name", list(IMAGE_FORMATS))
def test_what_is_written_is_read(tmp_path: Path, name: str, aspect: Fraction) -> None:
    format = image_format(name)
    data = format.encode(RAMP, "a comment")
    path = tmp_path / f"image{format.suffix}"
    path.write_bytes(data)
    pixels = read_pixels(path)
    path.write_bytes(with_pixel_aspect(data, aspect))
    assert read_pixel_aspect(path.read_bytes()) == aspect
    assert np.array_equal(read_pixels(path), pixels)
    source = FolderSource(tmp_path)
    assert source.info.sample_aspect == aspect
    (frame,) = source.frames()
    assert frame.shown_size == source.info.shown_size
    assert frame.rgb().shape[:2] == frame.shown_size[::-1]


def test_what_makes_no_sense_is_not_applied(tmp_path: Path) -> None:
    png = image_format("png").encode(RAMP, None)
    for across, down in ((0, 1), (1, 0), (1, 1000), (1000, 1)):
        chunk = struct.pack(">I4sIIBI", 9, b"pHYs", across, down, 0, 0)
        assert read_pixel_aspect(png[:33] + chunk + png[33:]) == 1
    exr = image_format("exr").encode(RAMP, None)
    for value in (0.0, -2.0, float("nan"), float("inf"), 1e30):
        at = exr.index(b"pixelAspectRatio\0float") + 27
        assert read_pixel_aspect(exr[:at] + struct.pack("<f", value) + exr[at + 4 :]) == 1
    for data in (png[:20], b"", b"\xff\xd8\xff\xe0\0\x10JFIF\0", b"II*\0\xff\xff\xff\xff", exr[:40]):
        assert read_pixel_aspect(data) == 1


@pytest.mark.subprocess
@pytest.mark.parametrize("name", list(IMAGE_FORMATS))
def test_a_clip_becomes_images_and_a_clip_again(tmp_path: Path, name: str) -> None:
    clip = tmp_path / "anamorphic.mp4"
    like = info(tmp_path, 90, 72, sample_aspect=Fraction(64, 45))
    with open_sink(clip, like, FINE, audio_from=None, overwrite=False) as sink:
        for frame in plain(4, 90, 72):
            sink.write(frame)
    clip_to_images(clip, tmp_path / "images", image_format=name)
    images_to_clip(tmp_path / "images", tmp_path / "again.mkv")
    again = ClipSource(tmp_path / "again.mkv")
    assert again.info.sample_aspect == Fraction(64, 45)
    assert (again.info.width, again.info.height) == (90, 72)
