import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from facedouble.errors import InputError
from facedouble.video.images import read_png_comment, write_png


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.fixture
def png(tmp_path: Path) -> Path:
    path = tmp_path / "crop.png"
    write_png(path, np.random.default_rng(0).integers(0, 255, (40, 30, 3)).astype(np.uint8))
    return path


def with_chunks(png: Path, *chunks: bytes, at: int = 33) -> Path:
    data = png.read_bytes()
    png.write_bytes(data[:at] + b"".join(chunks) + data[at:])
    return png


def test_a_comment_is_read_as_it_was_written(tmp_path: Path) -> None:
    text = '{"face": [1.5]} Grüße 日本' * 500
    write_png(tmp_path / "a.png", np.zeros((4, 4, 3), dtype=np.uint8), comment=text)
    assert read_png_comment(tmp_path / "a.png") == text


def test_texts_of_both_kinds_are_read_and_others_passed_over(png: Path) -> None:
    assert read_png_comment(png) is None
    with_chunks(
        png,
        chunk(b"tEXt", b"Author\0somebody"),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(b"compressed")),
        chunk(b"iTXt", b"Comment\0\0\0\0"),  # cut short
        chunk(b"iTXt", b"Comment\0\0\0\0\0\xff\xfe"),  # not UTF-8
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"compressed")),
        chunk(b"tEXt", b"Comment\0caf\xe9"),
    )
    assert read_png_comment(png) == "café"


def test_a_comment_at_the_end_is_found(png: Path) -> None:
    with_chunks(png, chunk(b"iTXt", b"Comment\0\0\0de\0Kommentar\0text"), at=png.stat().st_size - 12)
    assert read_png_comment(png) == "text"


def test_a_comment_that_is_too_long_is_passed_over(png: Path) -> None:
    with_chunks(png, chunk(b"tEXt", b"Comment\0" + b"x" * (1 << 20)))
    assert read_png_comment(png) is None


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**32 - 1) + b"iTXt"],
)
def test_what_is_no_whole_png_is_one_clear_error(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.png"):
        read_png_comment(tmp_path / "a.png")


def test_a_damaged_comment_is_an_error(png: Path) -> None:
    body = bytearray(chunk(b"tEXt", b"Comment\0text"))
    body[-6] ^= 1
    with_chunks(png, bytes(body))
    with pytest.raises(InputError, match="damaged"):
        read_png_comment(png)


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.png"):
        read_png_comment(tmp_path / "none.png")
