"""Folders of images that are read, and what tells one source from another."""

import struct
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.video.folder_source import FolderSource
from facedouble.video.hashing import source_hash
from facedouble.video.images import read_image, write_png
from facedouble.video.source import open_source
from tests.video.sources import (
    BLUE,
    GREEN,
    GREY,
    RED,
    colours_of,
    quarters,
    reading,
)


def test_a_folder_is_read_in_natural_order(tmp_path: Path) -> None:
    folder = tmp_path / "照片 one"
    folder.mkdir()
    names = ["2.png", "10.png", "a1.png", "a²b.png", "b10.png", "b 人.PNG"]  # the order wanted
    for value, name in reversed(list(enumerate(names))):
        write_png(folder / name, np.full((8, 8 + value, 3), 20 * value, np.uint8))
    (folder / "._2.png").write_bytes(b"left by macOS")
    (folder / "notes.txt").write_text("no image")
    (folder / "sub.png").mkdir()
    source = open_source(folder)
    frames = list(source.frames())
    assert [(f.index, f.pts, f.name) for f in frames] == [(i, i, n) for i, n in enumerate(names)]
    for frame in frames:
        value = names.index(frame.name or "")
        assert frame.rgb().shape == (8, 8 + value, 3)
        assert (frame.rgb() == 20 * value).all()
    assert (source.info.kind, source.info.frames, source.info.time_base) == ("folder", 6, Fraction(1, 25))


def test_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    assert "holds no image" in reading(tmp_path)


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    write_png(tmp_path / "1.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "2.png").write_bytes((tmp_path / "1.png").read_bytes()[:40])
    (tmp_path / "3.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"2\.png: not a readable image"):
        [frame.rgb() for frame in FolderSource(tmp_path).frames()]
    with pytest.raises(InputError, match=r"3\.jpg: not a readable image"):
        read_image(tmp_path / "3.jpg")
    with pytest.raises(InputError, match=r"4\.jpg: cannot be read"):
        read_image(tmp_path / "4.jpg")


def test_images_of_every_kind_become_rgb(tmp_path: Path) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    assert np.array_equal(read_image(tmp_path / "grey.png"), np.dstack([grey] * 3))

    colour = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    alpha = np.dstack([colour[..., ::-1], np.full((8, 8), 7, np.uint8)])
    cv2.imwrite(str(tmp_path / "alpha.png"), alpha)
    assert np.array_equal(read_image(tmp_path / "alpha.png"), colour)

    for suffix in (".png", ".tif"):
        cv2.imwrite(str(tmp_path / f"deep{suffix}"), colour[..., ::-1].astype(np.uint16) * 257)
        image = read_image(tmp_path / f"deep{suffix}")
        assert image.dtype == np.uint8
        assert np.abs(image.astype(int) - colour).max() <= 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, (RED, GREEN, BLUE, GREY)),
        (3, (GREY, BLUE, GREEN, RED)),
        (6, (BLUE, RED, GREY, GREEN)),  # to be turned clockwise
        (8, (GREEN, GREY, RED, BLUE)),
    ],
)
def test_a_photo_is_turned_as_its_exif_says(
    tmp_path: Path, value: int, expected: tuple[tuple[int, int, int], ...]
) -> None:
    picture = cv2.cvtColor(quarters((RED, GREEN, BLUE, GREY)), cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    body = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, value, 0, 0)
    (tmp_path / "photo.jpg").write_bytes(
        data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    )
    assert colours_of(read_image(tmp_path / "photo.jpg")) == list(expected)


def test_a_hash_recognises_a_source(tmp_path: Path, clips: dict[str, Path]) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    write_png(folder / "1.png", np.zeros((8, 8, 3), np.uint8))
    before = source_hash(folder)
    moved = folder.rename(tmp_path / "b")
    assert source_hash(moved) == before
    write_png(moved / "1.png", np.ones((8, 8, 3), np.uint8))
    assert source_hash(moved) != before
    assert source_hash(clips["sample_01"]) != source_hash(clips["sample_02"])
