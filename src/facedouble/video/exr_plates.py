"""OpenEXR files as plates, by OpenEXR's own library (the extra ``plates``)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from facedouble.errors import InputError
from facedouble.files import read_source
from facedouble.settings.reading import Reading
from facedouble.video.display_coding import LinearCoding
from facedouble.video.exr_header import (
    STRUCTURE,
    Attribute,
    ExrPart,
    Window,
    check_offsets,
    read_exr_header,
    with_attributes,
)
from facedouble.video.exr_process import ExrReader
from facedouble.video.pixel_aspect import is_plausible
from facedouble.video.plates import Plate, PlatePart, find_picture
from facedouble.video.primaries import to_rec709

_MAX_EXTRA = 64 << 20  # bytes of a file beside its pixels
_SAMPLE = 8  # bytes of all channels for each pixel that may be read
_NAMES = {0: "NO", 1: "RLE", 2: "ZIPS", 3: "ZIP", 4: "PIZ"}
_reader = ExrReader()


@dataclass(frozen=True, slots=True)
class PlateFile:
    """An OpenEXR file that is read later."""

    path: Path
    reading: Reading | None = None


def has_openexr() -> bool:
    """Whether OpenEXR's library is installed."""
    return find_spec("OpenEXR") is not None


def read_plate(path: Path, reading: Reading | None = None) -> Plate:
    """The plate in an OpenEXR file. Raises ``InputError`` for one that cannot be read, or is larger than
    ``reading`` allows."""
    reading = reading or Reading()
    limit = _SAMPLE * reading.pixels
    try:
        data = read_source(path, limit + _MAX_EXTRA)
        header = read_exr_header(data)
        for part in header.parts:
            for window in (part.data_window, part.display_window):
                reading.check(path, *window.size)
        if sum(part.bytes for part in header.parts) > limit:
            raise ValueError(f"its channels take more than {limit >> 20} MB")
        place, colour, alpha = find_picture(header.parts)
        check_offsets(data, header)
        channels = _reader.read(data, header)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    parts = [PlatePart(part, own) for part, own in zip(header.parts, channels, strict=True)]
    return Plate(parts, place, colour, alpha)


def plate_header(path: Path, reading: Reading | None = None) -> ExrPart:
    """The header of the part with the picture. Raises ``InputError``."""
    try:
        header = read_exr_header(read_source(path, _SAMPLE * (reading or Reading()).pixels + _MAX_EXTRA))
        return header.parts[find_picture(header.parts)[0]]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def plate_coding(header: ExrPart) -> LinearCoding:
    """How a plate's values stand to light: by the chromaticities in its header, Rec. 709 if it has none.
    Raises ``ValueError`` for chromaticities that no colours have."""
    values = header.value("chromaticities", "chromaticities")
    return LinearCoding(None if values is None else to_rec709(struct.unpack("<8f", values)))


def plate_rate(header: ExrPart) -> Fraction | None:
    """The frames per second that a header states."""
    value = header.value("framesPerSecond", "rational")
    if value is None or len(value) != 8:
        return None
    numerator, denominator = struct.unpack("<iI", value)
    if not denominator or not 0.001 <= numerator / denominator <= 1000:
        return None
    return Fraction(numerator, denominator)


def plate_aspect(header: ExrPart) -> Fraction:
    """The width of a pixel divided by its height; 1 where a header states none that a picture can have."""
    value = header.value("pixelAspectRatio", "float")
    ratio = struct.unpack("<f", value)[0] if value is not None and len(value) == 4 else 1.0
    found = Fraction(ratio).limit_denominator(1000) if np.isfinite(ratio) else Fraction(1)
    return found if found > 0 and is_plausible(found) else Fraction(1)


def encode_plate(plate: Plate) -> bytes:
    """An OpenEXR file of a plate: its parts, channels and attributes as they were read, with what was painted
    and added. Compressed as it was, but where that would change pixels again, by ZIP."""
    import OpenEXR

    made, attributes = [], []
    for place, part in enumerate(plate.parts):
        channels = dict(part.channels)
        if place == plate.place:
            channels |= plate.added
        header = part.header
        fields: dict[str, Any] = {
            "compression": getattr(OpenEXR, f"{_compression(header, channels.values())}_COMPRESSION"),
            "type": OpenEXR.scanlineimage,
            "dataWindow": _corners(header.data_window),
            "displayWindow": _corners(header.display_window),
        }
        made.append(OpenEXR.Part(fields, channels, header.name))
        attributes.append(_carried(header.attributes))
    written = BytesIO()
    OpenEXR.File(made).write(written)
    return with_attributes(written.getvalue(), attributes)


def _carried(attributes: Sequence[Attribute]) -> list[Attribute]:
    return [one for one in attributes if one.name not in STRUCTURE]


def _compression(header: ExrPart, channels: Any) -> str:
    if header.compression == 5:  # PXR24 keeps halves and whole numbers
        return "ZIP" if any(channel.dtype == np.float32 for channel in channels) else "PXR24"
    return _NAMES.get(header.compression, "ZIP")


def _corners(window: Window) -> tuple[Any, Any]:
    return np.array(window[:2], dtype=np.int32), np.array(window[2:], dtype=np.int32)
