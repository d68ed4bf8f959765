"""What a file of another program says of one face: plain values, sent from the reader's process as JSON."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

POINTS = 68
"""Landmarks of a face in both formats, in the order of iBUG 300-W."""
MAX_POLYGONS, MAX_POINTS = 1000, 10_000
MAX_MASK_SIDE = 4096
MAX_PICTURE = 64 << 20
"""Bytes of the picture of a face."""
MAX_LINE = 64 << 20
"""Characters of one face as JSON."""
_FAR = 1e6  # pixels
_MAX_NAME = 1024

Point = tuple[float, float]
Matrix = tuple[tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class ForeignPolygon:
    """An outline in pixels of the crop, and whether what is inside is part of the face."""

    include: bool
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class ForeignMask:
    """A mask. ``side`` is that of a square of uint8 values in ``data``; 0 for an encoded image file.

    ``matrix`` takes pixels of the frame to pixels of the mask; ``None`` where it lies on the crop, whatever
    its size.
    """

    name: str
    side: int
    data: bytes
    matrix: Matrix | None


@dataclass(frozen=True, slots=True)
class ForeignFace:
    """A face of another program's faceset.

    ``name`` is that of its file or entry. ``frame`` is the name of the image it was found on. ``number`` is
    the frame's number in its clip, from 0. Coordinates are pixels, with centres at whole numbers:
    ``landmarks`` in the frame as it is stored, ``crop_landmarks`` and ``polygons`` in the picture
    of the face, to which ``crop_matrix`` takes points of the frame. ``span`` is where, in the file that was
    read, the picture of the face is: offset and length; ``None`` where the file itself is the picture, or
    there is none. ``left_out`` names what the file holds besides.
    """

    name: str
    frame: str | None = None
    number: int | None = None
    landmarks: tuple[Point, ...] | None = None
    crop_landmarks: tuple[Point, ...] | None = None
    crop_matrix: Matrix | None = None
    polygons: tuple[ForeignPolygon, ...] = ()
    masks: tuple[ForeignMask, ...] = ()
    span: tuple[int, int] | None = None
    left_out: tuple[str, ...] = ()

    def to_json(self) -> str:
        """One line of JSON. Raises ``ValueError`` for a value that :meth:`from_json` would refuse."""
        self.check()
        value = {
            "name": self.name,
            "frame": self.frame,
            "number": self.number,
            "landmarks": self.landmarks,
            "crop_landmarks": self.crop_landmarks,
            "crop_matrix": self.crop_matrix,
            "polygons": [[polygon.include, polygon.points] for polygon in self.polygons],
            "masks": [
                [mask.name, mask.side, base64.b64encode(mask.data).decode(), mask.matrix]
                for mask in self.masks
            ],
            "span": self.span,
            "left_out": self.left_out,
        }
        return json.dumps(value, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ForeignFace:
        """The face of a line that :meth:`to_json` wrote. Raises ``ValueError`` for anything else."""
        try:
            value = json.loads(text) if len(text) <= MAX_LINE else None
            if not isinstance(value, dict):
                raise ValueError("no face")
            face = cls(
                name=value["name"],
                frame=value["frame"],
                number=value["number"],
                landmarks=_points(value["landmarks"]),
                crop_landmarks=_points(value["crop_landmarks"]),
                crop_matrix=_matrix(value["crop_matrix"]),
                polygons=tuple(
                    ForeignPolygon(include, _points(points) or ()) for include, points in value["polygons"]
                ),
                masks=tuple(
                    ForeignMask(name, side, base64.b64decode(data, validate=True), _matrix(matrix))
                    for name, side, data, matrix in value["masks"]
                ),
                span=_span(value["span"]),
                left_out=tuple(value["left_out"]),
            )
        except (KeyError, TypeError, RecursionError, binascii.Error) as error:
            raise ValueError("no face") from error
        face.check()
        return face

    def check(self) -> None:
        """Raise ``ValueError`` unless every value is of its type and within its limits."""
        _require(_is_name(self.name), "its name")
        _require(self.frame is None or _is_name(self.frame), "the name of its frame")
        _require(self.number is None or _whole(self.number, 2**31), "the number of its frame")
        for points in (self.landmarks, self.crop_landmarks):
            _require(points is None or (len(points) == POINTS and _finite(points)), "its landmarks")
        _require(self.crop_matrix is None or _invertible(self.crop_matrix), "its matrix")
        _require(len(self.polygons) <= MAX_POLYGONS, "the number of its polygons")
        for polygon in self.polygons:
            _require(_is_flag(polygon.include), "a polygon")
            _require(3 <= len(polygon.points) <= MAX_POINTS and _finite(polygon.points), "a polygon")
        for mask in self.masks:
            _require(_is_name(mask.name), "a mask's name")
            _require(_whole(mask.side, MAX_MASK_SIDE), "the side of a mask")
            _require(not mask.side or len(mask.data) == mask.side**2, "the length of a mask")
            _require(mask.matrix is None or _invertible(mask.matrix), "the matrix of a mask")
        _require(self.span is None or all(_whole(part, 2**62) for part in self.span), "where its picture is")
        _require(all(map(_is_name, self.left_out)), "a name")


def _require(right: bool, what: str) -> None:
    if not right:
        raise ValueError(f"{what} cannot be used")


def _points(value: Any) -> tuple[Point, ...] | None:
    if value is None:
        return None
    return tuple((x, y) for x, y in value)


def _matrix(value: Any) -> Matrix | None:
    if value is None:
        return None
    (a, b, c), (d, e, f) = value
    return (a, b, c), (d, e, f)


def _span(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    offset, length = value
    return offset, length


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_NAME


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= _FAR


def _whole(value: object, limit: int) -> bool:
    return type(value) is int and 0 <= value <= limit


def _finite(points: Sequence[Point]) -> bool:
    return all(_number(x) and _number(y) for x, y in points)


def _invertible(matrix: Matrix) -> bool:
    (a, b, _), (d, e, _) = matrix
    return all(map(_number, (*matrix[0], *matrix[1]))) and abs(a * e - b * d) > 1e-9
