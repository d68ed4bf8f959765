"""Reading crops: they may have been changed, exchanged or made by anybody."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facedouble.errors import InputError
from facedouble.faceset.record import decode_record
from facedouble.settings.reading import Reading
from facedouble.types import Face, Image
from facedouble.video.images import image_header, read_image, read_png_comment

_READING = Reading(max_pixels=17)  # more than the largest crop has, 4096 x 4096 pixels


def read_crop(path: Path, face: Face) -> Image:
    """The crop of ``face`` (size, size, 3), which lies at ``path``.

    Its size is looked at before it is decoded. A crop whose record says that it was cut out elsewhere, of
    another frame or another person, is refused: its landmarks would be those of somebody else. One without a
    record, such as another program writes, is taken for what its name says. Raises ``InputError``.
    """
    header = image_header(path, _READING)
    if (header.width, header.height) != (face.crop_size, face.crop_size):
        raise InputError(
            f"{path}: {header.width}x{header.height} pixels, and was cut at {face.crop_size}; "
            "a crop that was resized no longer fits its landmarks: extract it again or take it out"
        )
    if header.kind == "png":
        _check_record(path, face)
    return read_image(path, _READING)


def _check_record(path: Path, face: Face) -> None:
    text = read_png_comment(path)
    if text is None:
        return
    try:
        recorded, _, source = decode_record(text)
    except InputError:
        return  # some other program's comment
    if recorded.crop_size == face.crop_size and np.array_equal(recorded.alignment, face.alignment):
        return
    if recorded.key == face.key:
        raise InputError(
            f"{path}: it was cut out of {source.path}, in another place than the faceset says, and does not "
            "fit its landmarks; extract it again or take it out"
        )
    raise InputError(
        f"{path}: its record says that it is face {recorded.face_index} of frame {recorded.frame_index} of "
        f"{source.path}, to which the landmarks do not belong; put the right crop back or take it out"
    )
