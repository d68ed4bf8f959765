"""What image files say in front of their pixels: size, alpha, orientation and colour profile.

A file of a few kilobytes can claim a picture that fills the memory, so its size is read here before anything
is decoded. Only kinds of files whose size is found here are decoded at all.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from fractions import Fraction

from facedouble.video.image_aspect import SQUARE, read_pixel_aspect

MAX_PROFILE = 8 << 20  # bytes
_MAX_PARTS = 100_000  # chunks, segments or entries of a file
_EXIF_ORIENTATION = 0x0112
_FIRST_TRANSPOSED = 5  # orientations from here on swap rows and columns


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """``kind`` is png, jpeg, bmp, tiff, webp or exr; ``width`` and ``height`` are those of the stored pixels,
    or of anything larger that has to be decoded for them. ``orientation`` is that of Exif, 1 to 8.
    ``profile`` is an ICC profile. ``aspect`` is the width of a stored pixel divided by its height."""

    kind: str
    width: int
    height: int
    alpha: bool = False
    orientation: int = 1
    profile: bytes | None = None
    aspect: Fraction = SQUARE

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def upright_aspect(self) -> Fraction:
        """The pixel aspect ratio of the upright picture."""
        return 1 / self.aspect if self.orientation >= _FIRST_TRANSPOSED else self.aspect


def read_header(data: bytes) -> ImageHeader:
    """The header of an image file. Raises ``ValueError`` for files that are of no kind that is read."""
    try:
        header = _header(data)
    except (struct.error, IndexError, zlib.error) as error:
        raise ValueError("not a readable image (its header is damaged)") from error
    if header is None or header.width < 1 or header.height < 1:
        raise ValueError("not a readable image")
    return replace(header, aspect=read_pixel_aspect(data))


def _header(data: bytes) -> ImageHeader | None:
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(data)
    if data[:3] == b"\xff\xd8\xff":
        return _jpeg(data)
    if data[:2] == b"BM":
        return _bmp(data)
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _tiff(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[:4] == b"\x76\x2f\x31\x01":
        return _exr(data)
    return None


def _png(data: bytes) -> ImageHeader:
    width, height, _, colours = struct.unpack_from(">IIBB", data, 16)
    alpha, orientation, profile = colours in (4, 6), 1, None
    at = 8
    for _ in range(_MAX_PARTS):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind in (b"IDAT", b"IEND"):
            break
        body = at + 8
        if kind == b"tRNS":
            alpha = True
        elif kind == b"eXIf":
            orientation = _exif(data[body : body + length])
        elif kind == b"iCCP":
            _, _, packed = data[body : body + length].partition(b"\0")
            profile = zlib.decompressobj().decompress(packed[1:], MAX_PROFILE)
        at = body + length + 4
    return ImageHeader("png", width, height, alpha, orientation, profile)


def _jpeg(data: bytes) -> ImageHeader | None:
    at, orientation = 2, 1
    parts: dict[int, bytes] = {}
    for _ in range(_MAX_PARTS):
        while data[at] != 0xFF or data[at + 1] in (0x00, 0xFF):
            at += 1
        marker = data[at + 1]
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # these stand alone
            at += 2
            continue
        length = struct.unpack_from(">H", data, at + 2)[0]
        body = data[at + 4 : at + 2 + length]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", body, 1)
            profile = b"".join(parts[number] for number in sorted(parts)) or None
            return ImageHeader("jpeg", width, height, False, orientation, profile)
        if marker in (0xD9, 0xDA):
            return None
        if marker == 0xE1 and body[:6] == b"Exif\0\0":
            orientation = _exif(body[6:])
        elif marker == 0xE2 and body[:12] == b"ICC_PROFILE\0" and len(body) > 14:
            parts.setdefault(body[12], body[14:])
        at += 2 + length
    return None


def _bmp(data: bytes) -> ImageHeader:
    size = struct.unpack_from("<I", data, 14)[0]
    if size == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return ImageHeader("bmp", abs(width), abs(height))


def _tiff(data: bytes) -> ImageHeader:
    tags = _tiff_tags(data, {256, 257, 262, 274, 277, 322, 323, 338, 34675})
    number = {tag: value for tag, value in tags.items() if isinstance(value, int)}
    width, height = number.get(256, 0), number.get(257, 0)
    tile = number.get(322, 0) * number.get(323, 0)
    if tile > width * height:
        width, height = number[322], number[323]
    grey_or_rgb = number.get(262) in (0, 1, 2)
    alpha = number.get(277, 1) in (2, 4) and (338 in tags or grey_or_rgb)
    profile = tags.get(34675)
    return ImageHeader(
        "tiff", width, height, alpha, number.get(274, 1), profile if isinstance(profile, bytes) else None
    )


def _tiff_tags(data: bytes, wanted: set[int]) -> dict[int, int | bytes]:
    """Tags of the first directory: the first number of each, or its bytes if it is of type undefined."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    start = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
    place, size, field = start + (8 if big else 2), (20 if big else 12), (8 if big else 4)
    found: dict[int, int | bytes] = {}
    for entry in range(min(count, _MAX_PARTS)):
        at = place + entry * size
        tag, kind = struct.unpack_from(order + "HH", data, at)
        if tag not in wanted:
            continue
        length = struct.unpack_from(order + ("Q" if big else "I"), data, at + 4)[0]
        value = at + 4 + field
        formats = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}
        if kind not in formats:
            continue
        width = struct.calcsize("=" + formats[kind])
        if length * width > field:
            value = struct.unpack_from(order + ("Q" if big else "I"), data, value)[0]
        if kind == 7:
            found[tag] = data[value : value + min(length, MAX_PROFILE)]
        else:
            found[tag] = int(struct.unpack_from(order + formats[kind], data, value)[0])
    return found


def _webp(data: bytes) -> ImageHeader | None:
    width = height = 0
    alpha, orientation, profile = False, 1, None
    at = 12
    for _ in range(_MAX_PARTS):
        if at + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, at)
        body = at + 8
        if kind == b"VP8X":
            alpha |= bool(data[body] & 0x10)
            width = max(width, 1 + int.from_bytes(data[body + 4 : body + 7], "little"))
            height = max(height, 1 + int.from_bytes(data[body + 7 : body + 10], "little"))
        elif kind == b"VP8 ":
            sides = struct.unpack_from("<HH", data, body + 6)
            width, height = max(width, sides[0] & 0x3FFF), max(height, sides[1] & 0x3FFF)
        elif kind == b"VP8L":
            bits = struct.unpack_from("<I", data, body + 1)[0]
            alpha |= bool(bits >> 28 & 1)
            width, height = max(width, 1 + (bits & 0x3FFF)), max(height, 1 + (bits >> 14 & 0x3FFF))
        elif kind == b"ICCP":
            profile = data[body : body + min(length, MAX_PROFILE)]
        elif kind == b"EXIF":
            exif = data[body : body + length]
            orientation = _exif(exif.removeprefix(b"Exif\0\0"))
        at = body + length + (length & 1)
    return ImageHeader("webp", width, height, alpha, orientation, profile)


def _exr(data: bytes) -> ImageHeader:
    """The larger of data and display window: FFmpeg makes room for both."""
    at, width, height, alpha = 8, 0, 0, False
    for _ in range(_MAX_PARTS):
        end = data.index(b"\0", at) if b"\0" in data[at : at + 256] else at
        name, at = data[at:end], end + 1
        if not name:
            break
        end = data.index(b"\0", at)
        kind, at = data[at:end], end + 1
        length = struct.unpack_from("<I", data, at)[0]
        at += 4
        if kind == b"box2i" and name in (b"dataWindow", b"displayWindow"):
            left, top, right, bottom = struct.unpack_from("<iiii", data, at)
            width, height = max(width, right - left + 1), max(height, bottom - top + 1)
        elif kind == b"chlist":
            alpha = data[at : at + 2] == b"A\0"
        at += length
    return ImageHeader("exr", width, height, alpha)


def _exif(data: bytes) -> int:
    """The orientation in Exif data, 1 where it says none or is damaged."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    try:
        found = _tiff_tags(data, {_EXIF_ORIENTATION}).get(_EXIF_ORIENTATION, 1)
    except struct.error:
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1
