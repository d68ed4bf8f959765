"""Crops cut anew from the clip of their faceset, as finely as the clip shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from facedouble.errors import InputError, SettingsError
from facedouble.faces.align import alignment_in_region, crop_bounds, extract_crop, recrop, scale_of
from facedouble.faceset.crops import read_crop
from facedouble.faceset.store import Faceset
from facedouble.run.run import Run
from facedouble.settings.extract import read_recorded
from facedouble.training.preprocess import FaceCrop
from facedouble.types import Box, Face, Image
from facedouble.video.frame import Frame
from facedouble.video.sampling import frames_at
from facedouble.video.source import Source, open_source, reported

_MARGIN = 8  # pixels of the frame around a crop
_SAME = 4.0  # of 255: mean difference between two crops of one face


def native_size(face: Face) -> float:
    """Pixels that the side of a face's crop has in the frame."""
    return face.crop_size / max(scale_of(face.alignment), 1e-6)


def cut_crops(faces: Sequence[FaceCrop], size: int, run: Run) -> tuple[list[Image], int]:
    """The crops (size, size, 3) of ``faces``, and how many of them are cut from a clip.

    A face is cut from the clip only where that is present and still shows what the crop shows, so neither
    another clip of that name nor a crop that somebody retouched goes unnoticed. The other crops are
    resized. It is not cancelled: a training that is stopped finishes its save, of which this is a part.
    Raises ``InputError`` for a crop that cannot be read.
    """
    crops = [read_crop(known.crop, known.face) for known in faces]
    found: dict[int, Image] = {}
    if any(size > known.face.crop_size for known in faces):
        for faceset in sorted({known.faceset for known in faces}):
            members = [number for number, known in enumerate(faces) if known.faceset == faceset]
            by_frame: dict[int, list[int]] = {}
            for number in members:
                by_frame.setdefault(faces[number].face.frame_index, []).append(number)
            for frame in _frames(faceset, sorted(by_frame), run):
                for number in by_frame[frame.index]:
                    fine = _cut(frame, faces[number].face, size, crops[number])
                    if fine is not None:
                        found[number] = fine
    return [found[n] if n in found else _resized(crop, size) for n, crop in enumerate(crops)], len(found)


def _frames(faceset: Path, numbers: Sequence[int], run: Run) -> Iterator[Frame]:
    """These frames of the clip of a faceset, as far as they can be read; a line says why they cannot."""
    try:
        source = _source(faceset)
        with reported(source, run):
            for frame in frames_at(source, numbers):
                if frame.problem is None:
                    yield frame
    except (InputError, SettingsError) as error:
        run.notice(
            "train.references_from_crops",
            f"references of {faceset} are no finer than its crops, because its clip cannot be read ({error})",
        )


def _source(faceset: Path) -> Source:
    with Faceset.open(faceset) as store:
        record = store.source
    return open_source(Path(record.path), read_recorded(record.settings).reading)


def _cut(frame: Frame, face: Face, size: int, crop: Image) -> Image | None:
    """The crop of a face at ``size``, unless the frame does not show what ``crop`` shows."""
    region = Box(*crop_bounds(face.alignment, face.crop_size, *frame.shown_size, margin=_MARGIN))
    alignment = alignment_in_region(face.alignment, region, (region.width, region.height))
    fine = extract_crop(frame.rgb(region), recrop(alignment, face.crop_size, 1.0, size), size)
    difference = cv2.absdiff(_resized(fine, face.crop_size), crop)
    return fine if float(difference.mean()) <= _SAME else None


def _resized(crop: Image, size: int) -> Image:
    how = cv2.INTER_AREA if size < crop.shape[0] else cv2.INTER_CUBIC
    return crop if size == crop.shape[0] else np.asarray(cv2.resize(crop, (size, size), interpolation=how))
