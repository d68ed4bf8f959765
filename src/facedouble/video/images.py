"""Image files: listing and reading them, and writing PNG atomically."""

from __future__ import annotations

import os
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.errors import InputError, OutputError
from facedouble.files import write_whole
from facedouble.types import Image
from facedouble.video.exr import decode_exr

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".exr"})

# Within a few percent of the size of the usual level 3, in half the time.
_PNG_OPTIONS = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB),
]
_IHDR_END = 33  # a PNG's signature (8 bytes) and its first chunk (25 bytes)
_PNG = b"\x89PNG\r\n\x1a\n"
_COMMENT = "Comment"
_MAX_COMMENT = 1 << 20  # bytes; longer ones are ignored
_MAX_CHUNKS = 100_000


def image_files(folder: Path) -> list[Path]:
    """The image files of a folder in natural order of their names (2 in front of 10).

    Raises ``InputError`` when the folder cannot be read or holds no image.
    """
    try:
        # A leading dot: what macOS leaves beside images on foreign disks, and half-written files.
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from error
    files = [entry for entry in entries if entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file()]
    if not files:
        raise InputError(f"{folder}: the folder holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return sorted(files, key=_natural_key)


def read_image(path: Path) -> Image:
    """Read an image file as ``(H, W, 3)`` uint8 RGB.

    The EXIF orientation is applied, grey becomes RGB, 16 bits become 8, alpha is dropped. Raises
    ``InputError`` when the file is not a readable image.
    """
    if path.suffix.lower() == ".exr":
        return (read_exr(path) // 257).astype(np.uint8)
    return np.asarray(cv2.cvtColor(_decoded(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def read_exr(path: Path) -> npt.NDArray[np.uint16]:
    """The display values of an EXR file; see :mod:`.exr`. Raises ``InputError``."""
    try:
        return decode_exr(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def read_pixels(path: Path) -> Image | npt.NDArray[np.uint16]:
    """Like :func:`read_image`, but uint16 if the file has more than 8 bits a channel."""
    if path.suffix.lower() == ".exr":
        return read_exr(path)
    decoded = _decoded(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if decoded.dtype not in (np.uint8, np.uint16):
        return read_image(path)
    pixels: npt.NDArray[Any] = np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))
    return pixels


def _natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    parts = re.split(r"(\d+)", path.name.lower())
    # isdecimal, as isdigit is also true of "²", which int refuses.
    key = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
    return key, path.name


def _decoded(path: Path, how: int) -> npt.NDArray[Any]:
    try:
        # imdecode, because imread cannot open names outside the system's code page on Windows.
        data = np.fromfile(path, dtype=np.uint8)
        decoded = cv2.imdecode(data, how) if data.size else None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except cv2.error as error:  # beyond OpenCV's limit of 2**30 pixels
        raise InputError(f"{path}: not a readable image ({error.err})") from error
    if decoded is None:
        raise InputError(f"{path}: not a readable image")
    return np.asarray(decoded)


def encode_png(image: Image | npt.NDArray[np.uint16], comment: str | None = None) -> bytes:
    """A PNG file of ``image``, (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16.

    ``comment`` becomes the text "Comment" (an iTXt chunk, UTF-8). Raises ``ValueError`` when the image
    cannot be encoded.
    """
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)  # type: ignore[assignment]
    done, encoded = cv2.imencode(".png", image, _PNG_OPTIONS)
    if not done:
        raise ValueError("the image cannot be encoded as PNG")
    data = np.asarray(encoded).tobytes()
    if comment is None:
        return data
    return data[:_IHDR_END] + _text_chunk(_COMMENT, comment) + data[_IHDR_END:]


def write_png(path: Path, image: Image | npt.NDArray[np.uint16], comment: str | None = None) -> None:
    """Write ``image`` as a PNG, atomically (see :func:`encode_png`).

    Raises ``OutputError`` when the file cannot be written.
    """
    try:
        write_whole(path, encode_png(image, comment))
    except ValueError as error:
        raise OutputError(f"{path}: {error}") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def read_png_comment(path: Path) -> str | None:
    """The text "Comment" of a PNG file; ``None`` if there is none of at most 1 MiB.

    Reads both kinds of text, UTF-8 (iTXt, uncompressed) and Latin-1 (tEXt). Raises ``InputError`` when the
    file cannot be read or is damaged in front of the comment.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(len(_PNG)) != _PNG:
                raise InputError(f"{path}: not a PNG file")
            for _ in range(_MAX_CHUNKS):
                head = file.read(8)
                if head[4:] == b"IEND":
                    return None
                length = int.from_bytes(head[:4], "big")
                if len(head) < 8 or file.tell() + length + 4 > size:
                    break
                if head[4:] not in (b"iTXt", b"tEXt") or length > _MAX_COMMENT:
                    file.seek(length + 4, os.SEEK_CUR)
                    continue
                body, check = file.read(length), file.read(4)
                if int.from_bytes(check, "big") != zlib.crc32(head[4:] + body):
                    break
                text = _text_of(head[4:], body)
                if text is not None:
                    return text
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    raise InputError(f"{path}: damaged or cut off")


def _text_of(kind: bytes, body: bytes) -> str | None:
    """The comment in the body of a PNG chunk; ``None`` if it is another text."""
    keyword, _, rest = body.partition(b"\0")
    if keyword != _COMMENT.encode():
        return None
    if kind == b"tEXt":
        return rest.decode("latin-1")
    # Compression flag and method, language, translated keyword, text.
    parts = rest[2:].split(b"\0", 2)
    if rest[:1] != b"\0" or len(parts) < 3:
        return None
    try:
        return parts[2].decode()
    except UnicodeDecodeError:
        return None


def _text_chunk(keyword: str, text: str) -> bytes:
    """A PNG iTXt chunk: uncompressed, without a language."""
    body = b"iTXt" + keyword.encode("latin-1") + bytes(5) + text.encode()
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
