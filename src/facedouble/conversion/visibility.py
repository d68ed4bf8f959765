"""What is visible of the faces of a track: masks that were known or found before the first frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.conversion.plan import FitRecord, PlannedFace
from facedouble.errors import InputError
from facedouble.faces.align import extract_crop, recrop
from facedouble.faces.colour import to_float
from facedouble.faces.network_input import InputCrop
from facedouble.types import Grey, Mask
from facedouble.video.images import encode_png
from facedouble.video.opencv_codec import decode

OCCLUSION = "occlusion"
"""Name of the step whose fits these are, in an override followed by ``@`` and its number."""

_MOST_SIDE = 4096
_CACHED = 64  # decoded masks: crop and mask of a face are made one after the other


@dataclass(frozen=True, slots=True)
class VisibleParts:
    """``files`` are masks of whole crops, (S, S) grey PNGs of any side, 0 hidden to 255 visible, by frame and
    number of the face in the faceset; a face that is not among them is visible everywhere."""

    files: Mapping[tuple[int, int], bytes]

    @classmethod
    def of(cls, masks: Mapping[tuple[int, int], Grey]) -> VisibleParts:
        """These masks, without those that hide nothing."""
        return cls({key: encode_png(mask) for key, mask in masks.items() if (mask < 255).any()})

    def mask(self, key: tuple[int, int]) -> Grey | None:
        """The mask of a face; ``None`` if it is visible everywhere."""
        return None if key not in self.files else _decoded(self.files[key])

    def to_record(self) -> FitRecord:
        keys = sorted(self.files)
        ends = np.cumsum([len(self.files[key]) for key in keys], dtype=np.int64)
        joined = np.frombuffer(b"".join(self.files[key] for key in keys), dtype=np.uint8)
        return FitRecord({}, {"keys": np.array(keys, np.int64).reshape(-1, 2), "ends": ends, "files": joined})

    @classmethod
    def from_record(cls, record: FitRecord) -> VisibleParts:
        """Raises ``InputError`` for a record that is damaged."""
        keys, ends, files = (_array(record, name) for name in ("keys", "ends", "files"))
        starts = np.concatenate([[0], ends])
        if (
            [array.dtype.name for array in (keys, ends, files)] != ["int64", "int64", "uint8"]
            or keys.shape != (len(ends), 2)
            or ends.ndim != 1
            or files.ndim != 1
            or (np.diff(starts) <= 0).any()
            or starts[-1] != len(files)
        ):
            raise InputError("masks of what is visible are damaged")
        data = files.tobytes()
        parts = {
            (int(frame), int(face)): data[start:end]
            for (frame, face), start, end in zip(keys.tolist(), starts.tolist(), ends.tolist(), strict=False)
        }
        for part in parts.values():
            _decoded(part)
        return cls(parts)


def is_occlusion(step: str) -> bool:
    """Whether the step of that name has such fits."""
    return step.partition("@")[0] == OCCLUSION


def visible_part_of(planned: PlannedFace) -> Grey | None:
    """What is visible of a planned face (S, S) over its whole crop; ``None`` if nothing is known to hide
    it."""
    for name, fit in planned.fits.items():
        if is_occlusion(name) and isinstance(fit, VisibleParts):
            return fit.mask(planned.face.key)
    return None


def visible_in_view(planned: PlannedFace, view: InputCrop) -> Mask | None:
    """The same in a model's view (R, R), 0..1."""
    mask = visible_part_of(planned)
    if mask is None:
        return None
    inner = recrop(np.eye(2, 3), mask.shape[0], view.coverage, view.resolution)
    return to_float(extract_crop(mask, inner, view.resolution))


@lru_cache(_CACHED)
def _decoded(data: bytes) -> Grey:
    try:
        if len(data) < 24 or max(np.frombuffer(data[16:24], ">u4")) > _MOST_SIDE:
            raise ValueError
        mask = decode(data, cv2.IMREAD_UNCHANGED)
        if mask.dtype != np.uint8 or mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
            raise ValueError
    except ValueError as error:
        raise InputError("masks of what is visible are damaged") from error
    mask.flags.writeable = False
    return mask


def _array(record: FitRecord, name: str) -> npt.NDArray[np.generic]:
    if name not in record.arrays:
        raise InputError("masks of what is visible are damaged")
    return record.arrays[name]
