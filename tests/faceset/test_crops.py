"""Crops and folders of a faceset that are not what they were: exchanged, huge, links, pipes."""

import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.faceset.codec import FrameRecord, SourceRecord
from facedouble.faceset.crops import read_crop
from facedouble.faceset.layout import BLURRY, CROPS, DATABASE, DROPPED, LAYERS, crop_name
from facedouble.faceset.record import encode_record
from facedouble.faceset.store import Faceset
from facedouble.types import Face
from facedouble.video.images import read_png_comment, write_png
from tests.factories import CROP, full_face


def make(path: Path, clip: str, seed: int) -> list[Face]:
    """A faceset of two faces whose crops are of one colour each."""
    source = SourceRecord(clip, f"{seed:064x}", 640, 480, Fraction(1, 25), {}, "facedouble test")
    faces = [full_face(frame + seed, cropped=True).with_(frame_index=frame, face_index=0) for frame in (0, 1)]
    with Faceset.create(path, source) as faceset:
        for face in faces:
            frame = FrameRecord(face.frame_index, face.frame_index)
            faceset.add_frame(frame, [face])
            picture = np.full((CROP, CROP, 3), 50 * seed + face.frame_index, dtype=np.uint8)
            write_png(path / CROPS / crop_name(*face.key), picture, encode_record(face, frame, source))
        faceset.mark_complete()
        faceset.commit()
    return faces


@pytest.fixture
def a(tmp_path: Path) -> Path:
    make(tmp_path / "a", "a.mp4", 1)
    return tmp_path / "a"


@pytest.fixture
def opened(a: Path) -> Iterator[Faceset]:
    with Faceset.open(a) as faceset:
        yield faceset


def crop(a: Path, frame: int = 0) -> Path:
    return a / CROPS / crop_name(frame, 0)


def test_a_crop_is_read_as_it_was_written(opened: Faceset) -> None:
    assert [int(opened.read_crop(face)[0, 0, 0]) for face in opened] == [50, 51]


def test_the_crop_of_another_person_under_this_ones_name_is_refused(
    opened: Faceset, a: Path, tmp_path: Path
) -> None:
    make(tmp_path / "b", "b.mp4", 2)
    shutil.copy(crop(tmp_path / "b"), crop(a))
    with pytest.raises(InputError, match=r"000000_0.png: it was cut out of b.mp4"):
        opened.read_crop(opened.faces()[0])
    assert opened.read_crop(opened.faces()[1])[0, 0, 0] == 51


def test_two_crops_exchanged_are_refused(opened: Faceset, a: Path) -> None:
    shutil.copy(crop(a, 1), crop(a))
    with pytest.raises(InputError, match=r"is face 0 of frame 1 of a.mp4"):
        opened.read_crop(opened.faces()[0])


def test_a_crop_that_was_retouched_elsewhere_is_used(opened: Faceset, a: Path) -> None:
    """Without a record, or with some other text."""
    for comment in (None, "Created with a painting program", '{"facedouble": 99}'):
        write_png(crop(a), np.full((CROP, CROP, 3), 9, np.uint8), comment)
        assert opened.read_crop(opened.faces()[0])[0, 0, 0] == 9
    cv2.imwrite(str(a / "x.jpg"), np.full((CROP, CROP, 3), 9, np.uint8))
    (a / "x.jpg").rename(crop(a))
    assert opened.read_crop(opened.faces()[0])[0, 0, 0] == 9


def bomb(side: int) -> bytes:
    """A PNG of some kilobytes that claims a huge picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    size = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [257, 4000, 32_000, 2_000_000_000])
def test_the_size_of_a_crop_is_looked_at_before_it_is_decoded(opened: Faceset, a: Path, side: int) -> None:
    crop(a).write_bytes(bomb(side))
    with pytest.raises(InputError, match=r"pixels|size"):
        opened.read_crop(opened.faces()[0])


@pytest.mark.parametrize("what", ["pipe", "/dev/zero", "folder", "nothing", "cut off"])
def test_what_is_no_picture_is_one_line(opened: Faceset, a: Path, what: str) -> None:
    [face, _] = opened.faces()
    data = crop(a).read_bytes()
    crop(a).unlink()
    match what:
        case "pipe":
            os.mkfifo(crop(a))
        case "folder":
            crop(a).mkdir()
        case "/dev/zero":
            crop(a).symlink_to(what)
        case "cut off":
            crop(a).write_bytes(data[: len(data) // 2])
    for read in (lambda path: read_crop(path, face), read_png_comment):
        if what == "cut off" and read is read_png_comment:
            continue
        with pytest.raises(InputError) as caught:
            read(crop(a))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", [CROPS, BLURRY, DROPPED, LAYERS, "landmarks"])
def test_a_folder_that_leads_out_is_refused(a: Path, tmp_path: Path, folder: str) -> None:
    shutil.rmtree(a / folder, ignore_errors=True)
    (tmp_path / "outside").mkdir()
    (a / folder).symlink_to(tmp_path / "outside")
    with pytest.raises(InputError, match=f"{folder}: a link that leads out"):
        Faceset.open(a)


@pytest.mark.parametrize("name", ["", "-journal", "-wal", "-shm"])
def test_a_database_elsewhere_is_neither_read_nor_written(a: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine" * 1000)
    (a / (DATABASE + name)).unlink(missing_ok=True)
    (a / (DATABASE + name)).symlink_to(outside)
    with pytest.raises(InputError, match="a link that leads out"):
        Faceset.open(a)
    assert outside.read_bytes() == b"mine" * 1000


def test_no_faceset_is_made_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / CROPS).symlink_to(outside)
    with pytest.raises(InputError, match="a link that leads out"):
        make(tmp_path / "a", "a.mp4", 1)


def use_faces(faceset: Faceset) -> object:
    return faceset.faces()


def use_all(faceset: Faceset) -> object:
    return faceset.all_faces()


@pytest.mark.parametrize("use", [use_faces, use_all])
def test_a_crop_that_leads_out_is_refused(
    opened: Faceset, a: Path, tmp_path: Path, use: Callable[[Faceset], object]
) -> None:
    crop(a).rename(tmp_path / "private.png")
    crop(a).symlink_to(tmp_path / "private.png")
    with pytest.raises(InputError, match=r"000000_0.png: a link that leads out"):
        use(opened)


def test_the_faceset_itself_may_be_a_link_and_links_inside_it_too(a: Path, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(a)
    crop(a).rename(a / "moved.png")
    crop(a).symlink_to(a / "moved.png")
    with Faceset.open(tmp_path / "way") as faceset:
        assert [int(faceset.read_crop(face)[0, 0, 0]) for face in faceset] == [50, 51]
