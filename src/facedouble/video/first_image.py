"""What the first image of a folder says of all of them: size, depth, rate, and what its values mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from facedouble.errors import InputError
from facedouble.settings.reading import Reading
from facedouble.video.colour_management import managed_coding
from facedouble.video.display_coding import Coding
from facedouble.video.exr_plates import (
    PlateFile,
    has_openexr,
    plate_aspect,
    plate_coding,
    plate_rate,
    read_plate,
)
from facedouble.video.images import ImageFile, image_header, profile_remark, read_pixels
from facedouble.video.plates import Plate

_FORMATS = {(3, True): "rgb24", (3, False): "rgb48le", (4, True): "rgba", (4, False): "rgba64le"}
_EXR = ".exr"


@dataclass(frozen=True, slots=True)
class FirstImage:
    """``size`` is width and height of the upright picture, ``pixel_format`` FFmpeg's name of one that holds
    as much, ``aspect`` the width of a pixel divided by its height. ``rate`` is in frames per second, ``None``
    where the image says none. ``coding`` as in :class:`.frame.Frame`. ``remarks`` is what has to be said."""

    size: tuple[int, int]
    pixel_format: str
    aspect: Fraction
    rate: Fraction | None = None
    coding: Coding | None = None
    remarks: Sequence[str] = ()


def image_content(file: Path, reading: Reading | None) -> ImageFile | PlateFile:
    """An image file as the content of a frame."""
    return PlateFile(file, reading) if _is_plate(file) else ImageFile(file, reading)


def first_image(file: Path, reading: Reading | None) -> FirstImage:
    """What an image says. Raises ``InputError`` when it cannot be read."""
    managed = managed_coding(reading)
    if _is_plate(file):
        return _of_plate(file, read_plate(file, reading), managed)
    pixels = read_pixels(file, reading, alpha=True)
    header = image_header(file, reading)
    remark = profile_remark(header)
    remarks = [] if remark is None else [f"{file}: {remark}"]
    if header.kind == "exr":
        remarks.append(
            f"{file}: highlights are clipped at white, as OpenEXR's library is not installed: "
            "pip install 'facedouble[plates]'"
        )
    height, width = pixels.shape[:2]
    return FirstImage(
        (width, height),
        _FORMATS[pixels.shape[2], pixels.dtype == np.uint8],
        header.upright_aspect,
        coding=managed,
        remarks=remarks,
    )


def _of_plate(file: Path, plate: Plate, managed: Coding | None) -> FirstImage:
    header = plate.part.header
    try:
        coding = managed or plate_coding(header)
    except ValueError as error:
        raise InputError(f"{file}: {error}") from error
    depth = "f16le" if plate.kind == np.float16 else "f32le"
    return FirstImage(
        plate.size,
        f"gbr{'' if plate.alpha is None else 'a'}p{depth}",
        plate_aspect(header),
        plate_rate(header),
        coding,
    )


def _is_plate(file: Path) -> bool:
    return file.suffix.lower() == _EXR and has_openexr()
