"""The pixel aspect ratio in image files: read from, and written into, the bytes of PNG, JPEG, TIFF and EXR.

PNG (``pHYs``), JPEG (JFIF's density) and TIFF (resolution) state pixels per unit of length across and down;
where these differ, the pixels are not square. EXR has an attribute for it.
"""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction

from facedouble.video.pixel_aspect import is_plausible

_PNG_HEAD = 33  # bytes of the signature and the first chunk
_JFIF_DENSITY = 13  # where unit and densities lie, behind SOI and the head of APP0
_EXR_ATTRIBUTE = b"pixelAspectRatio\0float\0\4\0\0\0"
_EXR_HEAD = 1 << 16
_LARGEST = 65_535  # JFIF has 16 bits
_TIFF_ACROSS, _TIFF_DOWN, _RATIONAL = 282, 283, 5
_MAX_PARTS = 1000

SQUARE = Fraction(1)


def read_pixel_aspect(data: bytes) -> Fraction:
    """The width of a stored pixel divided by its height; 1 where an image file says none, or none that a
    picture can have."""
    try:
        found = _aspect(data)
    except (struct.error, IndexError, ZeroDivisionError, OverflowError, ValueError):
        return SQUARE  # whether the file is damaged, whoever reads its pixels says
    return found if found > 0 and is_plausible(found) else SQUARE


def with_pixel_aspect(data: bytes, aspect: Fraction) -> bytes:
    """An image file, as this program writes it, that states ``aspect``. Raises ``ValueError`` for one that
    has no place for it."""
    if aspect == SQUARE:
        return data
    aspect = aspect.limit_denominator(_LARGEST // 8)
    across, down = aspect.denominator, aspect.numerator
    if data[:4] == b"\x89PNG":
        body = b"pHYs" + struct.pack(">IIB", across, down, 0)
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return data[:_PNG_HEAD] + chunk + data[_PNG_HEAD:]
    if data[6:11] == b"JFIF\0":
        return data[:_JFIF_DENSITY] + struct.pack(">BHH", 0, across, down) + data[_JFIF_DENSITY + 5 :]
    if data[:4] == b"\x76\x2f\x31\x01":
        at = data.index(_EXR_ATTRIBUTE, 0, _EXR_HEAD) + len(_EXR_ATTRIBUTE)
        return data[:at] + struct.pack("<f", float(aspect)) + data[at + 4 :]
    places = _tiff_resolutions(data)
    if len(places) != 2:
        raise ValueError("this kind of image cannot say that its pixels are not square")
    order, changed = _tiff_order(data), bytearray(data)
    for tag, value in ((_TIFF_ACROSS, across), (_TIFF_DOWN, down)):
        struct.pack_into(order + "II", changed, places[tag], value, 1)
    return bytes(changed)


def _aspect(data: bytes) -> Fraction:
    if data[:4] == b"\x89PNG":
        return _png(data)
    if data[6:11] == b"JFIF\0":
        across, down = struct.unpack_from(">HH", data, _JFIF_DENSITY + 1)
        return Fraction(down, across)
    if data[:4] == b"\x76\x2f\x31\x01":
        at = data.find(_EXR_ATTRIBUTE, 0, _EXR_HEAD)
        if at < 0:
            return SQUARE
        ratio = struct.unpack_from("<f", data, at + len(_EXR_ATTRIBUTE))[0]
        return Fraction(ratio).limit_denominator(1000)
    if data[:4] in (b"II*\0", b"MM\0*"):
        places, order = _tiff_resolutions(data), _tiff_order(data)
        if len(places) != 2:
            return SQUARE
        across, down = (
            Fraction(*struct.unpack_from(order + "II", data, places[tag]))
            for tag in (_TIFF_ACROSS, _TIFF_DOWN)
        )
        return down / across
    return SQUARE


def _png(data: bytes) -> Fraction:
    at = 8
    for _ in range(_MAX_PARTS):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"pHYs":
            across, down = struct.unpack_from(">II", data, at + 8)
            return Fraction(down, across)
        if kind in (b"IDAT", b"IEND"):
            break
        at += length + 12
    return SQUARE


def _tiff_order(data: bytes) -> str:
    return "<" if data[:2] == b"II" else ">"


def _tiff_resolutions(data: bytes) -> dict[int, int]:
    """Where the resolutions across and down lie in a TIFF, by their tags."""
    order = _tiff_order(data)
    start = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, start)[0]
    found = {}
    for entry in range(min(count, _MAX_PARTS)):
        tag, kind, _, value = struct.unpack_from(order + "HHII", data, start + 2 + 12 * entry)
        if tag in (_TIFF_ACROSS, _TIFF_DOWN) and kind == _RATIONAL:
            found[tag] = value
    return found
