"""Reference sets: real crops of a person that stay with a model, so that conversion can use their detail.

A set is one safetensors file in the model's folder, ``references-a.safetensors`` for A: encoded pictures,
their landmarks and colours, and a JSON header. It shows the person as photographs do, and is to be guarded as
they are. Nothing in it is executed, and all of it is checked when it is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from facedouble.array_checks import check_arrays
from facedouble.errors import FullError, ModelError, OutputError
from facedouble.faces.registry import LANDMARK_SCHEMES
from facedouble.faces.schemes.scheme import LandmarkScheme
from facedouble.files import is_full, read_regular, write_whole
from facedouble.json_data import parse_json
from facedouble.types import SIDES, FloatArray, Image, Side
from facedouble.video import opencv_codec
from facedouble.video.image_header import read_header

FORMAT = 1
MAX_BYTES = 512 << 20
MAX_COUNT = 1000
MAX_SIZE = 1024
"""Pixels a side of a crop."""

_HEADER = "references"
_QUALITY = 97  # of JPEG, without chroma subsampling


@dataclass(frozen=True)
class ReferenceSet:
    """N real crops of one person.

    ``pictures``: encoded, each ``size`` pixels a side. ``landmarks`` (N, P, 2) follow ``scheme``, in shares
    of the crop's side, 0 at its left and upper edge. ``statistics`` (N, 2, 3) are the colours of each face.
    ``geometry`` (N, K) is what each does, for models that are told.
    """

    pictures: Sequence[bytes]
    size: int
    landmarks: FloatArray
    statistics: FloatArray
    scheme: LandmarkScheme
    geometry: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that is in it."""
        digest = hashlib.sha256(f"{self.size} {self.scheme.name} {self.scheme.version}".encode())
        arrays = [self.landmarks, self.statistics, *([] if self.geometry is None else [self.geometry])]
        for part in (*self.pictures, *(array.tobytes() for array in arrays)):
            digest.update(part)
        return digest.hexdigest()

    def crop(self, number: int) -> Image:
        """A crop (size, size, 3). Raises ``ModelError`` for one that is damaged."""
        data = self.pictures[number]
        try:
            header = read_header(data)
            if (header.kind, header.width, header.height) != ("jpeg", self.size, self.size):
                raise ValueError("another kind or size")
            image = opencv_codec.decode(data, cv2.IMREAD_COLOR_RGB)
        except ValueError as error:
            raise ModelError(f"reference {number} of the model is damaged ({error})") from error
        return np.asarray(image, dtype=np.uint8)

    def in_view(self, coverage: float) -> FloatArray:
        """The landmarks (N, P, 2) in shares of the side of the crops' central ``coverage`` (0..1)."""
        return np.asarray((self.landmarks - np.float32((1 - coverage) / 2)) / np.float32(coverage))

    def points(self, number: int) -> FloatArray:
        """The landmarks (P, 2) of a crop in its pixels."""
        return np.asarray(self.landmarks[number] * self.size - 0.5, dtype=np.float32)

    def geometry_of(self, numbers: Sequence[int]) -> list[FloatArray | None]:
        """What these references do, as far as it is known."""
        return [None if self.geometry is None else self.geometry[number] for number in numbers]


def encode(crop: Image) -> bytes:
    """A crop as a file in memory."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return opencv_codec.encode(".jpg", crop[..., ::-1], options)


def file_name(side: Side) -> str:
    """The name of a side's set in a model's folder."""
    return f"references-{side}.safetensors"


def save_references(folder: Path, side: Side, references: ReferenceSet) -> None:
    """Write the set of ``side`` into a model's folder. Raises ``OutputError``."""
    lengths = [len(picture) for picture in references.pictures]
    arrays: dict[str, npt.NDArray[Any]] = {
        "pictures": np.frombuffer(b"".join(references.pictures), dtype=np.uint8),
        "ends": np.cumsum(lengths, dtype=np.int64),
        "landmarks": np.ascontiguousarray(references.landmarks, dtype=np.float32),
        "statistics": np.ascontiguousarray(references.statistics, dtype=np.float32),
    }
    if references.geometry is not None:
        arrays["geometry"] = np.ascontiguousarray(references.geometry, dtype=np.float32)
    header = {
        "format": FORMAT,
        "about": f"likeness of {side.upper()}: pictures of the person that this model was trained on",
        "scheme": references.scheme.name,
        "size": references.size,
    }
    path = folder / file_name(side)
    try:
        write_whole(path, save(arrays, {_HEADER: json.dumps(header)}), durable=True)
    except OSError as error:
        kind = FullError if is_full(error) else OutputError
        raise kind(f"{path}: the references cannot be written ({error.strerror})") from error


def load_references(folder: Path) -> dict[Side, ReferenceSet]:
    """The sets in a model's folder, of each side that has one. Raises ``ModelError``."""
    files: dict[Side, Path] = {side: folder / file_name(side) for side in SIDES}
    return {side: read_references(path) for side, path in files.items() if path.exists()}


def read_references(path: Path) -> ReferenceSet:
    """The set in a file. Raises ``ModelError``."""
    try:
        data = read_regular(path, MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError("too large")
        return _parse(data)
    except OSError as error:
        raise ModelError(f"{path}: the references cannot be read ({error.strerror})") from error
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: damaged, or not a reference set ({error})") from error


def _parse(data: bytes) -> ReferenceSet:
    length = int.from_bytes(data[:8], "little")
    header = parse_json(parse_json(data[8 : 8 + length])["__metadata__"][_HEADER])
    if header["format"] != FORMAT:
        raise ValueError(f"format {header['format']!r:.20} is not known to this version")
    size, name = header["size"], header["scheme"]
    if not isinstance(size, int) or not 16 <= size <= MAX_SIZE or name not in LANDMARK_SCHEMES:
        raise ValueError("its header is damaged")
    scheme = LANDMARK_SCHEMES[name]
    arrays = load(data)
    ends, landmarks, statistics = arrays["ends"], arrays["landmarks"], arrays["statistics"]
    count = len(ends)
    shapes = {
        "pictures": ("uint8", (-1,)),
        "ends": ("int64", (count,)),
        "landmarks": ("float32", (count, scheme.count, 2)),
        "statistics": ("float32", (count, 2, 3)),
    }
    check_arrays(arrays, shapes, may_be_nan=("landmarks",))
    edges = [0, *ends.tolist()]
    if not 1 <= count <= MAX_COUNT or edges != sorted(edges) or edges[-1] != len(arrays["pictures"]):
        raise ValueError("its pictures are damaged")
    if not np.isfinite(landmarks[:, list(scheme.required)]).all():
        raise ValueError("its landmarks are damaged")
    geometry = arrays.get("geometry")
    if geometry is not None:
        check_arrays(arrays, {"geometry": ("float32", (count, -1))})
    raw = arrays["pictures"].tobytes()
    pictures = [raw[start:end] for start, end in pairwise(edges)]
    return ReferenceSet(pictures, size, landmarks, statistics, scheme, geometry)
