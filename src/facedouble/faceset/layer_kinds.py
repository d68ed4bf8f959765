"""What a layer of a face can be: how its value is checked, written to a file and read back.

To add a kind: define it here (a :class:`Mask` needs one line), and name it in :mod:`.registry`.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from facedouble.faces.align import inverse, recrop
from facedouble.json_data import parse_json
from facedouble.types import Alignment, Grey
from facedouble.video.images import encode_png
from facedouble.video.opencv_codec import decode

_LONGEST_SIDE = 4096
MOST_POLYGONS, MOST_POINTS = 1000, 10_000
_FAR = 1e6  # pixels
_PNG_SIZE = slice(16, 24)  # width and height in a PNG's first chunk


class LayerKind(Protocol):
    """A kind of layer. Every method raises ``ValueError`` for a value or a file that is not of this kind."""

    suffix: ClassVar[str]

    def check(self, value: Any) -> Any:
        """``value``, if it is one."""
        ...

    def encode(self, value: Any, record: str) -> bytes:
        """A file of ``value`` that also carries ``record``, a JSON text."""
        ...

    def decode(self, data: bytes) -> Any:
        """The value in a file."""
        ...

    def realign(self, value: Any, old: Alignment, old_size: int, new: Alignment, new_size: int) -> Any:
        """``value``, made for a crop with alignment and side ``old``, for the crop of the same face with
        ``new`` ones."""
        ...


@dataclass(frozen=True, slots=True)
class Mask:
    """One uint8 per pixel of the crop, ``(S, S)``: any side ``S`` from 16 to 4096, which need not be that of
    the crop. A lossless grey PNG."""

    outside: int
    """The value of what lies outside the crop that a mask was made for."""
    suffix: ClassVar[str] = ".png"

    def check(self, value: Any) -> Grey:
        if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.ndim != 2:
            raise ValueError("a mask is a uint8 array of two dimensions")
        if value.shape[0] != value.shape[1] or not 16 <= value.shape[0] <= _LONGEST_SIDE:
            raise ValueError(f"a mask is square, with a side of 16 to {_LONGEST_SIDE} pixels")
        return value

    def encode(self, value: Any, record: str) -> bytes:
        return encode_png(self.check(value), record)

    def decode(self, data: bytes) -> Grey:
        # The size is looked at first: a small file can claim to be gigabytes of pixels.
        if len(data) < _PNG_SIZE.stop or max(struct.unpack(">II", data[_PNG_SIZE])) > _LONGEST_SIDE:
            raise ValueError("not a PNG file, or a very large one")
        return self.check(decode(data, cv2.IMREAD_UNCHANGED))

    def realign(self, value: Any, old: Alignment, old_size: int, new: Alignment, new_size: int) -> Grey:
        if old_size == new_size and np.array_equal(old, new):
            return self.check(value)
        side = value.shape[0]
        to_mask = recrop(old, old_size, 1.0, side)
        from_crop = inverse(recrop(new, new_size, 1.0, side))
        matrix = np.vstack([to_mask, (0, 0, 1)]) @ np.vstack([from_crop, (0, 0, 1)])
        warped = cv2.warpAffine(
            value,
            matrix[:2],
            (side, side),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(self.outside,),
        )
        return np.asarray(warped, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Polygon:
    """An outline: points (N, 2) float64 in frame pixels, and whether what is inside is included."""

    points: npt.NDArray[np.float64]
    include: bool


@dataclass(frozen=True, slots=True)
class Polygons:
    """A sequence of :class:`Polygon`, later ones over earlier ones. A JSON file; in frame pixels, so that it
    fits whatever the alignment is."""

    suffix: ClassVar[str] = ".json"

    def check(self, value: Any) -> tuple[Polygon, ...]:
        if not isinstance(value, list | tuple) or len(value) > MOST_POLYGONS:
            raise ValueError(f"polygons are a sequence of at most {MOST_POLYGONS}")
        return tuple(map(self._checked, value))

    def encode(self, value: Any, record: str) -> bytes:
        polygons = [
            {"include": polygon.include, "points": polygon.points.tolist()} for polygon in self.check(value)
        ]
        return json.dumps({"record": record, "polygons": polygons}, allow_nan=False).encode()

    def decode(self, data: bytes) -> tuple[Polygon, ...]:
        found = _json_object(data).get("polygons")
        if not isinstance(found, list) or len(found) > MOST_POLYGONS:
            raise ValueError("no polygons in it")
        result = []
        for entry in found:
            points = entry.get("points") if isinstance(entry, dict) else None
            if not isinstance(points, list) or len(points) > MOST_POINTS:
                raise ValueError("a polygon without points")
            if not all(isinstance(p, list) and len(p) == 2 and all(map(_is_number, p)) for p in points):
                raise ValueError("a polygon with points that are none")
            result.append(Polygon(np.array(points, dtype=np.float64).reshape(-1, 2), entry.get("include")))
        return self.check(result)

    def realign(
        self, value: Any, old: Alignment, old_size: int, new: Alignment, new_size: int
    ) -> tuple[Polygon, ...]:
        return self.check(value)

    def _checked(self, polygon: Any) -> Polygon:
        if not isinstance(polygon, Polygon) or not isinstance(polygon.include, bool):
            raise ValueError("not a polygon")
        points = np.asarray(polygon.points)
        if points.dtype.kind not in "fiu" or points.ndim != 2 or points.shape[1] != 2:
            raise ValueError("the points of a polygon are an array (N, 2)")
        if not 3 <= len(points) <= MOST_POINTS or not (np.abs(points) <= _FAR).all():
            raise ValueError(f"a polygon has 3 to {MOST_POINTS} points within {_FAR:.0f} pixels")
        return Polygon(points.astype(np.float64), polygon.include)


def _json_object(data: bytes) -> Mapping[str, Any]:
    try:
        found = parse_json(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


OCCLUSION = Mask(outside=255)
POLYGONS = Polygons()
