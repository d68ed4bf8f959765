"""OpenEXR files that are damaged, made to do harm, or of a kind that is not read: one line each."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest

from facedouble.errors import InputError
from facedouble.settings.reading import Reading
from facedouble.types import Box
from facedouble.video import exr_plates
from facedouble.video.exr_header import read_exr_header
from facedouble.video.exr_plates import read_plate
from facedouble.video.source import open_source

from .plates import write_exr, write_rgb

pytestmark = pytest.mark.subprocess

COLOURS = (np.random.default_rng(0).random((40, 56, 3)) * 3).astype(np.float16)
LEVELS = OpenEXR.LevelMode.MIPMAP_LEVELS


def good(path: Path, **header: Any) -> bytearray:
    write_rgb(path, COLOURS, **header)
    return bytearray(path.read_bytes())


def attribute(data: bytearray, name: bytes, value: bytes) -> bytearray:
    """The file with the value of an attribute overwritten."""
    at = data.index(b"\0", data.index(name + b"\0") + len(name) + 1) + 5
    data[at : at + len(value)] = value
    return data


def offsets(data: bytearray, value: int) -> bytearray:
    struct.pack_into("<Q", data, read_exr_header(bytes(data)).end + 8, value)
    return data


def flags(data: bytearray, flag: int) -> bytearray:
    struct.pack_into("<I", data, 4, 2 | flag)
    return data


def noise(data: bytearray) -> bytearray:
    data[-200:-100] = bytes(range(100))
    return data


def added(data: bytearray, extra: bytes) -> bytearray:
    return data[:8] + extra + data[8:]


def tile(across: int, down: int, mode: int = 0) -> bytes:
    return b"tiles\0tiledesc\0" + struct.pack("<iIIB", 9, across, down, mode)


def tiled(data: bytearray, tiles: bytes) -> bytearray:
    return added(attribute(data, b"type", b"tiledimage\0\0\0"), tiles)


BOX = struct.Struct("<iiii")
HOSTILE: dict[str, tuple[Callable[[bytearray], bytearray], str]] = {
    "nothing": (lambda data: bytearray(), "cannot be read|not an EXR"),
    "only the magic number": (lambda data: data[:4], "header is damaged"),
    "cut in its header": (lambda data: data[:90], "header is damaged|cut off"),
    "cut in its table": (lambda data: data[: read_exr_header(bytes(data)).end + 4], "table of offsets"),
    "cut in its pixels": (lambda data: data[:-900], "offset leads nowhere|damaged"),
    "an offset far away": (lambda data: offsets(data, 1 << 60), "offset leads nowhere"),
    "an offset of 0": (lambda data: offsets(data, 0), "offset leads nowhere"),
    "an offset into another chunk": (lambda data: offsets(data, len(data) - 40), "damaged"),
    "pixels that are noise": (noise, "damaged: its pixels cannot be read"),
    "a data window of 4 billion pixels a side": (
        lambda data: attribute(data, b"dataWindow", BOX.pack(-(1 << 31), 0, (1 << 31) - 1, 9)),
        "a window that no picture has",
    ),
    "a data window of 16 million pixels a side": (
        lambda data: attribute(data, b"dataWindow", BOX.pack(0, 0, (1 << 24) - 1, (1 << 24) - 1)),
        "megapixels",
    ),
    "a giant display window": (
        lambda data: attribute(data, b"displayWindow", BOX.pack(0, 0, 999_999, 999_999)),
        "megapixels",
    ),
    "a window inside out": (
        lambda data: attribute(data, b"dataWindow", BOX.pack(5, 5, 4, 4)),
        "a window that no picture has",
    ),
    "deep": (lambda data: flags(data, 0x800), "deep EXR images are not read"),
    "another version": (lambda data: data[:4] + b"\3" + data[5:], "another version"),
    "tiles of no size": (lambda data: tiled(data, tile(0, 16)), "tiles that no picture has"),
    "giant tiles": (lambda data: tiled(data, tile(1 << 30, 1 << 30)), "tiles that no picture"),
    "several resolutions": (lambda data: tiled(data, tile(16, 16, 1)), "mipmaps"),
    "no part": (lambda data: flags(data[:8] + b"\0" * 9, 0x1000), "without a part"),
    "an attribute longer than the file": (
        lambda data: added(data, b"x\0string\0" + struct.pack("<i", 1 << 30)),
        "longer than the file",
    ),
    "an attribute of negative length": (
        lambda data: added(data, b"x\0string\0" + struct.pack("<i", -5)),
        "longer than the file",
    ),
    "a name without an end": (lambda data: added(data, b"x" * 300), "has no end"),
    "ten thousand attributes": (
        lambda data: added(data, b"".join(b"a%d\0int\0\4\0\0\0\0\0\0\0" % n for n in range(10_000))),
        "too many attributes",
    ),
    "a channel of an unknown kind": (lambda data: attribute(data, b"channels", b"B\0\x09\0\0\0"), "channels"),
    "subsampled channels": (
        lambda data: attribute(data, b"channels", b"B\0" + struct.pack("<iB3xii", 1, 0, 2, 2)),
        "subsampled channels",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make, expected = HOSTILE[name]
    path = tmp_path / "p.0001.exr"
    path.write_bytes(make(good(path)))
    with pytest.raises(InputError, match=expected) as caught:
        open_source(tmp_path)
    assert "\n" not in str(caught.value)
    assert "p.0001.exr" in str(caught.value)
    assert capfd.readouterr().err == ""  # OpenEXR's library writes there


@pytest.mark.parametrize("values", [(0.0,) * 8, (np.nan,) * 8, (0.3, 0.3) * 4])
def test_chromaticities_that_no_colours_have(tmp_path: Path, values: tuple[float, ...]) -> None:
    write_rgb(tmp_path / "p.exr", COLOURS, chromaticities=values)
    with pytest.raises(InputError, match="chromaticities are not those of colours"):
        open_source(tmp_path)


def test_more_channels_than_memory_should_hold(tmp_path: Path) -> None:
    channels = {f"c{number}": np.zeros((8, 8), np.float32) for number in range(200)}
    write_exr(tmp_path / "p.exr", ("", {**channels, **{c: np.zeros((8, 8), np.float16) for c in "RGB"}}, {}))
    read_plate(tmp_path / "p.exr")
    with pytest.raises(InputError, match="its channels take more than"):
        read_plate(tmp_path / "p.exr", Reading(max_pixels=0.001))


@pytest.mark.parametrize("name", [name for name in dir(OpenEXR) if name.endswith("_COMPRESSION")])
def test_every_compression_is_read_and_kept_or_without_loss(tmp_path: Path, name: str) -> None:
    if name.startswith("NUM"):
        pytest.skip("no compression")
    write_rgb(tmp_path / "p.exr", COLOURS, compression=getattr(OpenEXR, name))
    before = read_plate(tmp_path / "p.exr")
    (tmp_path / "again.exr").write_bytes(exr_plates.encode_plate(before))
    after = read_plate(tmp_path / "again.exr")
    for channel in "RGB":
        assert before.part.channels[channel].tobytes() == after.part.channels[channel].tobytes()


def test_tiles_are_read(tmp_path: Path) -> None:
    tiles = OpenEXR.TileDescription()
    tiles.xSize, tiles.ySize = 16, 24
    write_rgb(tmp_path / "p.exr", COLOURS, type=OpenEXR.tiledimage, tiles=tiles)
    assert np.array_equal(read_plate(tmp_path / "p.exr").colours(), COLOURS.astype(np.float32))


def test_a_reader_that_dies_is_replaced(tmp_path: Path) -> None:
    write_rgb(tmp_path / "p.exr", COLOURS)
    first = read_plate(tmp_path / "p.exr").colours(Box(0, 0, 8, 8))
    process = exr_plates._reader._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert np.array_equal(read_plate(tmp_path / "p.exr").colours(Box(0, 0, 8, 8)), first)
