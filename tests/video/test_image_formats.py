from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.errors import SettingsError
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.exr import decode_exr, encode_exr, from_linear, linear
from facedouble.video.folder_source import FolderSource
from facedouble.video.frame import Frame
from facedouble.video.image_formats import image_format
from facedouble.video.image_sequences import clip_to_images, images_to_clip
from facedouble.video.images import read_image, read_pixels
from facedouble.video.pixels import to_eight_bits
from facedouble.video.registry import IMAGE_FORMATS

ERRORS = {"png": 0, "tiff": 0, "jpg": 4, "exr": 0.0015}
"""What a value may be off by on average: of 255 for JPEG, of 1 for the eleven bits of half floats."""


def picture(kind: type, channels: int = 3) -> np.ndarray:
    random = np.random.default_rng(0).random((40, 56, channels))
    soft = cv2.GaussianBlur(random, (0, 0), 3)
    soft = (soft - soft.min()) / (soft.max() - soft.min())
    return (soft * np.iinfo(kind).max).round().astype(kind)


@pytest.mark.subprocess
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", IMAGE_FORMATS)
def test_what_is_written_is_read_again(tmp_path: Path, name: str, kind: type) -> None:
    format = image_format(name)
    pixels = picture(kind)
    path = tmp_path / f"a{format.suffix}"
    path.write_bytes(format.encode(pixels, "a comment"))
    found = read_pixels(path)
    deep = format.deep and (kind is np.uint16 or name == "exr")
    assert found.dtype == (np.uint16 if deep else np.uint8)
    old = pixels / np.iinfo(kind).max
    error = np.abs(found / np.iinfo(found.dtype).max - old).mean()
    if name == "jpg":
        assert error * 255 < ERRORS[name]
    elif ERRORS[name]:
        assert error < ERRORS[name]
    else:
        assert np.array_equal(found, pixels)
    eight = read_image(path)
    assert eight.dtype == np.uint8
    assert np.abs(eight.astype(int) - to_eight_bits(pixels)).mean() < 3
    (source,) = FolderSource(tmp_path).frames()
    shown = source.channels() if name == "exr" else source.pixels()  # light is shown with a shoulder
    assert np.abs(shown.astype(int) - found).max() <= (2 if name == "exr" else 0)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", [name for name, format in IMAGE_FORMATS.items() if format.alpha])
def test_alpha_is_kept(tmp_path: Path, name: str, kind: type) -> None:
    pixels = picture(kind, 4)
    pixels[:8, :, 3] = 0
    format = IMAGE_FORMATS[name]
    data = format.encode(pixels, None)
    if name == "exr":
        # Multiplied by alpha: nothing where that is 0, and light where it is not.
        shown = decode_exr(data)
        assert not shown[:8].any()
        expected = from_linear(linear(pixels)[..., :3] * linear(pixels)[..., 3:])
        assert np.abs(shown.astype(int) - expected).max() < 150
        return
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    assert found.dtype == kind
    assert np.array_equal(cv2.cvtColor(found, cv2.COLOR_BGRA2RGBA), pixels)


def test_light_and_display_values_are_each_others_inverse() -> None:
    every = np.arange(65_536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, axis=2)
    assert np.abs(from_linear(linear(every)).astype(int) - every).max() <= 1
    assert linear(np.full((1, 1, 3), 188, np.uint8))[0, 0, 0] == pytest.approx(0.5029, abs=1e-3)
    assert encode_exr(picture(np.uint8))[:4] == bytes((0x76, 0x2F, 0x31, 0x01))


def test_an_exr_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not an EXR"):
        decode_exr(b"nothing of the kind" * 10)
    with pytest.raises(SettingsError, match="choose one of: png, jpg, tiff, exr"):
        image_format("gif")


@pytest.mark.slow
@pytest.mark.subprocess
@pytest.mark.parametrize("name", IMAGE_FORMATS)
def test_a_clip_taken_apart_and_put_together(clips: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = tmp_path / "images"
    settings = ClipEncoding(crf=1, preset="ultrafast")
    count = clip_to_images(clips["sample_01"], folder, fps=2, image_format=name)
    suffix = IMAGE_FORMATS[name].suffix
    assert len(list(folder.glob(f"*{suffix}"))) == count == 7
    assert images_to_clip(folder, tmp_path / "again.mp4", fps=2, settings=settings) == count
    taken = [int(path.stem) for path in sorted(folder.iterdir())]
    old: list[Frame] = [frame for frame in ClipSource(clips["sample_01"]).frames() if frame.index in taken]
    again = ClipSource(tmp_path / "again.mp4")
    # Half floats have more than 8 bits, so the clip has them too.
    assert again.info.pixel_format == ("yuv420p10le" if name == "exr" else "yuv420p")
    for before, after in zip(old, again.frames(), strict=True):
        assert np.abs(after.rgb().astype(int) - before.rgb()).mean() < 1
