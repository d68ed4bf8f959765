"""Image files that claim more than they hold, what is no file, and colours that are not sRGB."""

from __future__ import annotations

import os
import resource
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from facedouble.errors import InputError
from facedouble.settings.reading import Reading
from facedouble.video.folder_source import FolderSource
from facedouble.video.icc import read_profile
from facedouble.video.image_formats import image_format
from facedouble.video.image_header import read_header
from facedouble.video.images import image_header, profile_remark, read_image, read_pixels
from tests.video import hostile

SIDE = 32_000
BOMBS: dict[str, Callable[[], bytes]] = {
    "bomb.png": lambda: hostile.png_of(SIDE, SIDE),
    "bomb.bmp": lambda: hostile.bmp_of(SIDE, -SIDE),
    "little.tif": lambda: hostile.tiff_of(SIDE, SIDE),
    "big.tif": lambda: hostile.tiff_of(SIDE, SIDE, ">"),
    "bomb.webp": lambda: hostile.webp_of(16_000, 16_000),
    "bomb.exr": lambda: hostile.exr_of(SIDE, SIDE),
    "bomb.jpg": lambda: hostile.jpeg_resized(_encoded(".jpg"), SIDE, SIDE),
    "progressive.jpg": lambda: hostile.jpeg_resized(
        _encoded(".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]), SIDE, SIDE
    ),
    "png named.jpg": lambda: hostile.png_of(SIDE, SIDE),
}


def _picture(height: int = 24, width: int = 40) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 255, (height, width, 3)).astype(np.uint8)


def _encoded(suffix: str, options: list[int] | None = None) -> bytes:
    return np.asarray(cv2.imencode(suffix, _picture(), options or [])[1]).tobytes()


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_claims_a_giant_picture(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(BOMBS[name]())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"pixels are more than 200 megapixels"):
        read_image(path)
    with pytest.raises(InputError, match=r"pixels are more than 200 megapixels"):
        FolderSource(tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_the_limit_can_be_raised(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(_encoded(".png"))
    with pytest.raises(InputError, match=r"40x24 pixels are more than 0\.0005 megapixels"):
        read_pixels(path, Reading(max_pixels=0.0005))
    assert read_pixels(path, Reading(max_pixels=0.001)).shape == (24, 40, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp"])
def test_sizes_are_read_from_every_kind_of_header(suffix: str) -> None:
    header = read_header(_encoded(suffix))
    assert (header.width, header.height) == (40, 24)


@pytest.mark.parametrize("name", ["png", "exr", "tiff"])
def test_headers_of_what_is_written_here(name: str) -> None:
    pixels = np.dstack([_picture(), _picture()[..., 0]])
    header = read_header(image_format(name).encode(pixels, None))
    assert (header.width, header.height, header.alpha) == (40, 24, True)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp"])
def test_a_header_that_is_cut_off(tmp_path: Path, suffix: str) -> None:
    data = _encoded(suffix)
    path = tmp_path / f"cut{suffix}"
    for length in range(0, 30, 7):
        path.write_bytes(data[:length])
        with pytest.raises(InputError, match="not a readable image"):
            read_image(path)


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes in folders")
def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match="it is a pipe, not a file"):
        read_image(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="it is a device, not a file"):
        read_image(tmp_path / "zero.png")


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(7 << 30)
    with pytest.raises(InputError, match="bytes are more than"):
        read_image(path)


def profile(
    primaries: list[tuple[float, float, float]], curve: bytes, *, name: bytes = b"Display P3"
) -> bytes:
    """An ICC profile (version 2) of three primaries (columns of XYZ at D50) and one curve for all."""
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 11) + b"Display P3\0"}
    for tag, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
        tags[tag] = b"XYZ " + bytes(4) + struct.pack(">iii", *(round(65536 * value) for value in column))
    for tag in (b"rTRC", b"gTRC", b"bTRC"):
        tags[tag] = curve
    start = 132 + 12 * len(tags)
    table, body = b"", b""
    for tag, value in tags.items():
        table += struct.pack(">4sII", tag, start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = bytearray(128)
    head[16:20], head[20:24], head[36:40] = b"RGB ", b"XYZ ", b"acsp"
    data = bytes(head) + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(data)) + data[4:]


SRGB_CURVE = (
    b"para"
    + bytes(4)
    + struct.pack(
        ">HHiiiii", 3, 0, *(round(65536 * v) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
    )
)
P3 = [(0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)]
SRGB = [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)]
ADOBE = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]


def with_profile(data: bytes, icc: bytes) -> bytes:
    """A PNG or JPEG with an ICC profile; that of a JPEG in two parts, as large ones are."""
    if data[:2] == b"\xff\xd8":
        half = len(icc) // 2
        parts = [icc[:half], icc[half:]]
        segments = b""
        for number, part in enumerate(parts, 1):
            body = b"ICC_PROFILE\0" + bytes([number, 2]) + part
            segments += b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body
        return data[:2] + segments + data[2:]
    body = b"icc\0\0" + zlib.compress(icc)
    chunk = struct.pack(">I", len(body)) + b"iCCP" + body + struct.pack(">I", zlib.crc32(b"iCCP" + body))
    return data[:33] + chunk + data[33:]


def plain_png(colour: tuple[int, int, int]) -> bytes:
    picture = np.full((16, 16, 3), colour[::-1], np.uint8)
    return np.asarray(cv2.imencode(".png", picture)[1]).tobytes()


# Expected values by the matrices of CSS Color 4 (P3 and Adobe RGB to sRGB), clipped and rounded.
@pytest.mark.parametrize(
    ("primaries", "curve", "colour", "expected"),
    [
        (P3, SRGB_CURVE, (200, 120, 90), (213, 115, 83)),
        (P3, SRGB_CURVE, (128, 128, 128), (128, 128, 128)),
        (P3, SRGB_CURVE, (255, 0, 0), (255, 0, 0)),
        (ADOBE, b"curv" + bytes(4) + struct.pack(">IH", 1, 563), (200, 120, 90), (224, 121, 88)),
    ],
)
def test_a_photo_of_other_primaries_is_converted(
    tmp_path: Path,
    primaries: list[tuple[float, float, float]],
    curve: bytes,
    colour: tuple[int, int, int],
    expected: tuple[int, int, int],
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(with_profile(plain_png(colour), profile(primaries, curve)))
    found = read_image(path)[8, 8]
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert profile_remark(image_header(path)) == "its colours (Display P3) are converted to sRGB"
    assert FolderSource(tmp_path).remarks == (f"{path}: its colours (Display P3) are converted to sRGB",)


def test_the_profile_of_a_jpeg_in_two_parts(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    picture = np.full((16, 16, 3), (90, 120, 200), np.uint8)
    data = np.asarray(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 100])[1]).tobytes()
    path.write_bytes(with_profile(data, profile(P3, SRGB_CURVE)))
    assert np.abs(read_image(path)[8, 8].astype(int) - (213, 115, 83)).max() <= 2


def test_sixteen_bits_keep_their_precision(tmp_path: Path) -> None:
    ramp = np.linspace(20_000, 30_000, 64).astype(np.uint16)
    picture = np.stack([np.tile(ramp, (16, 1))] * 3, axis=-1)
    data = np.asarray(cv2.imencode(".png", picture)[1]).tobytes()
    path = tmp_path / "deep.png"
    path.write_bytes(with_profile(data, profile(P3, SRGB_CURVE)))
    found = read_pixels(path)
    assert found.dtype == np.uint16
    assert np.abs(found.astype(int) - picture).max() < 40  # grey stays grey; of 65535


def test_a_profile_of_srgb_changes_nothing(tmp_path: Path) -> None:
    assert read_profile(profile(SRGB, SRGB_CURVE)) is None
    path = tmp_path / "photo.png"
    path.write_bytes(with_profile(_encoded(".png"), profile(SRGB, SRGB_CURVE)))
    assert np.array_equal(read_image(path), _picture()[..., ::-1])
    assert FolderSource(tmp_path).remarks == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(200),
        profile(P3, SRGB_CURVE)[:180],
        profile(P3, b"mft2" + bytes(40)),
        profile(P3, b"curv" + bytes(4) + struct.pack(">I", 1 << 31)),
        profile([(0.0, 0.0, 0.0)] * 3, SRGB_CURVE).replace(b"RGB ", b"CMYK"),
    ],
    ids=["empty", "zeros", "cut", "tables", "endless", "cmyk"],
)
def test_a_profile_that_cannot_be_applied_is_said_and_left(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(with_profile(_encoded(".png"), data))
    assert np.array_equal(read_image(path), _picture()[..., ::-1])
    if data:
        (remark,) = FolderSource(tmp_path).remarks
        assert "was not applied: colours may look different" in remark
