"""Image files: reading any as RGB, writing PNG whole or not at all."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np

from facedouble.errors import InputError, OutputError
from facedouble.files import write_whole
from facedouble.types import Image

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})

_IHDR_END = 33  # a PNG's signature (8 bytes) and its first chunk (25 bytes)


def read_image(path: Path) -> Image:
    """Read an image file as ``(H, W, 3)`` uint8 RGB.

    It is turned upright where its EXIF says so. Grey becomes RGB, 16 bits become 8, alpha is left
    out. Raises ``InputError`` when it is not an image that can be read.
    """
    try:
        # imdecode, because imread cannot open names outside the system's code page on Windows.
        data = np.fromfile(path, dtype=np.uint8)
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except cv2.error as error:  # beyond OpenCV's limit of 2**30 pixels
        raise InputError(f"{path}: not an image that can be read ({error.err})") from error
    if decoded is None:
        raise InputError(f"{path}: not an image that can be read")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def write_png(path: Path, image: Image, comment: str | None = None) -> None:
    """Write ``image``, ``(H, W, 3)`` uint8 RGB, as a PNG that is whole under its name or not there.

    ``comment`` is kept in the file as its text "Comment" (an iTXt chunk, UTF-8). Raises
    ``OutputError`` when the file cannot be written.
    """
    done, encoded = cv2.imencode(
        ".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 3]
    )
    if not done:
        raise OutputError(f"{path}: the image cannot be encoded")
    data = np.asarray(encoded).tobytes()
    if comment is not None:
        data = data[:_IHDR_END] + _text_chunk("Comment", comment) + data[_IHDR_END:]
    try:
        write_whole(path, data)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _text_chunk(keyword: str, text: str) -> bytes:
    """A PNG iTXt chunk, uncompressed, with no language."""
    body = b"iTXt" + keyword.encode("latin-1") + bytes(5) + text.encode()
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
